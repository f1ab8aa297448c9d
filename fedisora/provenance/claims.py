"""Claims in extension vocabularies: their limits, what they are about, and whether they say what their model allows.

Source: design.md §4 "A stranger adds a vocabulary", vocabulary.md §2 (`claim`). Pure. A claim may come from anybody: nothing
about it is assumed. JSON-LD is read for what claims need (terms, prefixes, `@vocab`, a node's own context), without fetching.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from .. import errors
from .extension import Claim, Extension, Problem, Term
from .record import LARGEST_INTEGER, parse_time

MOST: Final = 32
LARGEST: Final = 16 << 10
"""Bytes of a claim as JSON."""
DEEPEST: Final = 8
LONGEST: Final = 200
"""Characters of a label, a message, a path."""
MOST_PROBLEMS: Final = 20
_NOT_TERMS: Final = frozenset({"@context", "@type", "@id", "type", "id"})
_IRI: Final = re.compile(r"[a-z][a-z0-9+.-]*:\S{1,2000}\Z", re.I)
_DECIMAL: Final = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?\Z", re.ASCII)


def depth(value: Any, most: int = DEEPEST + 1) -> int:
    """How many objects and arrays lie within each other; counting ends at `most`."""
    if most <= 0 or not isinstance(value, Mapping | list | tuple):
        return 0
    inner = value.values() if isinstance(value, Mapping) else value
    return 1 + max((depth(item, most - 1) for item in inner), default=0)


def body_of(node: Mapping[str, Any]) -> bytes:
    """A claim as the JSON that is kept and sent again: members in their order, values as they are.

    Raises:
        Invalid: it is larger or deeper than a claim may be, or holds a number that JSON readers disagree about.
    """
    if depth(node) > DEEPEST:
        raise errors.Invalid(f"A claim may be nested {DEEPEST} levels deep at most.")
    try:
        body = orjson.dumps(node)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise errors.Invalid("A claim holds a value that cannot be written as JSON.", cause=error) from error
    if len(body) > LARGEST:
        raise errors.Invalid(f"A claim may have {LARGEST >> 10} KB at most.")
    return body


def kept(nodes: Sequence[Any]) -> Iterator[tuple[Mapping[str, Any], bytes]]:
    """The claims that can be kept, with their bodies: objects within the limits, the first `MOST` of them."""
    for node in nodes[:MOST]:
        if isinstance(node, Mapping):
            try:
                yield node, body_of(node)
            except errors.Invalid:
                continue  # it is still in the document that it came with


def terms_of(context: object) -> dict[str, str]:
    """Terms, prefixes and `@vocab` of a JSON-LD context (array, object) that stand for an IRI. Addresses are not fetched."""
    found: dict[str, str] = {}
    for part in context if isinstance(context, list) else [context]:
        if isinstance(part, Mapping):
            for term, value in part.items():
                iri = value.get("@id") if isinstance(value, Mapping) else value
                if isinstance(iri, str) and (term == "@vocab" or not str(term).startswith("@")):
                    found[str(term)] = iri
    return found


def expand(name: str, terms: Mapping[str, str], steps: int = 3) -> str:
    """The IRI of a term, `prefix:name` or IRI; the name itself when nothing defines it."""
    target = terms.get(name)
    if target is None:
        prefix, colon, rest = name.partition(":")
        base = terms.get(prefix)
        if colon and not rest.startswith("//") and base is not None:
            target = base + rest
        elif not colon and "@vocab" in terms and not name.startswith("@"):
            return terms["@vocab"] + name
        else:
            return name
    return expand(target, terms, steps - 1) if steps and target != name else target


def namespace_of(iri: str) -> str:
    """The part of a type's IRI that names its vocabulary; "" when it is no IRI."""
    if not _IRI.match(iri):
        return ""
    return iri[:max(iri.rfind("#"), iri.rfind("/")) + 1] or iri.partition(":")[0] + ":"


@dataclass(frozen=True)
class Named:
    """What a claim is about: the IRI of its type (or the bare word), the extension that knows it, and the terms in force."""

    iri: str
    extension: Extension | None
    terms: Mapping[str, str]

    @property
    def namespace(self) -> str:
        return self.extension.namespace if self.extension else namespace_of(self.iri)


