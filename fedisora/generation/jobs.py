"""The SQL side of a generation: claim, progress, outcome. Every write is fenced by the claim (attempt, lease owner)."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from ..db import UnitOfWork
from ..models import Generation, Media
from ..store import fingerprints, queue
from ..store.actors import maker_of
from ..store.media import plan_extras

LEASE = dt.timedelta(seconds=15)
ATTEMPTS = 3


@dataclass(frozen=True)
class Claim:
    """One claimed generation, as plain values for the host."""

    id: int
    actor_id: int
    attempt: int
    owner: str
    prompt: str
    seed: int
    width: int
    height: int
    seconds: float
    fps: int
    backend: str


def claim(uow: UnitOfWork, owner: str, backend: str) -> Claim | None:
    """Take the oldest waiting generation (or one whose worker died); None when there is nothing to do.

    A generation whose worker died `ATTEMPTS` times fails: what kills a worker would kill the next one too.
    """
    rows = queue.claim(uow.session, Generation, Generation.state.in_(("queued", "running")),
                       Generation.backend == backend, owner=owner, now=uow.now, lease=LEASE, limit=1)
    for row in rows:
        if row.cancel_requested:
            finish(uow, row.id, owner, row.attempt, "cancelled")
        elif row.attempt > ATTEMPTS:
            finish(uow, row.id, owner, row.attempt, "failed",
                   error="Making this video stopped the worker three times. Please try another prompt or size.")
        else:
            queue.write(uow.session, Generation, row.id, owner, row.attempt, state="running", stage="starting",
                        progress=0.0, started_at=uow.now)
            uow.ring(f"generation:{row.id}")
            return Claim(row.id, row.actor_id, row.attempt, owner, row.prompt, int(row.seed), row.width, row.height,
                         row.seconds, row.fps, row.backend)
    return None


def progress(uow: UnitOfWork, held: Claim, stage: str, fraction: float) -> bool:
    """Write progress and renew the lease. False: stop (cancelled, or the lease was lost)."""
    ok = queue.write(uow.session, Generation, held.id, held.owner, held.attempt, stage=stage,
                     progress=round(min(1.0, max(0.0, fraction)), 4), lease_until=uow.now + LEASE)
    if not ok:
        return False
    uow.ring(f"generation:{held.id}")
    return not uow.session.scalar(select(Generation.cancel_requested).where(Generation.id == held.id))


def finish(uow: UnitOfWork, generation_id: int, owner: str, attempt: int, state: str, **values: Any) -> bool:
    """Write the outcome (`failed` or `cancelled`); False when the lease was lost."""
    done = queue.finish(uow.session, Generation, generation_id, owner, attempt, state=state, finished_at=uow.now, **values)
    uow.ring(f"generation:{generation_id}")
    return done


def requeue(uow: UnitOfWork, held: Claim, error: str, delay: dt.timedelta) -> bool:
    """Try again later (the child crashed, the GPU ran out of memory); fails for good after `ATTEMPTS`."""
    if held.attempt >= ATTEMPTS:
        return finish(uow, held.id, held.owner, held.attempt, "failed", last_error=error[:500],
                      error="Making this video failed three times. You can try again.")
    done = queue.reschedule(uow.session, Generation, held.id, held.owner, held.attempt, run_at=uow.now + delay,
                            error=error, state="queued", stage="queued", progress=0.0)
    uow.ring(f"generation:{held.id}")
    return done


def to_draft(uow: UnitOfWork, held: Claim, media: Media, result: dict[str, Any]) -> bool:
    """The finished file becomes a draft of its author: media row and state in one transaction; False: lease lost."""
    if not queue.write(uow.session, Generation, held.id, held.owner, held.attempt, stage="done"):
        return False
    media.record = maker_of(uow.session, held.actor_id)
    uow.session.add(media)
    uow.session.flush()
    fingerprints.plan(uow, media.id)
    plan_extras(uow, media)
    uow.ring(f"generation:{held.id}")
    return queue.finish(uow.session, Generation, held.id, held.owner, held.attempt, state="draft", progress=1.0,
                        finished_at=uow.now, media_id=media.id, result=result, error=None)


def release(uow: UnitOfWork, owner: str) -> None:
    """Clean shutdown: put what `owner` was doing back in the queue without counting the attempt."""
    uow.session.execute(update(Generation).where(Generation.lease_owner == owner, Generation.state == "running").values(
        state="queued", stage="queued", progress=0.0, lease_owner=None, lease_until=None, attempt=Generation.attempt - 1),
        execution_options={"synchronize_session": False})
