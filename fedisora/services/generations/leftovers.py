"""What no job looks after any more is given one."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import or_, select

from ...db import UnitOfWork
from ...models import Generation
from ...store import jobs

PASSING = {"submitted": "screen_generation", "screening": "screen_generation", "publishing": "publish_generation"}
"""States that a job leads out of."""
STUCK = dt.timedelta(minutes=10)
AT_ONCE = 500


def unstick(uow: UnitOfWork) -> int:
    """Plan the job of generations that have been in a passing state for long (theirs used up its tries, or was lost with a
    restored backup); how many there were. Planning twice is harmless: the jobs look at the state first."""
    rows = uow.session.scalars(select(Generation).where(
        Generation.state.in_(PASSING), Generation.run_at < uow.now - STUCK,
        or_(Generation.lease_until.is_(None), Generation.lease_until < uow.now)).order_by(Generation.run_at).limit(AT_ONCE)).all()
    for row in rows:
        jobs.enqueue(uow, PASSING[row.state], {"generation_id": row.id}, key=str(row.id))
        row.run_at = uow.now
    uow.session.flush()
    return len(rows)