def name(node: Mapping[str, Any], context: object, extensions: Sequence[Extension]) -> Named:
    """Find out what a claim is about.

    Args:
        context: `@context` of the document it stands in; None in a manifest. Its own `@context` comes on top. A type that
            neither defines is looked for among the terms of the installed extensions.
    """
    terms = terms_of(context) | terms_of(node.get("@context"))
    given = node.get("type", node.get("@type"))
    types = [kind for kind in (given if isinstance(given, list) else [given])[:8] if isinstance(kind, str) and kind]
    first = ""
    for kind in types:
        iri = expand(kind, terms)
        first = first or iri
        for extension in extensions:
            if iri.startswith(extension.namespace):
                return Named(iri, extension, terms)
    for kind in types:
        if expand(kind, terms) == kind and not _IRI.match(kind):
            for extension in extensions:
                own = terms_of(extension.context)
                iri = expand(kind, own)
                if kind in own and iri.startswith(extension.namespace):
                    return Named(iri, extension, own | terms)
    return Named(first, None, terms)


def _plain(value: Any) -> Any:
    """A JSON-LD value object or reference as the bare value."""
    if isinstance(value, Mapping):
        if "@value" in value:
            return value["@value"]
        if set(value) <= {"@id"} or set(value) <= {"id"}:
            return value.get("@id", value.get("id"))
    return value


def resolve(node: Mapping[str, Any], named: Named) -> Claim:
    """A claim of a known vocabulary with local names, as validators see it."""
    extension = named.extension
    if extension is None:
        raise errors.FedisoraError(cause="resolve: nobody knows this claim")
    namespace = extension.namespace
    return Claim(named.iri.removeprefix(namespace), _local(node, named.terms, namespace), node)


