"""The public module for vocabulary extensions: all that an outsider's package needs, and the only thing it may import.

A package exposes one `Extension` (an attribute `EXTENSION` of a module, or the value itself) under the entry-point
group `fedisora.extensions`. Nothing here is ever removed; fields are only added, with defaults.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Claim", "Extension", "Problem", "Validator"]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a claim.

    Attributes:
        path: which term, e.g. `dataset` or `sources[2].licence`; "" for the whole claim.
        message: one sentence for a person.
    """

    path: str
    message: str


@dataclass(frozen=True)
class Claim:
    """One claim of a record, with names resolved.

    Attributes:
        type: local name of its type in the extension's namespace.
        terms: values by local name, of terms in the extension's namespace, at the top level of the node.
        node: the claim exactly as it was received.
    """

    type: str
    terms: Mapping[str, Any]
    node: Mapping[str, Any] = field(repr=False)


Validator = Callable[[Claim], Sequence[Problem]]
"""Checks a claim. It must be quick, pure and not raise; raising counts as "the extension failed"."""


@dataclass(frozen=True)
class Extension:
    """A vocabulary that records may carry claims in.

    Attributes:
        name: short, lower case, unique: the folder's name.
        namespace: IRI that ends in `#` or `/`; all its types and terms begin with it.
        version: of the package.
        validate: the checker.
        labels: text by term by language: {"en": {"TrainingData": "Training data"}}. English is required.
        context: JSON-LD terms of the namespace, {term: IRI or definition}; only used terms are sent.
    """

    name: str
    namespace: str
    version: str
    validate: Validator
    labels: Mapping[str, Mapping[str, str]]
    context: Mapping[str, Any]

    def label(self, term: str, language: str = "en") -> str:
        """The text for a term in a language, English when there is none, the term itself at last."""
        for choice in (language, language.split("-", maxsplit=1)[0], "en"):
            text = self.labels.get(choice, {}).get(term)
            if text:
                return text
        return term
