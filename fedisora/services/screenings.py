"""What safety gates decided, and what people and moderators do about it.

A denial or a hold is a `Screening`. A hold waits for a moderator; so does a denial once its author appeals. Who decided, and
why, is in the log.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import Conflict, Forbidden, Invalid, NotFound
from ..models import Actor, Generation, Screening, User
from ..store import actors, generation_queue, jobs, notifications, screenings
from ..store.paging import Page
from . import generations
from .cameos import asking
from .cameos import publishing as cameos

log = structlog.get_logger()
MOST: Final = 1000
"""Characters of an appeal or of an answer."""
GONE: Final = "This does not wait for a moderator (any more)."
BEFORE: Final = ("prompt", "inputs", "likeness")
"""Stages before anything is made."""


def note(uow: UnitOfWork, row: Generation, *, gate: str, stage: str, decision: str, code: str, reason: str,
         evidence: Mapping[str, Any]) -> Screening:
    """Write a denial or a hold: the row of the gate's decision, and the generation's state `rejected` or `held`.

    Moderators hear of a hold.
    """
    held = decision == "hold"
    screening = Screening(id=uow.new_id(), generation_id=row.id, actor_id=row.actor_id, gate=gate, stage=stage, decision=decision,
                          code=code, reason=reason, evidence=dict(evidence), state=screenings.OPEN if held else screenings.DENIED,
                          created_at=uow.now)
    uow.session.add(screening)
    row.code, row.error = code, reason
    _to(uow, row, "held" if held else "rejected")
    if held:
        _tell_moderators(uow, screening)
    return screening


def _to(uow: UnitOfWork, row: Generation, state: str) -> None:
    row.state = state
    row.finished_at = uow.now if state in generations.FINAL else None
    uow.session.flush()
    generations.changed(uow, row)


def _tell_moderators(uow: UnitOfWork, screening: Screening) -> None:
    for moderator in uow.session.scalars(select(User.actor_id).where(User.admin.is_(True), User.state == "active")):
        notifications.notify(uow, moderator, screening.actor_id, "generation.held", about=screening.id)


def asker(session: Session, name: str) -> Actor:
    """The account as which an operator tries a prompt; "": the oldest one.

    Raises:
        NotFound: there is no such account.
    """
    found = actors.local_active(session, name) if name else session.scalar(
        select(Actor).join(User, User.actor_id == Actor.id).order_by(Actor.id).limit(1))
    if found is None:
        raise NotFound(f"There is no account @{name}." if name else "There is no account yet: fedisora user create NAME")
    return found


def waiting(session: Session, page: Page) -> list[Screening]:
    """Holds and appeals that wait for a moderator, newest first."""
    return screenings.open_ones(session, page)


def count(session: Session) -> int:
    """How many wait."""
    return screenings.count(session)


def last(session: Session, generation_id: int) -> Screening | None:
    """The last decision about a generation, for its author: reason, answer, and whether it can be appealed."""
    return screenings.newest(session, [generation_id]).get(generation_id)


def appealable(screening: Screening | None, row: Generation) -> bool:
    """Whether the author may ask a moderator to look: a gate's denial, once."""
    return (screening is not None and row.state == "rejected" and screening.decision == "deny"
            and screening.state == screenings.DENIED and screening.appealed_at is None)


