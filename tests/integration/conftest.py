"""Every module that asks for `module_database_url` runs twice: on SQLite and on PostgreSQL."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import databases, environment


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """"" for SQLite in the data folder, or the URL of a PostgreSQL database of the module's own."""
    if request.param == "sqlite":
        yield ""
        return
    environment.require("postgresql")
    with databases.postgres_database(environment.POSTGRES) as url:
        yield url
