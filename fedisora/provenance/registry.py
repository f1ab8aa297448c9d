"""The installed extensions, and what they say about claims.

Source: design.md §4 "A stranger adds a vocabulary". Pure: the caller passes the entry points in.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from .. import errors
from .extension import Claim, Extension, Problem

GROUP: Final = "fedisora.extensions"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_LONGEST: Final = 200
_MOST_PROBLEMS: Final = 20


class EntryPoint(Protocol):
    """The part of `importlib.metadata.EntryPoint` that we use."""

    @property
    def name(self) -> str: ...

    def load(self) -> Any: ...


def _prefixes(context: object) -> dict[str, str]:
    """Terms and prefixes of a JSON-LD context (array, object) that stand for an IRI."""
    found: dict[str, str] = {}
    for part in context if isinstance(context, list) else [context]:
        if isinstance(part, Mapping):
            for term, value in part.items():
                iri = value.get("@id") if isinstance(value, Mapping) else value
                if isinstance(iri, str) and not term.startswith("@"):
                    found[str(term)] = iri
    return found


def _expand(name: str, prefixes: Mapping[str, str], depth: int = 3) -> str:
    """The IRI of a term, `prefix:name` or IRI; the name itself when nothing defines it."""
    target = prefixes.get(name)
    if target is None:
        prefix, colon, rest = name.partition(":")
        base = prefixes.get(prefix)
        if not colon or rest.startswith("//") or base is None:
            return name
        target = base + rest
    return _expand(target, prefixes, depth - 1) if depth and target != name else target


def _problems(extension: Extension, claim: Claim) -> list[dict[str, str]]:
    try:
        found = list(extension.validate(claim))[:_MOST_PROBLEMS]
    except Exception as error:  # a stranger's code may raise anything, and must not take us along
        found = [Problem("", f"The extension failed on this claim ({type(error).__name__}).")]
    return [{"path": item.path[:_LONGEST], "message": item.message[:_LONGEST]} for item in found]


class Registry:
    """Extensions by name and namespace."""

    def __init__(self, extensions: Iterable[Extension] = ()) -> None:
        """Raises ConfigurationError as `add` does."""
        self._by_namespace: dict[str, Extension] = {}
        for extension in extensions:
            self.add(extension)

    @property
    def extensions(self) -> list[Extension]:
        """All, by name."""
        return sorted(self._by_namespace.values(), key=lambda extension: extension.name)

    def add(self, extension: Extension) -> None:
        """Register one.

        Raises:
            ConfigurationError: a name or namespace is taken, overlaps another, or is malformed; no English labels.
        """
        name, namespace = extension.name, extension.namespace
        if not _NAME.match(name):
            raise errors.ConfigurationError(f"Extension name {name!r}: use lower-case letters, digits and _.")
        if not namespace.startswith(("https://", "http://")) or not namespace.endswith(("#", "/")):
            raise errors.ConfigurationError(f"Extension {name}: its namespace must be an http(s) IRI ending in # or /.")
        if not extension.labels.get("en"):
            raise errors.ConfigurationError(f"Extension {name}: it has no English labels.")
        for other in self._by_namespace.values():
            overlap = namespace.startswith(other.namespace) or other.namespace.startswith(namespace)
            if other.name == name or overlap:
                raise errors.ConfigurationError(f"Extensions {other.name} and {name} claim the same name or namespace: "
                                                "uninstall one of them.")
        self._by_namespace[namespace] = extension

    def find(self, iri: str) -> Extension | None:
        """The extension whose namespace an IRI lies in."""
        return next((found for found in self._by_namespace.values() if iri.startswith(found.namespace)), None)

    def validate(
        self, claims: Iterable[object], *, context: object = None, language: str = "en",
    ) -> list[dict[str, Any]]:
        """What the installed extensions say, one row per claim, in order (vocabulary §5 `claims`).

        Args:
            claims: nodes as received.
            context: the document's `@context`. In a manifest there is none: a claim's own `@context` counts, then the
                terms that installed extensions define.

        Returns:
            [{"extension": name or type, "status": valid|invalid|unknown, "label": text, "problems": [{path, message}]}]
        """
        base: dict[str, str] = {}
        for extension in self._by_namespace.values():
            base |= _prefixes(extension.context)
        base |= _prefixes(context)
        return [self._one(claim, base, language) for claim in claims]

    def _one(self, node: object, base: Mapping[str, str], language: str) -> dict[str, Any]:
        types = node.get("type", node.get("@type")) if isinstance(node, Mapping) else None
        kind = types[0] if isinstance(types, list) and types else types
        if not isinstance(node, Mapping) or not isinstance(kind, str):
            return {"extension": "", "status": "unknown", "label": "Unknown claim", "problems": []}
        prefixes = {**base, **_prefixes(node.get("@context"))}
        iri = _expand(kind, prefixes)
        extension = self.find(iri)
        if extension is None:
            return {"extension": iri[:_LONGEST], "status": "unknown", "label": kind[:_LONGEST], "problems": []}
        local = iri.removeprefix(extension.namespace)
        terms = {}
        for key, value in node.items():
            full = _expand(str(key), prefixes)
            if full.startswith(extension.namespace):
                terms[full.removeprefix(extension.namespace)] = value
        problems = _problems(extension, Claim(type=local, terms=terms, node=node))
        return {"extension": extension.name, "status": "invalid" if problems else "valid",
                "label": extension.label(local, language)[:_LONGEST], "problems": problems}


def discover(entry_points: Iterable[EntryPoint]) -> tuple[Registry, list[str]]:
    """Load the extensions behind entry points of `GROUP` (from `importlib.metadata.entry_points(group=GROUP)`).

    Returns:
        The registry, and one line for each package that could not be imported: a broken one is left out, said aloud in
        `fedisora doctor`, and stops nobody.

    Raises:
        ConfigurationError: two extensions clash, or a loaded value is not an Extension.
    """
    registry, broken = Registry(), []
    for entry in sorted(entry_points, key=lambda item: item.name):
        try:
            loaded = entry.load()
        except Exception as error:  # importing a stranger's package may raise anything
            broken.append(f"extension {entry.name} cannot be loaded: {type(error).__name__}: {error}")
            continue
        extension = getattr(loaded, "EXTENSION", loaded)
        if not isinstance(extension, Extension):
            raise errors.ConfigurationError(f"Extension {entry.name}: its entry point is not an Extension.")
        registry.add(extension)
    return registry, broken
