"""Verification cases: begun by a person, decided by a moderator. The states and where they lead are in states.py.

What happens to a case is written down in the audit log, in the same transaction.
"""
from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from ...models import Actor, VerificationCase
from ...store import actors, notifications, verification
from .. import audit
from . import clips, credentials
from .states import OPEN, STATES

WITH_CLIP: Final = ("live-clip", "likeness")
"""What a moderator decides by looking at a clip."""
OTHER_WAY: Final = "other-way"
"""No evidence, but a question to the moderators: somebody cannot or will not record a clip. It is answered, never approved."""
REVIEWED: Final = (*WITH_CLIP, OTHER_WAY)
METHODS: Final = (*WITH_CLIP, OTHER_WAY, "vouch", "oidc", "credential")
MAX_TEXT: Final = 1000
PER_DAY: Final = 5
"""What one account may hand in for moderators in a day."""
BEGUN_PER_DAY: Final = 20
"""Cases of one way that it may begin in a day, whether or not anything is handed in."""
DAY: Final = dt.timedelta(days=1)


def open_case(uow: UnitOfWork, actor: Actor, method: str, *, likeness_id: int | None = None) -> VerificationCase:
    """The case of a local person in this way: the one that is open already, else a new one.

    Args:
        method: one of `METHODS`; `likeness` needs `likeness_id`.

    Raises:
        Forbidden: an agent, not an account of this server, or a clip that would lead to nothing (`require`).
        Invalid: no such way, or this server does not offer it.
        TooManyRequests: moderators got `PER_DAY` of this account's in a day, or it began `BEGUN_PER_DAY`.
    """
    if actor.domain or actor.kind != "human":
        raise Forbidden("Only people of this server can be verified. An agent shows who runs it.")
    offered = (*uow.settings.verification_methods, OTHER_WAY, "likeness")
    if method not in METHODS or method not in offered or (method == "likeness") != (likeness_id is not None):
        raise Invalid("This server does not verify people in this way.")
    require(uow, actor, method)
    found = verification.open_case(uow.session, actor.id, method, likeness_id)
    if found is not None:
        return found
    if method in REVIEWED and verification.done_since(uow.session, actor.id, "case.submitted", uow.now - DAY) >= PER_DAY:
        raise TooManyRequests("You have handed in a lot today. Try again tomorrow.", retry_after=DAY.total_seconds())
    if verification.begun_since(uow.session, actor.id, method, uow.now - DAY) >= BEGUN_PER_DAY:
        raise TooManyRequests("You have begun this often today. Try again tomorrow.", retry_after=DAY.total_seconds())
    case = VerificationCase(id=uow.new_id(), actor_id=actor.id, method=method, likeness_id=likeness_id, state="started",
                            created_at=uow.now, updated_at=uow.now)
    uow.session.add(case)
    uow.session.flush()
    audit.note(uow, "case.started", subject=actor.id, by=actor.id, case=case.id, method=method)
    return case


def require(uow: UnitOfWork, actor: Actor, method: str) -> None:
    """Raise where a live clip could lead to no credential: nobody is filmed for nothing, and no moderator looks for nothing.

    Raises:
        Forbidden: verified for long still, moved to another server, or not active.
    """
    from .methods import base  # which knows all ways: a circle that only a late import opens

    if method == "live-clip" and (reason := base.barred(uow, actor, method)):
        raise Forbidden(reason)


def move(uow: UnitOfWork, case: VerificationCase, state: str) -> None:
    """Give a case its next state.

    Raises:
        Conflict: it does not lead there.
    """
    if state not in STATES[case.state]:
        raise Conflict("This case has been closed meanwhile. Reload the page.")
    case.state, case.updated_at = state, uow.now
    uow.session.flush()


def submit(uow: UnitOfWork, case: VerificationCase, *, clip: clips.Clip | None = None, note: str = "") -> VerificationCase:
    """Hand in the evidence; moderators are told.

    Args:
        clip: what was recorded; ways with a clip need it.
        note: what the person asks the moderators, for `OTHER_WAY`. It is kept sealed, and goes with the answer.

    Raises:
        Conflict: it was handed in already, or is closed.
        Forbidden: it would lead to nothing any more (`require`).
        Invalid: without clip, or without a word.
    """
    if case.state != "started":
        raise Conflict("This was handed in already. A moderator will look at it.")
    require(uow, actors.get(uow.session, case.actor_id), case.method)
    if case.method in WITH_CLIP and clip is None:
        raise Invalid("Record a clip first.")
    if case.method == OTHER_WAY:
        if not note.strip():
            raise Invalid("Write what would help you, so that a moderator can answer.")
        seal(uow, case, {"note": note.strip()[:MAX_TEXT]})
    if clip is not None:
        clips.keep(uow, case, clip)
    move(uow, case, "submitted")
    audit.note(uow, "case.submitted", subject=case.actor_id, by=case.actor_id, case=case.id, method=case.method)
    if case.method in REVIEWED:
        for moderator in verification.moderators(uow.session):
            notifications.notify(uow, moderator.id, case.actor_id, "human.review", about=case.id)
    return case


def withdraw(uow: UnitOfWork, actor: Actor, case_id: int) -> VerificationCase:
    """The person thinks better of it: the clip goes.

    Raises:
        NotFound: not their case.
        Conflict: closed already.
    """
    case = verification.case(uow.session, case_id, lock=True)
    if case is None or case.actor_id != actor.id:
        raise NotFound("There is no such case.")
    move(uow, case, "withdrawn")
    clips.drop(uow, case, "withdrawn")
    audit.note(uow, "case.withdrawn", subject=actor.id, by=actor.id, case=case.id, method=case.method)
    _follow(uow, case, approved=False)
    return case