def appeal(uow: UnitOfWork, actor: Actor, generation_id: int, text: str) -> Screening:
    """Ask a moderator to look at a denial again. Once for each denial; what a moderator decided stands.

    Raises:
        NotFound: not this account's, or nothing was denied.
        Invalid: no text, or one over 1000 characters.
        Conflict: it was appealed before, a moderator decided it, or it is not rejected any more.
    """
    row = generations.get(uow.session, actor, generation_id)
    screening = last(uow.session, generation_id)
    if screening is None:
        raise NotFound("No check has refused this video, so there is nothing to appeal.")
    reason = text.strip()
    if not reason:
        raise Invalid("Please say why this should be allowed.")
    if len(reason) > MOST:
        raise Invalid(f"An appeal may have {MOST:,} characters at most.")
    if screening.state == screenings.OPEN:
        raise Conflict("A moderator will look at this already.")
    if screening.appealed_at is not None or screening.decision == "hold":
        raise Conflict("A moderator has looked at this already. The decision stands.")
    if not appealable(screening, row):
        raise Conflict("This video was not refused, so there is nothing to appeal.")
    screening.appeal, screening.appealed_at, screening.state = reason, uow.now, screenings.OPEN
    _to(uow, row, "held")
    _tell_moderators(uow, screening)
    return screening


def decide(uow: UnitOfWork, moderator: User | None, screening_id: int, allow: bool, note: str = "") -> Screening:
    """Decide about a hold or an appeal.

    Allowed: what was held before it was made goes into the queue (after an appeal the gates that were not asked yet are asked
    first); a finished video becomes a draft, or the post that was ordered with it. A finished video whose file is gone since it
    was refused is made again.
    Denied: it is rejected and its file deleted; where only the words of a post were held, the draft stays.

    Args:
        moderator: None: somebody at the machine's command line.
        note: what the person is told.

    Raises:
        Forbidden: not a moderator.
        NotFound: it does not wait (any more).
        Invalid: a note over 1000 characters.
    """
    if moderator is not None and not (moderator.admin and moderator.state == "active"):
        raise Forbidden("Only moderators can do this.")
    answer = note.strip()
    if len(answer) > MOST:
        raise Invalid(f"The answer may have {MOST:,} characters at most.")
    screening = uow.session.get(Screening, screening_id, with_for_update=True)
    row = uow.session.get(Generation, screening.generation_id, with_for_update=True) if screening is not None else None
    if screening is None or row is None or screening.state != screenings.OPEN or row.state != "held":
        raise NotFound(GONE)
    screening.state = screenings.ALLOWED if allow else screenings.DENIED
    screening.note, screening.decided_at = answer, uow.now
    screening.decided_by = moderator.actor_id if moderator is not None else None
    uow.session.flush()
    if allow:
        _allowed(uow, screening, row)
    else:
        _denied(uow, screening, row)
    by = actors.get(uow.session, moderator.actor_id).username if moderator is not None else "command line"
    log.info("a moderator decided", screening=screening.id, generation=row.id, gate=screening.gate, stage=screening.stage,
             allowed=allow, by=by, why=answer)
    notifications.notify(uow, row.actor_id, actors.instance_actor(uow.session).id, "generation.decided", about=screening.id)
    return screening


def _allowed(uow: UnitOfWork, screening: Screening, row: Generation) -> None:
    # Jobs without a key: the one that was held may not be written off yet, and a pending one would count as this one.
    row.code = row.error = None
    if screening.stage in BEFORE and screening.decision == "hold":
        if cameos.waits(row):
            asking.screened(uow, row)
        else:
            generation_queue.admit(uow, row)  # every gate was asked, and nobody else denied
    elif screening.stage in BEFORE:
        _to(uow, row, "submitted")
        jobs.enqueue(uow, "screen_generation", {"generation_id": row.id})
    elif row.media_id is None:
        generation_queue.admit(uow, row)  # its file was deleted when it was refused: it is made again
    elif row.publish_as is not None:
        _to(uow, row, "publishing")
        jobs.enqueue(uow, "publish_generation", {"generation_id": row.id})
    else:
        _to(uow, row, "draft")


def _denied(uow: UnitOfWork, screening: Screening, row: Generation) -> None:
    row.code = screening.code
    row.error = f"{screening.reason} {screening.note}".strip()
    if screening.stage == "publish":
        _to(uow, row, "draft")
        return
    _to(uow, row, "rejected")
    generations.delete_file(uow, row)
