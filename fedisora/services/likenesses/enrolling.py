"""A person's own likeness: enrolled with a picture or a clip and a live check, decided by a moderator, withdrawn."""
from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...activities import consents as consent_rules
from ...activities import update as update_activity
from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound
from ...models import Actor, ConsentRequest, ConsentStamp, Likeness, VerificationCase
from ...store import actors, consents, likenesses, notifications, verification
from .. import audit
from ..verification import cases
from . import pictures
from .permission import CLOSED
from .pictures import Clip, Picture
from .terms import policy_of

MOST_FORBIDDEN: Final = 1000
LONGEST: Final = dt.timedelta(days=3650)
UNFINISHED: Final = (consents.PENDING, consents.AGREED, consents.OFFERED)


def check(session: Session, actor: Actor) -> None:
    """Whether somebody may enrol now: asked before a picture or a clip is worked on.

    Raises:
        Forbidden: an agent, or not an account of this server.
        Conflict: there is a likeness already, or it is being looked at.
    """
    if not actor.local or actor.kind != "human":
        raise Forbidden("Only people of this server have a likeness. An agent can have characters.")
    before = likenesses.newest(session, actor.id)
    if before is not None and before.state == likenesses.ACTIVE:
        raise Conflict("You have a likeness already. Withdraw it before you enrol another picture.")
    case = verification.open_case(session, actor.id, "likeness", before.id) \
        if before is not None and before.state == likenesses.CHECKING else None
    if case is not None and case.state != "started":
        raise Conflict("Your picture is being looked at. Withdraw it first if you want another one.")


def enrol(uow: UnitOfWork, actor: Actor, picture: Picture, clip: Clip | None = None) -> VerificationCase:
    """Enrol a picture of oneself, and a clip beside it. Both count once a moderator has compared them with a fresh live clip: the
    open case is returned.

    Nobody may ask until the person opens it; what they had chosen before a withdrawal is kept. Until the clip is handed in,
    enrolling again replaces both.

    Raises:
        Forbidden: an agent, or not an account of this server.
        Conflict: there is a likeness already, or it is being looked at.
    """
    check(uow.session, actor)
    before = likenesses.newest(uow.session, actor.id)
    row = before if before is not None and before.state == likenesses.CHECKING else None
    if row is None:
        row = Likeness(id=uow.new_id(), actor_id=actor.id, kind=likenesses.SELF, state=likenesses.CHECKING,
                       audience=before.audience if before else likenesses.NOBODY, forbidden=before.forbidden if before else "",
                       agents=before.agents if before else False, created_at=uow.now, updated_at=uow.now)
        uow.session.add(row)
        uow.session.flush()
    case = cases.open_case(uow, actor, "likeness", likeness_id=row.id)
    pictures.take(uow, row, picture, clip)
    audit.note(uow, "likeness.enrolled", subject=actor.id, by=actor.id, case=case.id, likeness=str(row.id),
               clip=clip is not None)
    return case


def decided(uow: UnitOfWork, case: VerificationCase, approved: bool) -> None:
    """What became of the case of a likeness; called by `services.verification.cases`. Nothing when it was withdrawn meanwhile."""
    row = likenesses.get(uow.session, case.likeness_id) if case.likeness_id is not None else None
    if row is None or row.state != likenesses.CHECKING or row.actor_id != case.actor_id:
        return
    row.state, row.updated_at = likenesses.ACTIVE if approved else likenesses.REFUSED, uow.now
    if approved:
        notifications.notify(uow, row.actor_id, actors.instance_actor(uow.session).id, "human.likeness", about=row.id)
    else:
        pictures.drop(uow, row)
    publish_policy(uow, actors.get(uow.session, row.actor_id))


