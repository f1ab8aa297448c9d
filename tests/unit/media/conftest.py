"""A house with an empty database and folder."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedisora.app import House, build_house
from fedisora.settings import load_settings


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build_house(load_settings(tmp_path, base_url="https://here.example", database_url=sqlite_url))
    yield made
    made.db.close()
