"""Bringing the database schema up to date (Alembic, run by `fedisora migrate` and at every start)."""
from __future__ import annotations

import contextlib
import importlib.util
import os
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


def migrate(engine: Engine, *, in_child: bool = False) -> bool:
    """Run missing migrations; False when there were none (then Alembic is not even imported).

    Args:
        in_child: let a forked child do it, so that the 11 MiB it takes do not stay with a server. Only for a process without
            threads. What fails there is tried again here, which says why.

    Raises:
        ConfigurationError: the database is newer than this program.
    """
    found = current(engine)
    if found == HEAD:
        return False
    if found is not None and found > HEAD:
        raise ConfigurationError(f"The database is at revision {found}, this program knows {HEAD}. Install the newer "
                                 "Fedisora that it was used with.")
    if in_child and hasattr(os, "fork") and _upgraded_by_child(engine):
        return True
    _upgrade(engine)
    return True


def _upgraded_by_child(engine: Engine) -> bool:
    engine.dispose()  # no database connection may be shared across a fork
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        with contextlib.suppress(Exception):
            _upgrade(engine)
            engine.dispose()
            status = 0
    finally:
        os._exit(status)


def _upgrade(engine: Engine) -> None:
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
