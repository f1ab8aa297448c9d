"""A new extension passes its checks as it is made, and every mistake is named with the way to mend it."""
from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedisora.errors import Conflict, Invalid
from fedisora.kit.check import check, expansion_faults
from fedisora.kit.scaffold import create
from tests.architecture.imports import ROOT

SPACE = "https://film.example/ns#"
BUNDLED = sorted(path.parent.name for path in (ROOT / "extensions").glob("*/context.jsonld"))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    create("film", tmp_path, SPACE)
    return tmp_path / "film"


def findings(path: Path) -> list[tuple[str, str]]:
    return [(item.where, item.message) for item in asyncio.run(check(path)).findings]


def test_a_new_one_is_right(package: Path) -> None:
    report = asyncio.run(check(package))
    assert report.findings == [] and report.vectors == 3
    assert report.extension is not None and report.extension.namespace == SPACE


@pytest.mark.parametrize("name", BUNDLED)
def test_ours_are_right(name: str) -> None:
    assert findings(ROOT / "extensions" / name) == []


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(package: Path) -> None:
        path = package / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def gone(*names: str) -> Callable[[Path], None]:
    def change(package: Path) -> None:
        for name in names:
            (package / name).unlink()

    return change


CODE, CONTEXT = "fedisora_film/__init__.py", "fedisora_film/context.jsonld"
CLAIM = {"@context": {"Film": SPACE + "Film", "statement": SPACE + "statement"}, "type": "Film", "statement": "x"}


@pytest.mark.parametrize(("change", "where", "words"), [
    (edit(CODE, "from .validate import validate", "from .validated import validate"), "entry point", "No module named"),
    (edit(CODE, 'name="film"', 'name="movie"'), "extension", "use one name"),
    (edit(CONTEXT, f'"{SPACE}statement"', '"https://else.example/statement"'), "extension", "must begin with the namespace"),
    (edit(CONTEXT, '"statement"', '"content"'), "extension", "defines this term already"),
    (edit(CONTEXT, '"statement"', '"proof"'), "extension", "defines this term already"),
    (gone(CONTEXT), "entry point", "FileNotFoundError"),
    (edit(CODE, '"evidence": Term("iri")', '"evident": Term("iri")'), "extension", "add it to context.jsonld"),
    (gone("fedisora_film/vectors/valid-full.json"), "vectors", "no valid claim"),
    (gone("fedisora_film/vectors/invalid-empty.json", "fedisora_film/vectors/invalid-certain.json"), "vectors",
     "no invalid claim"),
    (edit("fedisora_film/validate.py", "    if claim", "    raise KeyError('x')\n    if claim"), "validator", "KeyError"),
    (edit("fedisora_film/validate.py", "    if claim", "    import os; os._exit(1)\n    if claim"), "validator",
     "ended the process")])
def test_a_mistake_is_named(change: Callable[[Path], None], where: str, words: str, package: Path) -> None:
    change(package)
    found = findings(package)
    assert any(place == where and words in message for place, message in found), found
    assert all("\n" not in message for _, message in found)


VECTORS: dict[str, tuple[Any, str]] = {
    "valid-undefined": ({"claim": {**CLAIM, "confidence": "2"}}, "does not define confidence"),
    "valid-wrong": ({"claim": {**CLAIM, "statement": 5}}, "should be valid, but statement"),
    "valid-leaning": ({"claim": {"type": "Film", "statement": "x"}}, "an @context of its own"),
    "valid-address": ({"claim": {**CLAIM, "@context": "https://film.example/context"}}, "nothing is fetched"),
    "valid-long": ({"claim": {**CLAIM, "statement": "x" * 17_000}}, "16 KB"), "valid-list": ([], '"claim"'),
    "invalid-right": ({"path": "", "claim": CLAIM}, "nothing is wrong with it"),
    "invalid-place": ({"path": "evidence", "claim": {**CLAIM, "statement": 5}}, "is at 'statement'"),
    "invalid-nowhere": ({"claim": CLAIM}, '"path"'), "third": ({"claim": CLAIM}, "Call it valid-")}


def test_mistakes_in_vectors_and_words_are_all_named(package: Path) -> None:
    for name, (document, _) in VECTORS.items():
        (package / "fedisora_film" / "vectors" / f"{name}.json").write_text(json.dumps(document))
    edit("fedisora_film/labels/en.toml", "statement =", "statment =")(package)
    (package / "fedisora_film" / "labels" / "de.toml").write_text('Film = "Film"\n')
    gone("README.md")(package)
    found = dict(findings(package)[::-1])
    for name, (_, words) in VECTORS.items():
        assert words in found[f"vectors/{name}.json"], name
    assert 'add a line statement = "…"' in found["labels/en.toml"] and "no text for statement" in found["labels/de.toml"]
    assert "missing" in found["README.md"]
    assert set(found) == {f"vectors/{name}.json" for name in VECTORS} | {"labels/en.toml", "labels/de.toml", "README.md"}


def test_a_name_that_somebody_has(package: Path) -> None:
    for path in ("pyproject.toml", CODE):
        edit(path, 'film = "fedisora' if path == "pyproject.toml" else 'name="film"',
             'energy = "fedisora' if path == "pyproject.toml" else 'name="energy"')(package)
    assert findings(package) == [("extension", "The installed extension energy claims the same name or namespace "
                                               "(https://w3id.org/fedisora/energy#): take another.")]


@pytest.mark.parametrize(("context", "words"), [
    ({"thing": {"@id": SPACE + "thing", "@container": "@heap"}}, "thing"),
    ({"thing": "https://else.example/thing"}, "expands to https://else.example/thing"),
    ({"created": SPACE + "created", "DataIntegrityProof": SPACE + "x"}, "protected")])
def test_what_only_a_json_ld_processor_finds(context: dict[str, object], words: str) -> None:
    assert any(words in text for text in expansion_faults(context, SPACE)), expansion_faults(context, SPACE)


def test_what_is_no_extension(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="fedisora extension new"):
        asyncio.run(check(tmp_path))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(Invalid, match="entry point"):
        asyncio.run(check(tmp_path))
    (tmp_path / "pyproject.toml").write_text("not toml")
    with pytest.raises(Invalid, match="cannot be read"):
        asyncio.run(check(tmp_path))


@pytest.mark.parametrize(("name", "namespace"), [
    ("Film", ""), ("v2", ""), ("../film", ""), ("film", "ftp://x/#"), ("film", "https://x.example/ns"),
    ("film", 'https://x.example/"#')])
def test_names_that_are_none(name: str, namespace: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is not a"):
        create(name, tmp_path, namespace)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(package: Path) -> None:
    with pytest.raises(Conflict, match="there already"):
        create("film", package.parent)
