"""Alembic's entry: on the connection `fedisora migrate` passes, or on the URL of alembic.ini (development)."""
from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from fedisora.models import Base


def run(connection: Connection) -> None:
    """Run the migrations in one transaction."""
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True,
                      transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with create_engine(str(context.config.get_main_option("sqlalchemy.url"))).connect() as own:
        run(own)
        own.commit()
