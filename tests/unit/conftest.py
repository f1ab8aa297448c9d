"""Fixtures of unit tests that need a database: real ones, each test its own."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedisora.db import Database, Instance
from fedisora.models import Base
from fedisora.settings import load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault


@pytest.fixture
def db(tmp_path: Path, database_url: str) -> Iterator[Database]:
    """An empty database with every table, SQLite and PostgreSQL in turn."""
    settings = load_settings(tmp_path, base_url="https://here.example", database_url=database_url)
    database = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()
