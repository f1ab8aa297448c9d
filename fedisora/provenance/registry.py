"""The installed extensions: which may stand beside each other, and what they say about claims.

Source: design.md §4 "A stranger adds a vocabulary". Pure: the caller passes the entry points in. A server's own processes
know extensions by their description alone (`describe`, `described`); their code runs in `media.extension_child`.
"""
from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

import orjson

from .. import errors
from ..activitypub import contexts
from . import claims
from .extension import KINDS, Extension, Problem, Term

GROUP: Final = "fedisora.extensions"
HOOKS: Final = ("claim_from_generation", "claim_from_upload")
LARGEST_DESCRIPTION: Final = 64 << 10
"""Bytes of a vocabulary's names, labels and model as JSON."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_VERSION: Final = re.compile(r"(\d{1,3})(?:\.\d{1,5}){0,3}[a-z0-9.+-]{0,12}\Z", re.ASCII)
_DEFINITION: Final = frozenset({"@id", "@type", "@container", "@language"})
_RESERVED: Final = (contexts.AS2, contexts.SECURITY, contexts.MULTIKEY, contexts.DATA_INTEGRITY, contexts.FEDISORA)


class EntryPoint(Protocol):
    """The part of `importlib.metadata.EntryPoint` that we use."""

    @property
    def name(self) -> str: ...

    def load(self) -> Any: ...


@functools.cache
def reserved_terms() -> frozenset[str]:
    """Terms of ActivityStreams, of the security contexts and of our own vocabulary: nobody may give them another meaning."""
    found: set[str] = set()
    for url in _RESERVED:
        document = contexts.load_bundled(url) or {}
        stack: list[Any] = [document.get("@context")]
        while stack:
            part = stack.pop()
            if isinstance(part, list):
                stack.extend(part)
            elif isinstance(part, Mapping):
                found.update(term for term in part if not term.startswith("@"))
    return frozenset(found)


def major(version: str) -> int:
    """N of the address `/ns/NAME/vN` under which a version's context is served.

    Raises:
        ConfigurationError: not a version.
    """
    match = _VERSION.match(version)
    if match is None:
        raise errors.ConfigurationError(f"{version[:40]!r} is not a version: use MAJOR.MINOR, such as 1.0.")
    return int(match[1])


def faults_of(extension: Extension) -> list[str]:
    """What is wrong with an extension by itself, one sentence each that says how to mend it."""
    name, namespace, found = extension.name, extension.namespace, []
    if not isinstance(name, str) or not _NAME.match(name) or re.match(r"v\d+\Z", name):
        return [f"Its name {str(name)[:40]!r} is not one: use up to 40 lower-case letters, digits and _."]
    if not isinstance(namespace, str) or not re.match(r"https?://[^/\s]+/(?:\S*[#/])?\Z", namespace) or len(namespace) > 200:
        return ["Its namespace must be an http(s) IRI of up to 200 characters that ends in # or /."]
    if namespace.startswith((contexts.NAMESPACE, *(iri for iri in contexts.PREFIXES.values()), contexts.AS2)):
        found.append(f"Its namespace {namespace} belongs to another vocabulary: use an address of your own.")
    if not isinstance(extension.version, str) or not _VERSION.match(extension.version) or len(extension.version) > 32:
        found.append(f"Its version {str(extension.version)[:40]!r} is not one: use MAJOR.MINOR, such as 1.0.")
    if not extension.labels.get("en"):
        found.append("It has no English labels: add labels/en.toml.")
    for language, texts in extension.labels.items():
        odd = [term for term, text in texts.items() if not isinstance(text, str)]
        if odd:
            found.append(f"labels/{language}.toml: {odd[0]!r} is no text: put a name with a dot in quotes.")
    if not extension.context:
        found.append("Its context is empty: name its terms in context.jsonld.")
    for term, definition in extension.context.items():
        problem = _definition_fault(term, definition, namespace)
        if problem:
            found.append(f"context: {term!r}: {problem}")
    known = set(extension.context)
    for kind, model in extension.types.items():
        for term, rule in {kind: Term(), **model}.items():
            if term not in known:
                found.append(f"types: {term!r} is not in the context: add it to context.jsonld.")
            if rule.kind not in KINDS or (rule.kind == "node" and rule.node not in extension.types):
                found.append(f"types: {kind}.{term}: its kind {rule.kind!r} is none of {', '.join(KINDS)}, or its node no type.")
    return found


def _definition_fault(term: str, definition: Any, namespace: str) -> str:
    iri = definition.get("@id") if isinstance(definition, Mapping) else definition
    if term.startswith("@"):
        return "a keyword changes how other terms are read; leave it out."
    if term in reserved_terms():
        return "ActivityStreams, a security context or Fedisora defines this term already: take another word."
    if isinstance(definition, Mapping) and not set(definition) <= _DEFINITION:
        return f"a definition may have {', '.join(sorted(_DEFINITION))} and nothing else."
    if not isinstance(iri, str) or not iri.startswith(namespace):
        return f"its IRI must begin with the namespace {namespace}."
    return ""


def describe(extension: Extension) -> dict[str, Any]:
    """Everything about an extension but its code, as JSON."""
    return {
        "name": extension.name, "namespace": extension.namespace, "version": extension.version, "about": extension.about,
        "labels": {language: dict(texts) for language, texts in extension.labels.items()}, "context": dict(extension.context),
        "types": {kind: {term: dataclasses.asdict(rule) for term, rule in model.items()}
                  for kind, model in extension.types.items()},
        "hooks": [hook for hook in HOOKS if getattr(extension, hook) is not None]}


def described(node: Mapping[str, Any]) -> Extension:
    """The extension of a description: everything but its code."""
    types = {kind: {term: Term(**{**rule, "choices": tuple(rule["choices"])}) for term, rule in model.items()}
             for kind, model in node["types"].items()}
    return Extension(name=node["name"], namespace=node["namespace"], version=node["version"], validate=None,
                     labels=node["labels"], context=node["context"], types=types, about=node["about"])


def judge(named: claims.Named, node: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a claim of a known vocabulary: its model first, then the extension's own validator.

    Raises:
        anything: what the validator raises. TooLarge: it answers more problems than anybody would read.
    """
    extension = named.extension
    assert extension is not None
    claim = claims.resolve(node, named)
    answered = claims.check(claim, extension)[:claims.MOST_PROBLEMS]
    if not answered and extension.validate is not None:
        answered = list(islice(iter(extension.validate(claim)), claims.MOST_PROBLEMS + 1))
    if len(answered) > claims.MOST_PROBLEMS:
        raise errors.TooLarge(f"The validator answered more than {claims.MOST_PROBLEMS} problems.")
    return [Problem(_line(item.path), _line(item.message)) for item in answered]


