"""IPTC digital source types: how a file came to be, in the field's own URIs.

Source: IPTC NewsCodes `digitalsourcetype`; vocabulary.md §1 (labels, hashtags) and §5 (undeclared is never "human").
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .. import errors

BASE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True)
class SourceType:
    """One IPTC value.

    Attributes:
        uri: the IPTC URI, the same in ActivityPub and in C2PA.
        kind: `machine`, `mixed`, `human`, `procedural` or `undeclared`.
        label: what a badge says.
        adjective: starts a sentence about a file: "AI-generated video".
        hashtag: shown in the post and sent in `tag`, when the vocabulary asks for one.
    """

    uri: str
    kind: str
    label: str
    adjective: str
    hashtag: str | None = None


def _source(name: str, kind: str, label: str, adjective: str, hashtag: str | None = None) -> SourceType:
    return SourceType(BASE + name, kind, label, adjective, hashtag)


TRAINED: Final = BASE + "trainedAlgorithmicMedia"
COMPOSITE_TRAINED: Final = BASE + "compositeWithTrainedAlgorithmicMedia"
ALGORITHMIC: Final = BASE + "algorithmicMedia"
CAPTURE: Final = BASE + "digitalCapture"
COMPOSITE: Final = BASE + "composite"
HUMAN_EDITS: Final = BASE + "humanEdits"

_TABLE: Final = (
    _source("trainedAlgorithmicMedia", "machine", "AI-generated", "AI-generated", "#AIGenerated"),
    _source("compositeWithTrainedAlgorithmicMedia", "mixed", "AI-modified", "AI-modified", "#AIModified"),
    _source("algorithmicMedia", "procedural", "Procedural, not AI", "Procedural", "#Procedural"),
    _source("digitalCapture", "human", "Captured with a camera", "Camera-captured"),
    _source("computationalCapture", "human", "Captured with a camera", "Camera-captured"),
    _source("negativeFilm", "human", "Digitised from film", "Digitised"),
    _source("positiveFilm", "human", "Digitised from film", "Digitised"),
    _source("print", "human", "Digitised from print", "Digitised"),
    _source("humanEdits", "human", "Edited by a person", "Person-edited"),
    # IPTC renamed this one to humanEdits; files signed before still carry it.
    _source("minorHumanEdits", "human", "Edited by a person", "Person-edited"),
    _source("digitalCreation", "human", "Made by a person with digital tools", "Digitally made"),
    _source("digitalArt", "human", "Made by a person with digital tools", "Digitally made"),
    _source("algorithmicallyEnhanced", "mixed", "Enhanced by an algorithm", "Algorithmically enhanced"),
    _source("dataDrivenMedia", "procedural", "Drawn from data", "Data-driven"),
    _source("screenCapture", "undeclared", "Screen recording", "Screen-captured"),
    _source("virtualRecording", "undeclared", "Recorded in a virtual world", "Virtually recorded"),
    _source("composite", "undeclared", "Composite, parts not declared", "Composite"),
    _source("compositeCapture", "human", "Composite of camera captures", "Composite camera-captured"),
    _source("compositeSynthetic", "mixed", "Composite with synthetic parts", "Partly synthetic"),
)
KNOWN: Final[dict[str, SourceType]] = {entry.uri: entry for entry in _TABLE}
"""Every value we understand, by URI."""

BY_PROGRAM: Final = "Composite, made by a program"
"""The label of a composite that names what generated it: a picture that the procedural generator set in motion, say."""
UNDECLARED_LABEL: Final = "Undeclared"

CHOICES: Final[dict[str, str | None]] = {
    "captured": CAPTURE,
    "edited": HUMAN_EDITS,
    "ai-generated": TRAINED,
    "mixed": COMPOSITE_TRAINED,
    "other": None,
    "undeclared": None,
}
"""What an uploader can say about a file, and the URI that says it. `other` and `undeclared` say nothing."""


def declare(choice: str) -> str | None:
    """The IPTC URI for an uploader's choice (a key of `CHOICES`), None for "undeclared".

    Raises:
        Invalid: an unknown choice.
    """
    try:
        return CHOICES[choice or "undeclared"]
    except KeyError:
        raise errors.Invalid(f"Say how this was made with one of: {', '.join(CHOICES)}.") from None


def _canonical(uri: str | None) -> str | None:
    """The table's spelling of a URI: people write https:// too."""
    if uri and uri.startswith("https://cv.iptc.org/"):
        return "http://" + uri.removeprefix("https://")
    return uri


def find(uri: str | None) -> SourceType | None:
    """The table entry of a URI, None when it is absent or unknown."""
    canonical = _canonical(uri)
    return KNOWN.get(canonical) if canonical else None


def kind_of(uri: str | None) -> str:
    """`machine`, `mixed`, `human`, `procedural`; `undeclared` for absent and unknown values."""
    entry = find(uri)
    return entry.kind if entry else "undeclared"


_STRICTNESS: Final = ("human", "undeclared", "procedural", "mixed", "machine")


def stricter(*uris: str | None) -> str | None:
    """Of several statements about one file, the one that admits to most machine; None when there is none."""
    given = [uri for uri in uris if uri]
    return max(given, key=lambda uri: _STRICTNESS.index(kind_of(uri)), default=None)


def made_of(uris: Iterable[str | None]) -> str | None:
    """How the files of one post were made, the most machine among them (a kind of `SourceType`); None when it has none."""
    return max((kind_of(uri) for uri in uris), key=_STRICTNESS.index, default=None)


def admits_more(new: str | None, old: str | None) -> bool:
    """Whether a statement admits to at least as much machine as another; saying nothing ranks above saying "a human"."""
    return _STRICTNESS.index(kind_of(new)) >= _STRICTNESS.index(kind_of(old))


def same(one: str | None, other: str | None) -> bool:
    """Whether two statements are the same term; http and https spell the same (people write both)."""
    return _canonical(one) == _canonical(other)


def weaker(uri: str | None, than: str | None) -> bool:
    """Whether a statement admits to less machine than another one."""
    return _STRICTNESS.index(kind_of(uri)) < _STRICTNESS.index(kind_of(than))


def label_for(uri: str | None) -> str:
    """What a badge says in English. An unknown value is "Undeclared", never guessed."""
    entry = find(uri)
    return entry.label if entry else UNDECLARED_LABEL


def hashtag_for(uri: str | None) -> str | None:
    """`#AIGenerated`, `#AIModified`, `#Procedural`, or None (vocabulary §1)."""
    entry = find(uri)
    return entry.hashtag if entry else None
