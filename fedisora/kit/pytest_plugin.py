"""A pytest plugin for authors of extensions: their vocabulary, its vectors, and assertions about claims, as fixtures.

It is there in every environment that Fedisora is installed in, so it loads nothing until one of its fixtures is used.
"""
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fedisora.provenance.extension import Extension, Problem

VECTORS = {"valid_vector": "valid-", "invalid_vector": "invalid-"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The ini option `fedisora_extension`."""
    parser.addini("fedisora_extension", default="",
                  help="MODULE:ATTRIBUTE of the extension under test (default: as pyproject.toml says)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with `valid_vector` or `invalid_vector` runs once for each file `vectors/valid-*.json` (`invalid-*.json`)."""
    for name, prefix in VECTORS.items():
        if name in metafunc.fixturenames and name not in metafunc.definition.keywords:
            paths = _vectors(metafunc.config.rootpath, prefix)
            metafunc.parametrize(name, paths, ids=[path.stem for path in paths], indirect=True)


def _vectors(root: Path, prefix: str) -> list[Path]:
    from .check import PASSED_OVER

    return [path for path in sorted(root.rglob(f"vectors/{prefix}*.json"))
            if not PASSED_OVER & set(path.relative_to(root).parts)]


@pytest.fixture
def valid_vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One of `vectors/valid-*.json`: {"claim": {…}}."""
    found: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def invalid_vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One of `vectors/invalid-*.json`: {"claim": {…}, "path": "…"}."""
    found: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def extension(pytestconfig: pytest.Config) -> Extension:
    """The extension under test: what `fedisora_extension` in the ini file names, else the entry point in pyproject.toml."""
    from fedisora.errors import FedisoraError
    from fedisora.provenance.registry import GROUP, Registry, load

    from .check import entry_of

    value = str(pytestconfig.getini("fedisora_extension"))
    try:
        name, value, folders = ("extension", value, [pytestconfig.rootpath]) if value else entry_of(pytestconfig.rootpath)
        sys.path[:0] = [str(folder) for folder in folders if str(folder) not in sys.path]
        found = load(metadata.EntryPoint(name, value, GROUP))
        Registry([found])
    except FedisoraError as error:
        pytest.fail(f"no extension to test: {error.text}", pytrace=False)
    return found


def _problems(found: Extension, claim: Mapping[str, Any]) -> list[Problem]:
    from fedisora.provenance.claims import body_of
    from fedisora.provenance.registry import Registry, judge

    body_of(claim)
    named = Registry([found]).name(claim)
    if named.extension is None:
        pytest.fail(f"the type of this claim is not in {found.namespace}: {claim.get('type')!r}", pytrace=False)
    return judge(named, claim)


@pytest.fixture
def assert_valid(extension: Extension) -> Callable[[Mapping[str, Any]], None]:
    """`assert_valid(claim)`: the model and the validator find nothing wrong."""
    def check(claim: Mapping[str, Any]) -> None:
        found = _problems(extension, claim)
        if found:
            pytest.fail("this claim should be valid: " + "; ".join(f"{item.path or 'claim'}: {item.message}" for item in found),
                        pytrace=False)

    return check


@pytest.fixture
def assert_invalid(extension: Extension) -> Callable[..., None]:
    """`assert_invalid(claim, path)`: something is wrong at that path ("" for the whole claim; left out: anywhere)."""
    def check(claim: Mapping[str, Any], path: str | None = None) -> None:
        found = [item.path for item in _problems(extension, claim)]
        if not found or (path is not None and path not in found):
            where = "" if path is None else f" at {path!r}"
            pytest.fail(f"this claim should be invalid{where}; problems: {found}", pytrace=False)

    return check
