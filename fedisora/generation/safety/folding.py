"""How word lists read a text: look-alike letters, leetspeak, invisible characters and stretched words are undone.

Sources: UAX #15 (NFKC), UTS #39 (confusables, mixed scripts). Letters of another script are folded only in words that mix them
with Latin ones, or that hold nothing but look-alikes; a Russian or Greek word stays what it is. Words with Cyrillic letters
are also read with their Latin ones as Cyrillic.
"""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

_LATIN: Final = {  # Latin letters beside a to z, and marks that do not come apart
    "ı": "i", "ɪ": "i", "ɩ": "i", "ɑ": "a", "ɡ": "g", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ɓ": "b",
    "ɗ": "d", "ƙ": "k", "ɵ": "o", "ʋ": "v", "ƿ": "p", "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ꜰ": "f", "ɢ": "g",
    "ʜ": "h", "ᴊ": "j", "ᴋ": "k", "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ᴏ": "o", "ᴘ": "p", "ʀ": "r", "ꜱ": "s", "ᴛ": "t", "ᴜ": "u",
    "ᴠ": "v", "ᴡ": "w", "ʏ": "y", "ᴢ": "z", "æ": "ae", "œ": "oe", "ə": "e", "ǝ": "e", "ɐ": "a", "ɔ": "c", "ɛ": "e", "ɯ": "w",
    "ɹ": "r", "ʇ": "t", "ʌ": "v"}
_ALIKE: Final = {
    # Cyrillic and Armenian
    "а": "a", "е": "e", "к": "k", "о": "o", "р": "p", "с": "c", "т": "t", "у": "y", "х": "x", "і": "i", "ј": "j", "ѕ": "s",
    "ԁ": "d", "ԛ": "q", "ԝ": "w", "һ": "h", "ӏ": "l", "ո": "n", "օ": "o", "ս": "u", "հ": "h", "ց": "g", "յ": "j", "ѵ": "v",
    # Greek
    "α": "a", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t", "υ": "u", "χ": "x", "ϲ": "c", "ϳ": "j"}
_CYRILLIC: Final = re.compile("[\u0430-\u045f]")
_BACK: Final = str.maketrans({latin: char for char, latin in _ALIKE.items() if _CYRILLIC.match(char)})
"""What passes for a letter beside Cyrillic ones."""
_SIMILAR: Final = _ALIKE | {
    "в": "b", "м": "m", "н": "h", "г": "r", "п": "n", "и": "u", "ь": "b", "з": "e", "ч": "y", "ԍ": "g",
    "β": "b", "γ": "y", "η": "n", "σ": "o", "ω": "w", "ζ": "z", "μ": "u"}
"""What passes for a letter beside Latin ones."""
_LEET: Final = {
    "0": "o", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s", "+": "t", "€": "e",
    "£": "l", "¢": "c"}
_TALL: Final = "1!|"
"""Stand for `i` as well as for `l`: both are tried."""
_BLANK: Final = dict.fromkeys((0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0x180E))
"""Letters that show nothing."""
_ENCLOSED: Final = {  # letters in circles and squares that NFKC leaves alone, and the letters that make up flags
    first + number: chr(97 + number) for first in (0x1F150, 0x1F170, 0x1F1E6) for number in range(26)}
_WORD: Final = re.compile(r"[^\W_]+")
_CONTINUOUS: Final = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
"""Scripts whose words stand together without blanks (and Hangul, whose particles do)."""


def continuous(text: str) -> bool:
    """Whether words of this script are looked for inside others."""
    return _CONTINUOUS.search(text) is not None


def _plain(text: str) -> str:
    """NFKC, lower case, without marks and invisible characters; every kind of blank is one."""
    composed = unicodedata.normalize("NFKC", text.translate(_BLANK)).translate(_ENCLOSED).casefold()
    kept = []
    for char in unicodedata.normalize("NFKD", composed):
        kind = unicodedata.category(char)
        if kind in ("Cc", "Zs", "Zl", "Zp"):
            kept.append(" ")
        elif kind not in ("Mn", "Me", "Cf"):
            kept.append(_LATIN.get(char, char))
    return unicodedata.normalize("NFC", "".join(kept))


def _unmixed(match: re.Match[str]) -> str:
    word = match[0]
    latin = any("a" <= char <= "z" for char in word)
    letters = [char for char in word if char.isalpha()]
    if not latin and not all(char in _ALIKE for char in letters):
        return word
    table = _SIMILAR if latin else _ALIKE
    return "".join(table.get(char, char) for char in word)


def _as_cyrillic(match: re.Match[str]) -> str:
    return match[0].translate(_BACK) if _CYRILLIC.search(match[0]) else match[0]


def _unleet(text: str, tall: str) -> str:
    """Figures and signs as the letters that they stand for, in words that also have letters. A `!` that ends one is no letter."""
    table = str.maketrans(_LEET | dict.fromkeys(_TALL, tall))
    words = []
    for word in text.split(" "):
        bare = word.rstrip("!|+)(<>.,;:?") if word.rstrip("!|+)(<>.,;:?")[-1:].isalnum() else word
        words.append(bare.translate(table) if any(char.isalpha() for char in bare) else word)
    return " ".join(words)


def _words(letters: str, gap: str, unmix: Callable[[re.Match[str]], str] = _unmixed) -> str:
    # Between letters a sign is a gap or nothing; elsewhere it is always a gap.
    bare = re.sub(r"(?<=[^\W_])(?:[^\w\s]|_)+(?=[^\W_])", gap, letters)
    return _WORD.sub(unmix, " ".join(_WORD.findall(bare)))


def readings(text: str) -> tuple[str, ...]:
    """The ways in which a text may be read, each as words with single blanks between: as it stands, with figures as letters, and
    both with signs inside words as gaps and as nothing; words with Cyrillic letters also with all letters as such."""
    plain = _plain(text)
    ways = (_unmixed, _as_cyrillic) if _CYRILLIC.search(plain) else (_unmixed,)
    found = {_words(letters, gap, unmix): None for unmix in ways
             for letters in (plain, _unleet(plain, "i"), _unleet(plain, "l")) for gap in (" ", "")}
    return tuple(found)


def folded(text: str) -> str:
    """A text as `readings` has it, read as it stands."""
    return _words(_plain(text), " ")
