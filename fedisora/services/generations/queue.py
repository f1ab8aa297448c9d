"""What people do with what waits or runs: cancel, try again, put in another order."""
from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ...activities import consents as rules
from ...db import UnitOfWork
from ...errors import Conflict, Invalid
from ...models import Actor, ConsentRequest, Generation
from ...store import actors, consents, generation_queue, jobs
from .. import agents
from ..cameos.publishing import own
from . import quotas
from .asking import NET, allowed, get
from .drafts import delete_file
from .reasons import sentence
from .states import UNFINISHED
from .transitions import WORDS, change

BY_AUTHOR = "cancelled-by-author"
NUDGE = 1e-6
"""Keeps two turns apart that would else be the same."""


def position(session: Session, generation: Generation) -> int:
    """How many queued generations are ahead of this one."""
    return generation_queue.position(session, generation)


def line(session: Session, actor: Actor) -> list[Generation]:
    """What of an account waits for its turn, in the order in which it is taken."""
    return list(session.scalars(select(Generation).where(
        Generation.actor_id == actor.id, Generation.state == "queued", own()).order_by(
        Generation.gpu_class, Generation.priority.desc(), Generation.turn, Generation.id)))


def stop(uow: UnitOfWork, row: Generation, code: str, text: str) -> None:
    """Cancel a pending generation now, and a running one at its next step; `text` says to its author why.

    Raises:
        Conflict: there is nothing to cancel.
    """
    uow.session.flush()
    uow.session.refresh(row, with_for_update=True)
    if row.state not in UNFINISHED:
        raise Conflict(f"This video {WORDS[row.state]}; there is nothing to cancel.", code="wrong-state")
    if row.lease_owner is not None and row.lease_until is not None and row.lease_until > uow.now:
        # a worker has it: the worker writes the end, this only asks for it
        row.cancel_requested, row.code, row.error = True, code, text
        uow.session.flush()
        uow.ring(f"generation:{row.id}")
        uow.ring(f"generations:{row.actor_id}")
    else:
        queued, asked = row.state == "queued", row.state == "asked"
        change(uow, row, "cancelled", finished_at=uow.now, cancel_requested=False, lease_owner=None, lease_until=None,
               code=code, error=text)
        if queued:
            generation_queue.close_gap(uow, row)
        delete_file(uow, row)
        request = uow.session.get(ConsentRequest, row.consent_request_id or 0) if asked else None
        if request is not None and consents.WITHDRAWN in consents.TRANSITIONS[request.state]:
            rules.withdraw(uow, request, actors.get(uow.session, request.owner_id), actors.get(uow.session, request.requester_id))
    uow.ring("generation")


def cancel(uow: UnitOfWork, actor: Actor, generation_id: int) -> Generation:
    """Stop one of one's own that is not finished; a running one stops at its next step.

    Raises:
        NotFound: not this account's.
        Conflict: there is nothing to cancel.
    """
    row = get(uow.session, actor, generation_id)
    stop(uow, row, BY_AUTHOR, sentence(BY_AUTHOR))
    return row


def cancel_all(uow: UnitOfWork, actor: Actor) -> list[Generation]:
    """Stop everything in one's own queue that is not finished.

    Not what is made here for somebody else, with a likeness that one gave: it is no video of one's own, and whoever does not want
    it says no to the request. And not what waits for somebody's consent: it is in no queue, and is taken back by itself.
    """
    rows = list(uow.session.scalars(select(Generation).where(
        Generation.actor_id == actor.id, Generation.state.in_(UNFINISHED), Generation.state != "asked", own(),
        Generation.cancel_requested.is_(False))
        .order_by(Generation.turn.desc(), Generation.id.desc())))
    for row in rows:
        stop(uow, row, BY_AUTHOR, sentence(BY_AUTHOR))
    return rows


def retry(uow: UnitOfWork, actor: Actor, generation_id: int) -> Generation:
    """Submit a failed or cancelled generation again, with the same seed and parameters. It is screened anew.

    Raises:
        Forbidden: this instance makes none (any more), or this account may not.
        TooManyRequests: as for a new one.
        Conflict: it neither failed nor was cancelled.
    """
    allowed(uow)
    agents.require(uow, actor)
    row = get(uow.session, actor, generation_id)
    cost = generation_queue.expected(uow.session, row.model, row.backend, generation_queue.bucket(row))
    if row.consent_request_id is not None:
        raise Conflict("Somebody's consent is for one request. Ask them again.", code="wrong-state")
    if row.state not in ("failed", "cancelled"):
        raise Conflict(f"This video {WORDS[row.state]}; only one that failed or was cancelled can be tried again.",
                       code="wrong-state")
    payer_id = quotas.payer_of(uow.session, actor)
    limits = quotas.check(uow, actor, payer_id, 1, cost)
    change(uow, row, "submitted", cancel_requested=False, code=None, error=None, last_error=None, progress=0.0, stage="",
           run_at=uow.now, started_at=None, finished_at=None, timings=None, worker=None, lease_owner=None, lease_until=None,
           payer_id=payer_id, priority=limits.priority, expected_seconds=cost, attempt=0,
           created_at=uow.now)  # it counts as asked for now
    jobs.enqueue(uow, "screen_generation", {"generation_id": row.id}, delay=NET)
    return row


def move(uow: UnitOfWork, actor: Actor, generation_id: int, before: int | None = None) -> Generation:
    """Put one of one's own queued videos before another one of them (None: behind all). They swap turns among themselves, so
    nobody else waits longer.

    Raises:
        NotFound: one of the two is not this account's.
        Conflict: one of the two does not wait any more.
        Invalid: they do not wait in the same line.
    """
    row = get(uow.session, actor, generation_id)
    target = get(uow.session, actor, before) if before is not None else None
    for one in (row, target):
        if one is not None and (one.state != "queued" or (one.lease_until is not None and one.lease_until > uow.now)):
            raise Conflict("Only videos that wait for their turn can be put in another order.", code="wrong-state")
    if target is not None and (target.gpu_class, target.priority) != (row.gpu_class, row.priority):
        raise Invalid("These two wait in different lines. Choose one that waits for the same kind of machine.", code="other-lane")
    rows = list(uow.session.scalars(select(Generation).where(
        Generation.actor_id == actor.id, Generation.gpu_class == row.gpu_class, Generation.priority == row.priority,
        Generation.state == "queued", own(), or_(Generation.lease_until.is_(None), Generation.lease_until <= uow.now))
        .order_by(Generation.turn, Generation.id)))
    turns = [one.turn for one in rows]
    if target is not row:
        rows.remove(row)
        rows.insert(rows.index(target) if target is not None else len(rows), row)
    last = None
    for one, turn in zip(rows, turns, strict=True):
        one.turn = turn if last is None or turn > last else last + NUDGE
        last = one.turn
        uow.ring(f"generation:{one.id}")
    uow.session.flush()
    uow.ring(f"generations:{actor.id}")
    return row
