"""What this server says itself, in other languages: sentences that remember what they are made of, and the catalogues they are
looked up in.

A catalogue is a gettext file as translators write it, `LANGUAGE/LC_MESSAGES/messages.po`, in `fedisora/locales/` or in `locales/`
of the data folder, whose entries come first. Adding one is all that a new language needs; `fedisora/locales/messages.pot` is the
template. A sentence without an entry is said in English.
"""
from __future__ import annotations

import functools
import io
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final, Self

import structlog

log = structlog.get_logger()
PACKAGED: Final = Path(__file__).resolve().parent / "locales"
DOMAIN: Final = "messages"
USUAL: Final = "en"


class Sentence(str):
    """An English sentence that can be said in other languages later; everywhere else it is the text that it is.

    `Sentence("At most %(most)s characters.", most=5)`. What is kept in the database is the text alone: such a sentence can be
    looked up only when it has no values.
    """

    __slots__ = ("many", "number", "one", "values")
    one: str
    many: str
    number: int
    values: dict[str, object]

    def __new__(cls, one: str, /, **values: object) -> Self:
        return cls._made(one, "", 1, values)

    @classmethod
    def plural(cls, one: str, many: str, count: int, /, **values: object) -> Self:
        """A sentence about a number of things; `%(count)s` stands for the number."""
        return cls._made(one, many, count, {"count": count, **values})

    @classmethod
    def _made(cls, one: str, many: str, count: int, values: dict[str, object]) -> Self:
        template = many if many and count != 1 else one
        made = super().__new__(cls, template % values if values else template)
        made.one, made.many, made.number, made.values = one, many, count, values
        return made


class Tongue:
    """The sentences of one language. `code`: its BCP 47 tag."""

    def __init__(self, code: str, found: NullTranslations) -> None:
        self.code, self._found = code, found

    def has(self, sentence: Sentence) -> bool:
        """Whether a sentence, and every one in it, can be said in this language."""
        return self.code == USUAL or (self._found.gettext(sentence.one) != sentence.one and all(
            self.has(value) for value in sentence.values.values() if isinstance(value, Sentence)))

    def __call__(self, text: str) -> str:
        """A sentence in this language; as it is when there is no entry for it, or when the entry does not fit."""
        if not isinstance(text, Sentence):
            return self._found.gettext(text) if text else ""
        values = {name: self(value) if isinstance(value, Sentence) else value for name, value in text.values.items()}
        template = self._found.ngettext(text.one, text.many, text.number) if text.many else self._found.gettext(text.one)
        try:
            return template % values if values else template
        except (KeyError, TypeError, ValueError):
            log.warning("a translation does not fit its sentence", language=self.code, sentence=text.one)
            return str(text)


ENGLISH: Final = Tongue(USUAL, NullTranslations())


def tongues(data_dir: Path) -> dict[str, Tongue]:
    """Every language that this server speaks, by its tag in lower case; English always.

    Args:
        data_dir: the data folder, whose `locales/` the operator may have filled. Read once for each process.
    """
    return _tongues(data_dir / "locales")


@functools.cache
def _tongues(own: Path) -> dict[str, Tongue]:
    found: dict[str, Tongue] = {USUAL: ENGLISH}
    for folder in (PACKAGED, own):
        for path in sorted(folder.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
            code = path.parent.parent.name.replace("_", "-")
            read = _read(path)
            if read is None:
                continue
            packaged = found.get(code.lower())
            if packaged is not None:
                read.add_fallback(packaged._found)
            found[code.lower()] = Tongue(code, read)
    return found


def _read(path: Path) -> GNUTranslations | None:
    """A catalogue; None when it cannot be read: nobody's answer fails because of a translator's slip."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import PoFileError, read_po

    compiled = io.BytesIO()
    try:
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, abort_invalid=True))
        compiled.seek(0)
        return GNUTranslations(compiled)
    except (OSError, ValueError, PoFileError) as error:
        log.warning("a catalogue cannot be read", path=str(path), error=str(error))
        return None


def said(tongue: Tongue, *sentences: str) -> tuple[str, str]:
    """Some sentences as one text, and its language: a text is written in one language, so where one sentence has no entry all of
    it is English. What is no `Sentence` stays as it is.
    """
    if not all(tongue.has(sentence) for sentence in sentences if isinstance(sentence, Sentence)):
        tongue = ENGLISH
    return " ".join(tongue(part) if isinstance(part, Sentence) else part for part in sentences), tongue.code


def find(data_dir: Path, *wishes: str | None) -> Tongue:
    """The first of some languages that this server speaks, also in its general form (`pt` for `pt-BR`); English else.

    Args:
        wishes: BCP 47 tags, the dearest first; whatever other servers wrote.
    """
    known = tongues(data_dir)
    for wish in wishes:
        parts = (wish or "").replace("_", "-").lower().split("-")
        for end in range(len(parts), 0, -1):
            if (tongue := known.get("-".join(parts[:end]))) is not None:
                return tongue
    return ENGLISH
