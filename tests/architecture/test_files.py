"""Small rooms: no file so long that nobody reads it."""
from __future__ import annotations

from pathlib import Path

import pytest

import fedisora

from .imports import MAPPED, ROOT

LONGEST = 400
SOURCES = sorted(path for folder in ("fedisora", *MAPPED) for path in (ROOT / folder).rglob("*.py")
                 if path.parent.name != "versions")  # migrations are written by a program, one table after the other


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_a_file_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST, f"split it: over {LONGEST} lines"
    if path.name != "__init__.py" or text.strip():
        assert text.startswith(('"""', 'r"""')), "a docstring on top says what the module is"


def test_version_is_said_once() -> None:
    assert f'version = "{fedisora.__version__}"' in (ROOT / "pyproject.toml").read_text()
