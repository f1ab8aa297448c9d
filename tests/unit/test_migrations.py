"""The migrations make exactly what the models say, on both databases."""
from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from fedisora.db import Database, Instance
from fedisora.models import Base
from fedisora.schema import migrate
from fedisora.settings import load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault


def test_migrations_equal_models(tmp_path: Path, database_url: str) -> None:
    settings = load_settings(tmp_path, base_url="https://here.example", database_url=database_url)
    db = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    try:
        migrate(db.engine)
        migrate(db.engine)  # again: nothing to do
        with db.engine.connect() as connection:
            differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": False}), Base.metadata)
        assert differences == []
    finally:
        db.close()
