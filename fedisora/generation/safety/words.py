"""Finding words and phrases of a list in a text, whole: `Scunthorpe`, `Essex` and `sextant` hold no other word."""
from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from .folding import continuous, folded

_STRETCHED: Final = 3
"""A letter written this often stands for one."""
_LONG: Final = 5
"""Letters from which a word is also found when single letters are doubled: no other words are spelled like that."""
_SPACED: Final = 3
"""Single letters in a row that are read as one word."""
_INSIDE: Final = 4
"""Letters of a word that is found among more letters spaced out like that."""
_LONGEST: Final = 24


def _key(word: str) -> str:
    return "".join(letter for letter, _ in itertools.groupby(word))


def _runs(word: str) -> list[int]:
    return [len(list(group)) for _, group in itertools.groupby(word)]


def _same(token: str, word: str) -> bool:
    """Whether a token is the word, perhaps with stretched letters. Both have the same key."""
    return all(got == wanted or (got > wanted and (got >= _STRETCHED or len(word) >= _LONG))
               for got, wanted in zip(_runs(token), _runs(word), strict=True))


class Words:
    """A list of words and phrases. They are folded as texts are (`folding`).

    `text in words` would be one reading; `find` takes one and gives the entries in it, as they were written.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._index: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._inside: list[tuple[str, str]] = []
        for entry in entries:
            text = folded(entry)
            if continuous(text):
                self._inside.append((text.replace(" ", ""), entry))
                continue
            words = tuple(text.split(" "))
            self._index.setdefault(_key(words[0]), []).append((words, entry))

    def find(self, reading: str) -> set[str]:
        """Entries in a reading of a text (`folding.readings`)."""
        tokens = reading.split(" ")
        found = set(self._whole(tokens))
        for run in _spaced_out(tokens):
            found |= set(self._whole([run]))
            for start in range(len(run)):
                for end in range(start + _INSIDE, min(len(run), start + _LONGEST) + 1):
                    found |= set(self._whole([run[start:end]]))
        if self._inside:
            together = reading.replace(" ", "")
            found |= {entry for text, entry in self._inside if text in together}
        return found

    def _whole(self, tokens: list[str]) -> Iterator[str]:
        for place, token in enumerate(tokens):
            for words, entry in self._index.get(_key(token), ()):
                those = tokens[place:place + len(words)]
                if len(those) == len(words) and all(
                        _key(one) == _key(word) and _same(one, word) for one, word in zip(those, words, strict=True)):
                    yield entry


def _spaced_out(tokens: list[str]) -> Iterator[str]:
    """Words that were written letter by letter."""
    for single, group in itertools.groupby(tokens, lambda token: len(token) == 1 and token.isalpha()):
        letters = list(group)
        if single and len(letters) >= _SPACED:
            yield "".join(letters[:200])
