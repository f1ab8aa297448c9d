"""The migrations make exactly what the models say, on both databases."""
from __future__ import annotations

import subprocess
import sys
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


IN_A_CHILD = """
import sys
from sqlalchemy import text
from fedisora.db import make_engine
from fedisora.schema import HEAD, current, migrate
engine = make_engine(sys.argv[1])
if len(sys.argv) > 2:
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {sys.argv[2]} (id integer)"))
print(migrate(engine, in_child=True), current(engine) == HEAD, "alembic" in sys.modules, migrate(engine, in_child=True))
"""


def _in_a_child(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", IN_A_CHILD, *arguments], capture_output=True, text=True, check=False)


def test_a_server_migrates_in_a_child(tmp_path: Path, database_url: str) -> None:
    done = _in_a_child(load_settings(tmp_path, database_url=database_url).effective_database_url)
    assert done.stdout.split() == ["True", "True", "False", "False"], done.stderr


def test_what_fails_in_the_child_is_said(tmp_path: Path, database_url: str) -> None:
    """Somebody else's table is in the way: the child cannot go on, and the server tries itself, to know why."""
    done = _in_a_child(load_settings(tmp_path, database_url=database_url).effective_database_url, "actors")
    assert done.returncode == 1
    assert "already exists" in done.stderr
