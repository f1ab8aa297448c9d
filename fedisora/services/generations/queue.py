"""What people do with what waits or runs: where it stands, cancel, try again."""
from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden
from ...models import Actor, Generation
from .asking import OFF, get, move
from .states import UNFINISHED


def position(session: Session, generation: Generation) -> int:
    """How many queued generations are ahead of this one."""
    return session.scalar(select(func.count()).select_from(Generation).where(
        Generation.state == "queued", Generation.id < generation.id)) or 0


def cancel(uow: UnitOfWork, actor: Actor, generation_id: int) -> Generation:
    """Stop a queued or running generation; a running one stops at its next step."""
    row = get(uow.session, actor, generation_id)
    if row.state not in UNFINISHED:
        raise Conflict(f"This video is {row.state}; there is nothing to cancel.")
    waiting = uow.session.execute(update(Generation).where(
        Generation.id == row.id, Generation.state == "queued", Generation.lease_owner.is_(None))
        .values(state="cancelled", finished_at=uow.now), execution_options={"synchronize_session": False})
    uow.session.refresh(row)
    if getattr(waiting, "rowcount", 0) != 1:  # a worker has it, perhaps since a moment ago
        row.cancel_requested = True
    uow.ring(f"generation:{row.id}")
    uow.ring("generation")
    return row


def retry(uow: UnitOfWork, actor: Actor, generation_id: int) -> Generation:
    """Queue a failed or cancelled generation again.

    Raises:
        Forbidden: this instance makes none (any more).
    """
    if uow.settings.ai_policy == "ai-free":
        raise Forbidden(OFF)
    row = get(uow.session, actor, generation_id)
    move(uow, row, "queued")
    row.cancel_requested, row.error, row.progress, row.stage = False, None, 0.0, "queued"
    row.attempt, row.run_at, row.finished_at = 0, uow.now, None
    uow.ring("generation")
    return row
