"""Bringing the database schema up to date (Alembic, run by `fedisora migrate` and at every start)."""
from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable
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


def migrate(engine: Engine, *, meanwhile: Callable[[], None] | None = None) -> bool:
    """Run missing migrations; False when there were none (then Alembic is not even imported).

    Args:
        meanwhile: let a forked child migrate, so that the 11 MiB it takes do not stay with a server, and call this while it does.
            Only for a process without threads. What fails in the child is tried again here, which says why.

    Raises:
        ConfigurationError: the database is newer than this program.
    """
    found = current(engine)
    if found == HEAD:
        return False
    if found is not None and found > HEAD:
        raise ConfigurationError(f"The database is at revision {found}, this program knows {HEAD}. Install the newer "
                                 "Fedisora that it was used with.")
    if meanwhile is not None and hasattr(os, "fork") and _upgraded_by_child(engine, meanwhile):
        return True
    _upgrade(engine)
    return True


def _upgraded_by_child(engine: Engine, meanwhile: Callable[[], None]) -> bool:
    engine.dispose()  # no database connection may be shared across a fork
    child = os.fork()
    if child:
        meanwhile()
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
