"""A village for what people may do about one another's verification."""
from __future__ import annotations

import pytest

from fedisora.db import Database
from tests.support.neighbours import Village


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What differs between databases asks for both by itself."""
    return sqlite_url


@pytest.fixture
def village(db: Database) -> Village:
    """Three verified people (by clip), and others who are not."""
    found = Village.on(db, "ann", "ben", "cat", "dan", "eve", "fay", "gus", "hal")
    found.verify("ann", "ben", "cat")
    return found