def _local(node: Mapping[str, Any], terms: Mapping[str, str], namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key in _NOT_TERMS:
            continue
        iri = expand(str(key), terms)
        if iri.startswith(namespace):
            found[iri.removeprefix(namespace)] = _value(value, terms, namespace)
    return found


def _value(value: Any, terms: Mapping[str, str], namespace: str) -> Any:
    value = _plain(value)
    if isinstance(value, Mapping):
        terms = {**terms, **terms_of(value.get("@context"))}
        inner = _local(value, terms, namespace)
        kind = value.get("type", value.get("@type"))
        return {"type": expand(kind, terms).removeprefix(namespace), **inner} if isinstance(kind, str) else inner
    if isinstance(value, list):
        return [_value(item, terms, namespace) for item in value]
    return value


def check(claim: Claim, extension: Extension) -> list[Problem]:
    """What a claim says against its extension's model; nothing when the extension declares none."""
    if not extension.types:
        return []
    parts = {term.node for model in extension.types.values() for term in model.values() if term.node}
    model = extension.types.get(claim.type)
    if model is None or claim.type in parts:
        whole = ", ".join(kind for kind in extension.types if kind not in parts)
        return [Problem("", f"The vocabulary {extension.name} has no claim {claim.type[:80]!r}; it has {whole}.")]
    return list(_against(claim.terms, model, extension, ""))[:MOST_PROBLEMS]


def _against(terms: Mapping[str, Any], model: Mapping[str, Term], extension: Extension, where: str) -> Iterator[Problem]:
    for local, rule in model.items():
        path, value = f"{where}{local}", terms.get(local)
        if value is None:
            if rule.required:
                yield Problem(path, "It is missing; a claim of this type needs it.")
            continue
        if not rule.many:
            yield from _one(value, rule, extension, path)
            continue
        values = value if isinstance(value, list) else [value]
        if len(values) > rule.most:
            yield Problem(path, f"It may have {rule.most} values at most.")
            continue
        for number, item in enumerate(values):
            yield from _one(item, rule, extension, f"{path}[{number}]")
    for local in terms:
        if local not in model and local != "type":
            yield Problem(f"{where}{local}"[:LONGEST], "The vocabulary has no such term here: check its spelling.")


def _one(value: Any, rule: Term, extension: Extension, path: str) -> Iterator[Problem]:
    if rule.kind == "node":
        model = extension.types.get(rule.node or "")
        if not isinstance(value, Mapping) or model is None:
            yield Problem(path, f"It is an object of the type {rule.node}.")
        elif value.get("type", rule.node) != rule.node:
            yield Problem(path, f"Its type is {rule.node}, not {str(value['type'])[:80]}.")
        else:
            yield from _against(value, model, extension, f"{path}.")
        return
    message = _MEANT[rule.kind](value, rule)
    if message:
        yield Problem(path, message)


def _text(value: Any, rule: Term) -> str:
    if not isinstance(value, str) or not value.strip():
        return "It is a text."
    if len(value) > rule.longest:
        return f"It may have {rule.longest} characters at most."
    if rule.choices and value not in rule.choices:
        return f"It is one of {', '.join(rule.choices)}."
    if rule.pattern and not re.fullmatch(rule.pattern, value):
        return f"It has the form {rule.pattern}."
    return ""


def _iri(value: Any, rule: Term) -> str:
    if not isinstance(value, str) or not _IRI.match(value):
        return "It is an address, such as https://example.org/…"
    try:
        parts = urlsplit(value)
    except ValueError:
        return "It is an address, such as https://example.org/…"
    if parts.scheme in ("http", "https") and not parts.netloc:
        return "It is an address with a host, such as https://example.org/…"
    return _text(value, rule)


def _range(number: Decimal, rule: Term) -> str:
    if rule.lowest is not None and number < Decimal(rule.lowest):
        return f"It is at least {rule.lowest}."
    if rule.highest is not None and number > Decimal(rule.highest):
        return f"It is at most {rule.highest}."
    return ""


def _integer(value: Any, rule: Term) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_INTEGER:
        return "It is a whole number."
    return _range(Decimal(value), rule)


def _decimal(value: Any, rule: Term) -> str:
    if not isinstance(value, str) or not _DECIMAL.match(value):
        return 'It is a number written as text, such as "0.25": signed JSON has no fractions.'
    try:
        return _range(Decimal(value), rule)
    except InvalidOperation:
        return "It is a number written as text."


def _boolean(value: Any, rule: Term) -> str:
    return "" if isinstance(value, bool) else "It is true or false."


def _time(value: Any, rule: Term) -> str:
    return "" if parse_time(value) else "It is a time with its zone, such as 2026-11-25T10:00:00Z."


_MEANT: Final = {"text": _text, "iri": _iri, "integer": _integer, "decimal": _decimal, "boolean": _boolean, "time": _time}


def storable(node: Mapping[str, Any]) -> str | None:
    """Why a claim of our own author cannot be signed; None when it can.

    Numbers with fractions, and whole ones beyond 2^53, are written differently by different programs, so that a signature
    over them would not hold.
    """
    stack: list[Any] = [node]
    while stack:
        value = stack.pop()
        if isinstance(value, float) or (isinstance(value, int) and abs(value) > LARGEST_INTEGER):
            return f'Write the number {value} as text ("{value}"): signatures do not cover such numbers reliably.'
        if isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return None


def contained(node: Mapping[str, Any], named: Named) -> dict[str, Any]:
    """A claim that stands by itself: with an `@context` of its own for the terms of a known vocabulary that it uses.

    Raises:
        Invalid: nothing says which vocabulary its type is in.
    """
    if not named.namespace:
        kind = node.get("type", node.get("@type"))
        raise errors.Invalid(f"Nothing says what {str(kind)[:80]!r} means: name the type and terms of a claim in its own "
                             '@context, {"term": "https://…"}.')
    if named.extension is None or "@context" in node or expand(str(node.get("type", "")), {}) == named.iri:
        return dict(node)
    used: set[str] = set()
    _words(node, used)
    return {"@context": {term: value for term, value in named.extension.context.items() if term in used}, **node}


def _words(value: Any, found: set[str]) -> None:
    if isinstance(value, Mapping):
        kind = value.get("type", value.get("@type"))
        found.update(value, [kind] if isinstance(kind, str) else ())
        for item in value.values():
            _words(item, found)
    elif isinstance(value, list):
        for item in value:
            _words(item, found)
