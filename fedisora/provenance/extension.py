"""The public module for vocabulary extensions: all that an outsider's package needs, and the only thing it may import.

A package exposes one `Extension` (an attribute `EXTENSION` of a module, or the value itself) under the entry-point
group `fedisora.extensions`. Nothing here is ever removed; fields are only added, with defaults.

An instance never imports a package into its own process. A child process with limits of time and memory does, asks the
extension what it has to say, and ends; whatever goes wrong in there is the extension's fault and nobody else's trouble.
"""
from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final, Literal

__all__ = ["Claim", "Extension", "GenerationHook", "KINDS", "Problem", "Term", "UploadHook", "Validator", "from_package"]

KINDS: Final = ("text", "iri", "integer", "decimal", "boolean", "time", "node")
"""What a term's value may be."""
Kind = Literal["text", "iri", "integer", "decimal", "boolean", "time", "node"]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a claim.

    Attributes:
        path: which term, e.g. `dataset` or `sources[2].licence`; "" for the whole claim.
        message: one sentence for a person, which says how to mend it.
    """

    path: str
    message: str


@dataclass(frozen=True)
class Term:
    """What a term of a claim may say. The declaration is checked for you, before your own validator is asked.

    Attributes:
        kind: one of `KINDS`. `text`: a string. `iri`: an address. `integer`: a whole number within ±2^53. `decimal`: a
            number written as text ("0.25"), since signatures cover JSON whose floats nobody writes alike. `time`:
            RFC 3339 with a time zone. `node`: an object of type `node`.
        required: a claim without it is invalid.
        many: an array of such values; without it exactly one.
        choices: the only values, for `text` and `iri`.
        longest: characters of a text or address; values of an array are counted by `most`.
        most: values of an array.
        lowest, highest: limits of a number, both included, written as text.
        pattern: a regular expression that the whole text matches.
        node: for the kind `node`: name of its type in `Extension.types`.
    """

    kind: Kind = "text"
    required: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    longest: int = 500
    most: int = 50
    lowest: str | None = None
    highest: str | None = None
    pattern: str | None = None
    node: str | None = None


@dataclass(frozen=True)
class Claim:
    """One claim of a record, with names resolved.

    Attributes:
        type: local name of its type in the extension's namespace.
        terms: values by local name, of terms in the extension's namespace. Values of the kind `node` are mappings of the
            same form (`type` is their local type name).
        node: the claim exactly as it was received.
    """

    type: str
    terms: Mapping[str, Any]
    node: Mapping[str, Any] = field(repr=False)


Validator = Callable[[Claim], Sequence[Problem]]
"""Checks a claim whose terms are as declared. Pure: no network, no clock, no files. Raising, or taking longer than two
seconds, counts as a fault of the extension, and the claim is shown as one that could not be checked."""

GenerationHook = Callable[[Mapping[str, Any], Mapping[str, Any]], Sequence[Mapping[str, Any]]]
"""`(request, result)` of a finished generation → claims about the file; none: an empty list.

`request`: `width`, `height` (pixels), `seconds`, `fps`, `seed` (text), `backend`. The prompt is not in it: its author may
want to keep it private. `result`: `generator` {`name`, `model`, `revision`, `licence`, `backend`}, `parameters`,
`digital_source_type`, `width`, `height`, `seconds`, `fps`, `render_seconds` (wall time on this machine), and whatever else
the backend measured, e.g. `energy_joules`; `power_watts` and `power_basis` (`operator`, `card`) where the instance knows
them. Numbers with fractions are text."""

UploadHook = Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
"""`upload` → claims about an uploaded file. `upload`: `description`, `digital_source_type` (IPTC URI or None), and
`wishes`: what the author chose in the form or sent as `fedisora_wishes`, {name: text}, e.g. {"train-ai": "n"}."""


@dataclass(frozen=True)
class Extension:
    """A vocabulary that records may carry claims in.

    Attributes:
        name: short, lower case, unique: the folder's name.
        namespace: IRI that ends in `#` or `/`; all its types and terms begin with it.
        version: of the package, `MAJOR.MINOR`. The context is served at `/ns/NAME/vMAJOR`. A term never changes its
            meaning within a namespace: add terms (a new minor), or take a new namespace (a new major).
        validate: the checker for what `types` cannot say; None when there is nothing more to check.
        labels: text by term by language: {"en": {"TrainingData": "Training data"}}. English is required. A choice may have
            words too: {"consent.opt-in": "The authors agreed"}.
        context: JSON-LD terms of the namespace, {term: IRI or definition}; only used terms are sent.
        types: the claim model: terms by local name, by local name of the type. Empty: only `validate` checks.
        claim_from_generation: see `GenerationHook`.
        claim_from_upload: see `UploadHook`.
        about: one sentence for people: what the vocabulary is for.
    """

    name: str
    namespace: str
    version: str
    validate: Validator | None
    labels: Mapping[str, Mapping[str, str]]
    context: Mapping[str, Any]
    types: Mapping[str, Mapping[str, Term]] = field(default_factory=dict)
    claim_from_generation: GenerationHook | None = None
    claim_from_upload: UploadHook | None = None
    about: str = ""

    def label(self, term: str, language: str = "en") -> str:
        """The text for a term in a language, English when there is none, the term itself at last."""
        for choice in (language, language.split("-", maxsplit=1)[0], "en"):
            text = self.labels.get(choice, {}).get(term)
            if text:
                return text
        return term

    def words(self, term: str, value: str, language: str = "en") -> str:
        """The text for a choice of a term in a language; the value itself when it has none."""
        key = f"{term}.{value}"
        found = self.label(key, language)
        return value if found == key else found

    def claim(self, kind: str, terms: Mapping[str, Any]) -> dict[str, Any]:
        """A claim that stands by itself: it carries the `@context` for exactly the terms it uses.

        Args:
            kind: local name of the type.
            terms: values by local name; a value that is an object carries its own `type`. Terms whose value is None are
                left out.
        """
        said = {name: value for name, value in terms.items() if value is not None}
        node = {"type": kind, **said}
        used = _names(node)
        return {"@context": {term: self.context[term] for term in self.context if term in used}, **node}


def _names(value: Any) -> set[str]:
    """Every term and type name in a node."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        found = {kind} if isinstance(kind, str) else set()
        return found.union(value, *(_names(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(_names(item) for item in value))
    return set()


def from_package(
    package: str, *, name: str, namespace: str, version: str, types: Mapping[str, Mapping[str, Term]],
    validate: Validator | None = None, claim_from_generation: GenerationHook | None = None,
    claim_from_upload: UploadHook | None = None, about: str = "",
) -> Extension:
    """An extension whose `context.jsonld` and `labels/LANGUAGE.toml` lie beside its code, as `fedisora extension new` makes it.

    Args:
        package: `__name__` of the package that holds the files.

    Raises:
        FileNotFoundError, ValueError: a file is missing, or is not what its name says.
    """
    home = resources.files(package)
    context = json.loads(home.joinpath("context.jsonld").read_text(encoding="utf-8"))["@context"]
    labels = {entry.name.removesuffix(".toml"): tomllib.loads(entry.read_text(encoding="utf-8"))
              for entry in home.joinpath("labels").iterdir() if entry.name.endswith(".toml")}
    return Extension(name=name, namespace=namespace, version=version, validate=validate, labels=labels, context=context,
                     types=types, claim_from_generation=claim_from_generation, claim_from_upload=claim_from_upload, about=about)
