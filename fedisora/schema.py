"""Bringing the database schema up to date (Alembic, run by `fedisora migrate` and at every start)."""
from __future__ import annotations

import importlib.util
from pathlib import Path

from sqlalchemy import Engine, inspect, text

from .errors import ConfigurationError

HEAD = "0005"
"""Revision the code expects; checked at start without importing Alembic when the database is already there."""


def current(engine: Engine) -> str | None:
    """The database's revision; None before the first migration."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(engine: Engine) -> bool:
    """Run missing migrations; False when there were none (then Alembic is not even imported).

    Raises:
        ConfigurationError: the database is newer than this program.
    """
    found = current(engine)
    if found == HEAD:
        return False
    if found is not None and found > HEAD:
        raise ConfigurationError(f"The database is at revision {found}, this program knows {HEAD}. Install the newer "
                                 "Fedisora that it was used with.")
    from alembic import command
    from alembic.config import Config

    spec = importlib.util.find_spec("fedisora.migrations")
    if spec is None or spec.origin is None:
        raise ConfigurationError("The migrations are missing from this installation. Install Fedisora again.")
    config = Config()
    config.set_main_option("script_location", str(Path(spec.origin).parent))
    writing = engine.execution_options(writing=True)
    with writing.begin() as connection:
        if engine.dialect.name == "postgresql":  # two processes starting at once: one migrates, the other waits
            connection.execute(text("SELECT pg_advisory_xact_lock(776655001)"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True