def expire(uow: UnitOfWork, case: VerificationCase) -> None:
    """Nobody decided in time: the clip goes, and the person may try again.

    Raises:
        Conflict: closed already.
    """
    had_clip = case.clip_key is not None
    move(uow, case, "expired")
    clips.drop(uow, case, "purged")
    audit.note(uow, "case.expired", subject=case.actor_id, case=case.id, method=case.method)
    if had_clip:
        _tell(uow, case, "human.expired")
    _follow(uow, case, approved=False)


def assign(uow: UnitOfWork, case_id: int, by: Actor, to: Actor | None = None) -> VerificationCase:
    """Take a case, or (administrators) hand it to another moderator. Only who has it sees what is in it.

    Raises:
        NotFound: no such case, or not a moderator: there is nothing to see.
        Forbidden: one's own case, or handing out without being administrator.
        Conflict: it is closed, or another has it.
    """
    case = _reviewable(uow, case_id, by)
    chosen = to or by
    if chosen.id != by.id:
        if not verification.administers(uow.session, by.id):
            raise Forbidden("Only administrators hand a case to somebody else.")
        if not verification.moderates(uow.session, chosen.id):
            raise Invalid("This account is not a moderator.")
        if chosen.id == case.actor_id:
            raise Forbidden("Nobody decides about themselves.")
    elif by.id == case.actor_id:
        raise Forbidden("Nobody decides about themselves.")
    elif (case.reviewer_id not in (None, by.id) and verification.moderates(uow.session, case.reviewer_id or 0)
          and not verification.administers(uow.session, by.id)):
        raise Conflict("Another moderator has taken this case.")
    if case.reviewer_id != chosen.id:
        case.reviewer_id, case.assigned_at = chosen.id, uow.now
        audit.note(uow, "case.assigned", subject=case.actor_id, by=by.id, case=case.id, to=chosen.id)
        uow.session.flush()
    return case


def decide(uow: UnitOfWork, case_id: int, moderator: Actor, approve: bool, reason: str = "") -> VerificationCase:
    """A moderator's decision. The clip's key is dropped here and now, and its file goes by a job.

    Args:
        moderator: whoever has taken the case and looked at its clip.
        reason: what the person is told; a no needs one.

    Returns:
        The case: rejected in spite of a yes when its account moved away or was disabled meanwhile. Its clip goes all the same.

    Raises:
        NotFound: no such case, or not a moderator.
        Forbidden: one's own case, or not the one who has taken it.
        Invalid: a no without reason; a yes without having looked, or to a mere question.
        Conflict: it is decided already, or nothing was handed in.
    """
    case = _reviewable(uow, case_id, moderator)
    if case.actor_id == moderator.id:
        raise Forbidden("Nobody decides about themselves.")
    if case.reviewer_id != moderator.id:
        raise Forbidden("Take this case first: only the moderator who has it decides.")
    told = reason.strip()[:MAX_TEXT]
    if not approve and not told:
        raise Invalid("Write why, so that the person can do better.")
    if approve and case.method == OTHER_WAY:
        raise Invalid("A question can only be answered: there is no evidence that could be approved.")
    if approve and not verification.has_looked(uow.session, case.id, moderator.id):
        raise Invalid("Look at the clip before you approve.")
    if approve and case.method == "live-clip":
        barred = credentials.may_not_hold(uow, actors.get(uow.session, case.actor_id))
        approve, told = not barred, barred or told
    move(uow, case, "approved" if approve else "rejected")
    case.decided_by, case.decided_at, case.reason = moderator.id, uow.now, told
    clips.drop(uow, case, "decided")
    audit.note(uow, f"case.{case.state}", subject=case.actor_id, by=moderator.id, case=case.id, method=case.method)
    if case.method == "live-clip" and approve:
        credentials.issue(uow, actors.get(uow.session, case.actor_id), "live-clip", by=moderator.id)
    elif not approve:
        _tell(uow, case, "human.rejected")
    _follow(uow, case, approved=approve)
    return case


def seal(uow: UnitOfWork, case: VerificationCase, value: dict[str, Any]) -> None:
    """Keep something that only the person and the assigned moderator may read."""
    case.challenge = uow.vault.seal(json.dumps(value).encode(), purpose(case.id))


def purpose(case_id: int) -> str:
    """What the sealed part of a case is bound to: it does not open in another row."""
    return f"verification case {case_id}"


def _reviewable(uow: UnitOfWork, case_id: int, moderator: Actor) -> VerificationCase:
    case = verification.case(uow.session, case_id, lock=True)
    if case is None or case.method not in REVIEWED or not verification.moderates(uow.session, moderator.id):
        raise NotFound("There is no such case.")
    if case.state not in OPEN:
        raise Conflict("This case is closed.")
    if case.state != "submitted":
        raise Conflict("Nothing was handed in yet.")
    return case


def _tell(uow: UnitOfWork, case: VerificationCase, kind: str) -> None:
    """The person is told by the instance, never by a moderator: who looked stays here."""
    notifications.notify(uow, case.actor_id, actors.instance_actor(uow.session).id, kind, about=case.id)


def _follow(uow: UnitOfWork, case: VerificationCase, *, approved: bool) -> None:
    """A likeness is told what became of its case."""
    if case.method == "likeness":
        from .. import likenesses  # here, since it opens cases itself

        likenesses.decided(uow, case, approved)