def _line(text: object) -> str:
    """A text that can be kept and shown; parts of it may come from the claim."""
    return str(text).replace("\0", "")[:claims.LONGEST]


def row(named: claims.Named, language: str = "en", *, problems: Sequence[Problem] | None = None,
        failed: bool = False) -> dict[str, Any]:
    """One claim of a verdict (vocabulary §5): {"extension", "status", "label", "problems"}.

    Args:
        problems: what the extension found; None when nobody was asked.
        failed: the extension did not answer.
    """
    extension = named.extension
    if extension is None:
        where = named.namespace[:claims.LONGEST]
        return {"extension": where, "status": "unknown", "problems": [],
                "label": f"Unknown claim from {where}" if where else "Unknown claim"}
    local = named.iri.removeprefix(extension.namespace)
    if failed:
        problems = [Problem("", f"The extension {extension.name} failed on this claim.")]
    status = "unknown" if problems is None or failed else "invalid" if problems else "valid"
    return {"extension": extension.name, "status": status, "label": extension.label(local, language)[:claims.LONGEST],
            "problems": [{"path": item.path, "message": item.message} for item in problems or ()]}


class Registry:
    """Extensions by name and namespace."""

    def __init__(self, extensions: Iterable[Extension] = ()) -> None:
        """Raises ConfigurationError as `add` does."""
        self._by_name: dict[str, Extension] = {}
        for extension in extensions:
            self.add(extension)

    @property
    def extensions(self) -> list[Extension]:
        """All, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def get(self, name: str) -> Extension | None:
        """The extension of a name."""
        return self._by_name.get(name)

    def add(self, extension: Extension) -> None:
        """Register one.

        Raises:
            ConfigurationError: a name or namespace is taken, overlaps another, or is malformed; it redefines what is not its
                own; no English labels; it is too large.
        """
        problems = faults_of(extension)
        if problems:
            raise errors.ConfigurationError(f"Extension {str(extension.name)[:40]}: {problems[0]}")
        if len(orjson.dumps(describe(extension))) > LARGEST_DESCRIPTION:
            raise errors.ConfigurationError(f"Extension {extension.name}: its terms and labels are larger than "
                                            f"{LARGEST_DESCRIPTION >> 10} KB.")
        for other in self._by_name.values():
            overlap = extension.namespace.startswith(other.namespace) or other.namespace.startswith(extension.namespace)
            if other.name == extension.name or overlap:
                raise errors.ConfigurationError(f"Extensions {other.name} and {extension.name} claim the same name or "
                                                "namespace: uninstall one of them.")
        self._by_name[extension.name] = extension

    def name(self, node: Mapping[str, Any], context: object = None) -> claims.Named:
        """What a claim is about, see `claims.name`."""
        return claims.name(node, context, self.extensions)


def load(entry: EntryPoint) -> Extension:
    """The extension behind an entry point.

    Raises:
        ConfigurationError: it is not an Extension.
        anything: what importing the package raises.
    """
    loaded = entry.load()
    extension = getattr(loaded, "EXTENSION", loaded)
    if not isinstance(extension, Extension):
        raise errors.ConfigurationError(f"The entry point {entry.name} is not an Extension: let it name MODULE:EXTENSION.")
    return extension
