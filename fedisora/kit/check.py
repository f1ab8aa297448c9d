"""`fedisora extension check`: everything that can be known about a vocabulary before a server meets it.

The package's code runs in the same child process, under the same limits, as on a server. JSON-LD is expanded by PyLD with
the bundled contexts alone: nothing is fetched.
"""
from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..activitypub import contexts
from ..errors import FedisoraError, Invalid
from ..media.extension_host import ExtensionHost, Patience
from ..provenance import claims
from ..provenance.extension import Extension
from ..provenance.registry import GROUP, described

PASSED_OVER = frozenset({"build", "dist", "venv", ".venv", "node_modules", ".git"})
GUARD = (contexts.AS2, contexts.SECURITY, contexts.DATA_INTEGRITY)
"""Contexts that stand around a claim when it is federated."""


@dataclass(frozen=True)
class Finding:
    """One thing to mend: where, and how."""

    where: str
    message: str


@dataclass(frozen=True)
class Report:
    """The outcome of a check. `extension` None: it could not be loaded."""

    extension: Extension | None
    findings: Sequence[Finding]
    vectors: int = 0


def entry_of(path: Path) -> tuple[str, str, list[Path]]:
    """(name, `module:attribute`, folders to import from) of a project, or of a package with a context.jsonld.

    Raises:
        Invalid: neither; the text says what is missing.
    """
    project = path / "pyproject.toml"
    if project.is_file():
        try:
            points = tomllib.loads(project.read_text()).get("project", {}).get("entry-points", {}).get(GROUP, {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Invalid(f"pyproject.toml cannot be read: {error}", cause=error) from error
        if len(points) != 1:
            raise Invalid(f"pyproject.toml names {len(points)} extensions: give one entry point in "
                          f'[project.entry-points."{GROUP}"], such as film = "fedisora_film:EXTENSION".')
        [(name, value)] = points.items()
        return name, str(value), [path, path / "src"]
    if (path / "context.jsonld").is_file() and (path / "__init__.py").is_file():
        return path.resolve().name, f"{path.resolve().name}:EXTENSION", [path.resolve().parent]
    raise Invalid(f"{path} is no extension: there is no pyproject.toml in it. Make a new one with `fedisora extension new NAME`.")


async def check(path: Path) -> Report:
    """Check the extension in a folder.

    Raises:
        Invalid: there is none.
    """
    name, value, folders = entry_of(path)
    host = ExtensionHost(Patience(importing=20.0, step=2.0), entry=(name, value, [folder.resolve() for folder in folders]))
    answer = await host.inspect()
    if not answer.results:
        return Report(None, [Finding("entry point", fault.message) for fault in answer.faults])
    [found] = answer.results
    problems = [Finding("extension", text) for text in found["problems"]]
    if problems:
        return Report(None, problems)
    extension = described(found["description"])
    problems += [Finding(f"labels/{language}.toml", text) for language, text in _labels(extension)]
    if not extension.types and not found["validates"]:
        problems.append(Finding("types", "It checks nothing: declare `types`, or give a validator."))
    problems += [Finding("context.jsonld", text) for text in expansion_faults(extension.context, extension.namespace)]
    vectors = _vectors(path)
    problems += await _check_vectors(vectors, extension, host)
    if not problems:
        problems += [Finding("extension", text) for text in await _clashes(extension)]
    if not (path / "README.md").is_file():
        problems.append(Finding("README.md", "It is missing: say what the vocabulary is for, and what each term means."))
    return Report(extension, problems, len(vectors))


async def _clashes(extension: Extension) -> list[str]:
    """Installed extensions that claim the same name or namespace (other than this one, when it is installed)."""
    found = []
    for other in (await ExtensionHost().describe()).results:
        same, theirs = other["name"] == extension.name, str(other["namespace"])
        if same != (theirs == extension.namespace) or (not same and (
                theirs.startswith(extension.namespace) or extension.namespace.startswith(theirs))):
            found.append(f"The installed extension {other['name']} claims the same name or namespace ({theirs}): take another.")
    return found


def _labels(extension: Extension) -> Iterator[tuple[str, str]]:
    choices = {f"{term}.{choice}" for model in extension.types.values() for term, rule in model.items()
               for choice in rule.choices}
    for language, texts in sorted(extension.labels.items()):
        missing = [term for term in extension.context if not str(texts.get(term, "")).strip()]
        if missing:
            yield language, f"There is no text for {', '.join(missing)}: add a line {missing[0]} = \"…\"."
        strange = [term for term in texts if term not in extension.context and term not in choices]
        if strange:
            yield language, f"It has texts for {', '.join(strange)}, which are neither terms nor choices."
        long = [term for term, text in texts.items() if len(str(text)) > claims.LONGEST]
        if long:
            yield language, f"The text for {long[0]} has more than {claims.LONGEST} characters."


# ---- JSON-LD
def _load(url: str, _options: Any) -> dict[str, Any]:
    document = contexts.load_bundled(url)
    if document is None:
        raise FedisoraError(f"{url} is not among the bundled contexts, and nothing is fetched.")
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": document}


def expand(document: Mapping[str, Any]) -> list[Any]:
    """A document as PyLD expands it, offline.

    Raises:
        Invalid: it is no JSON-LD, redefines a protected term, or needs a context that is not bundled.
    """
    from pyld import jsonld

    try:
        return list(jsonld.expand(dict(document), {"documentLoader": _load}))
    except Exception as error:  # PyLD wraps what the loader raises, and raises what Python raises on odd input
        cause: BaseException = error
        while cause.__cause__ is not None or getattr(cause, "cause", None) is not None:
            cause = cause.__cause__ or getattr(cause, "cause")  # noqa: B009  # only PyLD's errors have it
        raise Invalid(str(cause).splitlines()[0][:claims.LONGEST], cause=error) from error


def _iris(value: Any) -> Iterator[str]:
    """Properties and types of an expanded document."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "@type" and "@value" not in value:
                yield from item if isinstance(item, list) else [item]
            elif not key.startswith("@"):
                yield key
            yield from _iris(item)
    elif isinstance(value, list):
        for item in value:
            yield from _iris(item)


def expansion_faults(context: Mapping[str, Any], namespace: str) -> list[str]:
    """What PyLD finds: every term has to expand into the namespace, also amid the contexts of a post."""
    found = []
    for term in context:
        probe = {"@context": [*GUARD, contexts.vocabulary_context()["@context"], dict(context)],
                 "@id": "urn:probe", "@type": [term], term: "urn:value"}
        try:
            strangers = [iri for iri in _iris(expand(probe)) if not iri.startswith(namespace)]
        except Invalid as error:
            return [f"{term}: {error.text}"]
        if strangers:
            found.append(f"{term} expands to {strangers[0]}, outside of {namespace}: mend its @id.")
    return found


def _vector_faults(node: Mapping[str, Any], extension: Extension) -> str:
    """Why a claim does not stand by itself; "" when it does."""
    try:
        claims.body_of(node)
        expanded = expand({"@context": list(GUARD), "attachment": {"https://vector.example/claim": dict(node)}})
    except Invalid as error:
        return error.text
    inner = [iri for iri in _iris(expanded) if not iri.startswith((contexts.AS2, "https://vector.example/"))]
    if not any(iri.startswith(extension.namespace) for iri in inner):
        return "Its type is not in the namespace: give it an @context of its own, as `EXTENSION.claim` does."
    lost = [name for name in node if not name.startswith("@") and name not in ("type", "id")
            and claims.expand(name, claims.terms_of(node.get("@context"))) not in inner]
    return f"Its own @context does not define {', '.join(lost)}." if lost else ""


# ---- vectors
def _vectors(path: Path) -> list[Path]:
    return [found for found in sorted(path.rglob("vectors/*.json")) if not PASSED_OVER & set(found.relative_to(path).parts)]


async def _check_vectors(paths: Sequence[Path], extension: Extension, host: ExtensionHost) -> list[Finding]:
    found, items, expected = [], [], dict[int, tuple[str, str | None]]()
    for kind in ("valid", "invalid"):
        if not any(path.name.startswith(f"{kind}-") for path in paths):
            found.append(Finding("vectors", f"There is no {kind} claim: add vectors/{kind}-….json."))
    for number, path in enumerate(paths):
        where = f"vectors/{path.name}"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            node = document["claim"]
            if not isinstance(node, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            found.append(Finding(where, 'It is not {"claim": {…}} as JSON (invalid ones also have "path").'))
            continue
        valid = path.name.startswith("valid-")
        if not valid and not (path.name.startswith("invalid-") and isinstance(document.get("path"), str)):
            found.append(Finding(where, 'Call it valid-….json, or invalid-….json with the "path" of the mistake.'))
            continue
        fault = _vector_faults(node, extension) if valid else ""
        if fault:
            found.append(Finding(where, fault))
            continue
        items.append({"id": number, "node": node})
        expected[number] = (where, None if valid else document["path"])
    answer = await host.judge(items) if items else None
    for result in answer.results if answer else ():
        where, path_of = expected[int(result["id"])]
        text = _verdict_fault(result, path_of)
        if text:
            found.append(Finding(where, text))
    found += [Finding("validator", fault.message if fault.message.startswith("It ") else f"It raised {fault.message}")
              for fault in (answer.faults if answer else ())]
    return found


def _verdict_fault(result: Mapping[str, Any], path: str | None) -> str:
    """Why an answer is not the one that a vector expects; `path` None: a valid one."""
    paths = [problem["path"] for problem in result["problems"]]
    if result["status"] not in ("valid", "invalid"):
        return "The extension did not answer."
    if path is None:
        return f"It should be valid, but {paths[0] or 'the claim'}: {result['problems'][0]['message']}" if paths else ""
    if not paths:
        return "It should be invalid, but nothing is wrong with it."
    return "" if path in paths else f"Its mistake should be at {path!r}, but is at {paths[0]!r}."
