"""What administrators do with the queue: pause and go on, cancel, priorities, drain a worker."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Conflict, Invalid, NotFound
from ...models import Actor, Generation, GenerationLane, GenerationWorker
from ...store import generation_queue, generation_workers
from .queue import stop

MAX_REASON = 300
PRIORITIES = range(-10, 11)
PENDING = ("queued", "running", "held", "submitted", "screening")


def pause(uow: UnitOfWork, admin: Actor, gpu_class: str, reason: str) -> GenerationLane:
    """Let nothing new start in a lane; what runs goes on. Who waits reads the reason.

    Raises:
        Invalid: no reason, or no such lane.
    """
    text = " ".join(reason.split())[:MAX_REASON]
    if not text:
        raise Invalid("Please say why the queue is paused. Who waits will read it.", code="no-reason")
    if gpu_class not in lanes(uow.session):
        raise Invalid(f"There is no lane {gpu_class}. There are: {', '.join(lanes(uow.session)) or 'none yet'}.", code="no-lane")
    row = generation_queue.lane(uow, gpu_class)
    row.paused_at, row.paused_by, row.reason = row.paused_at or uow.now, admin.id, text
    _ring_waiting(uow, gpu_class)
    return row


def resume(uow: UnitOfWork, gpu_class: str) -> GenerationLane:
    """Let a paused lane go on. Doing it twice changes nothing.

    Raises:
        NotFound: there is no such lane.
    """
    row = uow.session.get(GenerationLane, gpu_class)
    if row is None:
        raise NotFound(f"There is no lane {gpu_class}.")
    row.paused_at = row.paused_by = None
    row.reason = ""
    _ring_waiting(uow, gpu_class)
    return row


def _ring_waiting(uow: UnitOfWork, gpu_class: str) -> None:
    uow.session.flush()
    uow.ring("generation")
    for row_id, actor_id in uow.session.execute(select(Generation.id, Generation.actor_id).where(
            Generation.gpu_class == gpu_class, Generation.state == "queued")):
        uow.ring(f"generation:{row_id}")
        uow.ring(f"generations:{actor_id}")


def _row(session: Session, generation_id: int) -> Generation:
    row = session.get(Generation, generation_id)
    if row is None:
        raise NotFound("There is no such video in the making.")
    return row


def cancel(uow: UnitOfWork, generation_id: int, reason: str = "") -> Generation:
    """Stop anybody's video that is not finished; its author reads the reason.

    Raises:
        NotFound: not there.
        Conflict: there is nothing to cancel.
    """
    row, text = _row(uow.session, generation_id), " ".join(reason.split())[:MAX_REASON]
    stop(uow, row, "cancelled-by-admin", f"An administrator stopped it: {text}" if text else "An administrator stopped it.")
    return row


def prioritise(uow: UnitOfWork, generation_id: int, priority: int) -> Generation:
    """Let one go before (or behind) all others of its lane.

    Raises:
        NotFound: not there.
        Invalid: not -10 … 10.
        Conflict: it does not wait.
    """
    if priority not in PRIORITIES:
        raise Invalid("The priority is a number from -10 to 10; 0 is usual, higher goes first.", code="priority")
    row = _row(uow.session, generation_id)
    if row.state not in ("submitted", "screening", "held", "queued"):
        raise Conflict("Only a video that waits can get another priority.", code="wrong-state")
    row.priority = priority
    uow.session.flush()
    uow.ring("generation")
    uow.ring(f"generation:{row.id}")
    return row


def drain(uow: UnitOfWork, name: str, draining: bool = True) -> GenerationWorker:
    """Ask a worker to take nothing new after what it makes now (or to take again).

    Raises:
        NotFound: there is no such worker.
    """
    if not generation_workers.drain(uow, name, draining):
        raise NotFound(f"There is no worker {name}.")
    uow.session.flush()
    uow.ring("generation")
    return uow.session.get_one(GenerationWorker, name)


@dataclass(frozen=True)
class LaneState:
    """One lane as administrators see it. `waiting` and `running` count jobs; `seconds` is what the waiting ones will take."""

    gpu_class: str
    lane: GenerationLane | None
    waiting: int
    running: int
    seconds: float


def lanes(session: Session) -> list[str]:
    """The GPU classes that anything waits for, any worker serves, or that were ever used."""
    found = set(session.scalars(select(GenerationLane.gpu_class)))
    found |= set(session.scalars(select(Generation.gpu_class).where(Generation.state.in_(("queued", "running"))).distinct()))
    for worker in session.scalars(select(GenerationWorker)):
        found |= set(worker.gpu_classes)
    return sorted(found)


def lane_states(session: Session) -> list[LaneState]:
    """Every lane with what waits and runs in it."""
    counts = {(gpu, state): (number, float(seconds or 0.0)) for gpu, state, number, seconds in session.execute(select(
        Generation.gpu_class, Generation.state, func.count(), func.sum(Generation.expected_seconds)).where(
        Generation.state.in_(("queued", "running"))).group_by(Generation.gpu_class, Generation.state))}
    return [LaneState(name, session.get(GenerationLane, name), counts.get((name, "queued"), (0, 0.0))[0],
                      counts.get((name, "running"), (0, 0.0))[0], round(counts.get((name, "queued"), (0, 0.0))[1], 1))
            for name in lanes(session)]


def pending(session: Session, limit: int = 200) -> Sequence[Generation]:
    """What is not finished: running first, then in the order in which it is taken."""
    return session.scalars(select(Generation).where(Generation.state.in_(PENDING)).order_by(
        Generation.state != "running", Generation.state != "queued", Generation.gpu_class, Generation.priority.desc(),
        Generation.turn, Generation.id).limit(limit)).all()