def withdraw(uow: UnitOfWork, actor: Actor, *, take_back: bool) -> Likeness:
    """Withdraw one's own likeness: its picture has no key from this moment, and its file goes by a job. Requests that are not
    finished are refused.

    Args:
        take_back: also take back every consent to a video that shows the person; else what was given stays.

    Raises:
        NotFound: there is none.
    """
    row = likenesses.newest(uow.session, actor.id)
    if row is None or row.state not in (likenesses.CHECKING, likenesses.ACTIVE):
        raise NotFound("You have no likeness here.")
    _end(uow, actor, row)
    case = verification.open_case(uow.session, actor.id, "likeness", row.id)
    if case is not None:
        cases.withdraw(uow, actor, case.id)
    audit.note(uow, "likeness.withdrawn", subject=actor.id, by=actor.id, likeness=str(row.id), taken_back=take_back)
    if take_back:
        take_back_all(uow, actor)
    publish_policy(uow, actor)
    return row


def _end(uow: UnitOfWork, actor: Actor, row: Likeness) -> None:
    row.state, row.withdrawn_at, row.updated_at = likenesses.WITHDRAWN, uow.now, uow.now
    pictures.drop(uow, row)
    refuse_open(uow, actor, likeness_id=row.id)


def end_character(uow: UnitOfWork, actor: Actor, row: Likeness) -> None:
    """Withdraw a character: what is being asked for is refused, what was given stays."""
    _end(uow, actor, row)
    publish_policy(uow, actor)


def refuse_open(uow: UnitOfWork, owner: Actor, *, likeness_id: int | None = None, requester_id: int | None = None) -> None:
    """Refuse what is asked and not finished: for one likeness, or of one account."""
    query = select(ConsentRequest).where(ConsentRequest.owner_id == owner.id, ConsentRequest.kind == "likeness",
                                         ConsentRequest.state.in_(UNFINISHED))
    if likeness_id is not None:
        query = query.where(ConsentRequest.likeness_id == likeness_id)
    if requester_id is not None:
        query = query.where(ConsentRequest.requester_id == requester_id)
    for request in uow.session.scalars(query).all():
        consent_rules.refuse(uow, owner, actors.get(uow.session, request.requester_id), request, CLOSED)


def take_back_all(uow: UnitOfWork, owner: Actor) -> int:
    """Take back every standing consent to a video with this person or a character of theirs; how many there were."""
    given = uow.session.scalars(select(ConsentStamp).where(
        ConsentStamp.actor_id == owner.id, ConsentStamp.kind == "likeness", ConsentStamp.revoked_at.is_(None))).all()
    for stamp in given:
        consent_rules.take_back(uow, owner, stamp, actors.by_uri(uow.session, stamp.requester_uri))
    return len(given)


def choose(uow: UnitOfWork, actor: Actor, row: Likeness, *, audience: str, forbidden: str, agents: bool,
           until: dt.datetime | None) -> Likeness:
    """Say who may ask for a likeness or character, what for, and until when.

    Raises:
        NotFound: it is somebody else's, or withdrawn.
        Invalid: an unknown audience, a text that is too long, or an end that is over or too far away.
    """
    if row.actor_id != actor.id or row.state not in (likenesses.CHECKING, likenesses.ACTIVE):
        raise NotFound("There is no such likeness of yours.")
    if audience not in likenesses.AUDIENCES:
        raise Invalid(f"Who may ask is one of: {', '.join(likenesses.AUDIENCES)}.")
    said = forbidden.strip()
    if len(said) > MOST_FORBIDDEN:
        raise Invalid(f"What it must not be used for may have {MOST_FORBIDDEN:,} characters at most.")
    if until is not None and not uow.now < until < uow.now + LONGEST:
        raise Invalid("The end has to lie in the future, ten years away at most.")
    row.audience, row.forbidden, row.agents, row.until, row.updated_at = audience, said, agents, until, uow.now
    publish_policy(uow, actor)
    return row


def publish_policy(uow: UnitOfWork, actor: Actor) -> None:
    """Write into the actor whether requests are taken, and tell other servers when that has changed."""
    uow.session.flush()
    found = policy_of(uow.session, actor, uow.now)
    if actor.interaction_policy == found:
        return
    silent = actor.interaction_policy is None and not any(found["canCameo"].values())
    actor.interaction_policy = found
    if not silent:
        actor.updated_at = uow.now
        uow.session.flush()
        update_activity.send_actor(uow, actor)
