"""Claiming rows: leases with an owner and a fence, the same for every `Claimable` table.

`claim` → work → `finish`/`reschedule`, each fenced by (attempt, lease_owner): whoever lost the lease changes nothing.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, CursorResult, or_, select, update
from sqlalchemy.orm import Session

from ..models.base import Claimable

Row = TypeVar("Row", bound=Claimable)


def claim(session: Session, table: type[Row], *where: ColumnElement[bool], owner: str, now: dt.datetime,
          lease: dt.timedelta, limit: int) -> Sequence[Row]:
    """Take up to `limit` due rows that nobody holds, oldest first; each gets `lease_owner`, `lease_until`, attempt + 1."""
    model: Any = table
    due = (select(model.id).where(*where, model.run_at <= now, or_(model.lease_until.is_(None), model.lease_until < now))
           .order_by(model.run_at, model.id).limit(limit))
    if session.get_bind().dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    ids = list(session.scalars(due))
    if not ids:
        return []
    session.execute(update(model).where(model.id.in_(ids)).values(
        lease_owner=owner, lease_until=now + lease, attempt=model.attempt + 1), execution_options={
            "synchronize_session": False})
    rows = session.scalars(select(model).where(model.id.in_(ids)).execution_options(populate_existing=True)).all()
    return sorted(rows, key=lambda row: (row.run_at, row.id))


def held(table: type[Row], row_id: int, owner: str, attempt: int) -> list[ColumnElement[bool]]:
    """The fence: conditions that hold only for the claim (owner, attempt)."""
    model: Any = table
    return [model.id == row_id, model.lease_owner == owner, model.attempt == attempt]


def write(session: Session, table: type[Row], row_id: int, owner: str, attempt: int, **values: Any) -> bool:
    """Change a claimed row; False when the lease was lost (then nothing changed)."""
    result = session.execute(update(table).where(*held(table, row_id, owner, attempt)).values(**values),
                             execution_options={"synchronize_session": False})
    return isinstance(result, CursorResult) and result.rowcount == 1


def finish(session: Session, table: type[Row], row_id: int, owner: str, attempt: int, **values: Any) -> bool:
    """Write the outcome and let go of the lease."""
    return write(session, table, row_id, owner, attempt, lease_owner=None, lease_until=None, **values)


def reschedule(session: Session, table: type[Row], row_id: int, owner: str, attempt: int, *, run_at: dt.datetime,
               error: str, **values: Any) -> bool:
    """Let go of the lease and try again at `run_at`."""
    return finish(session, table, row_id, owner, attempt, run_at=run_at, last_error=error[:500], **values)


def heartbeat(session: Session, table: type[Row], row_id: int, owner: str, attempt: int, *, now: dt.datetime,
              lease: dt.timedelta) -> bool:
    """Extend a lease; False when it was lost: stop working."""
    return write(session, table, row_id, owner, attempt, lease_until=now + lease)


def release_others(session: Session, table: type[Row], owner: str) -> int:
    """Free what everybody but `owner` holds: for a process that knows to be the only one, after another was killed."""
    model: Any = table
    result = session.execute(update(model).where(model.lease_owner.is_not(None), model.lease_owner != owner).values(
        lease_owner=None, lease_until=None), execution_options={"synchronize_session": False})
    return result.rowcount if isinstance(result, CursorResult) else 0


def release_all(session: Session, table: type[Row], owner: str) -> int:
    """Give back everything `owner` holds (clean shutdown), so that others need not wait for the lease to run out."""
    model: Any = table
    result = session.execute(update(model).where(model.lease_owner == owner).values(lease_owner=None, lease_until=None),
                             execution_options={"synchronize_session": False})
    return result.rowcount if isinstance(result, CursorResult) else 0
