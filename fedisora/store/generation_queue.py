"""The generation queue as a line of people: who is next, where one stands, how long things took so far."""
from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Generation


def admit(uow: UnitOfWork, row: Generation) -> None:
    """Put a screened generation into the line: its turn, its expected cost, a ring for the workers."""
    row.state, row.stage, row.progress, row.queued_at, row.run_at = "queued", "", 0.0, uow.now, uow.now
    uow.session.flush()
    uow.ring("generation")
    uow.ring(f"generation:{row.id}")


def take(uow: UnitOfWork, *, models: Collection[str], owner: str, lease: dt.timedelta) -> Generation | None:
    """Claim the next one that a worker with these models can make (or one whose worker died); None when there is none.

    The claim is `lease_owner`, `lease_until` and attempt + 1, as in `store.queue.claim`.
    """
    due = (select(Generation).where(
        Generation.state.in_(("queued", "running")), Generation.model.in_(list(models)), Generation.run_at <= uow.now,
        or_(Generation.lease_until.is_(None), Generation.lease_until < uow.now))
        .order_by(Generation.priority.desc(), Generation.turn, Generation.id).limit(1))
    if uow.session.get_bind().dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    row = uow.session.scalar(due)
    if row is not None:
        row.lease_owner, row.lease_until, row.attempt = owner, uow.now + lease, row.attempt + 1
        uow.session.flush()
    return row


def position(session: Session, row: Generation) -> int:
    """How many are ahead of a queued one."""
    return session.scalar(select(func.count()).select_from(Generation).where(
        Generation.state == "queued", Generation.id < row.id)) or 0


def remember(uow: UnitOfWork, row: Generation, seconds: float, stages: dict[str, float]) -> None:
    """Keep how long a finished one took: `seconds` of GPU time, and seconds by stage."""
