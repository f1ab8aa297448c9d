"""What people do with requests for consent: give, refuse, take back; withdraw what they asked."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..activities import consents as rules
from ..db import UnitOfWork
from ..errors import Conflict, Invalid, NotFound
from ..models import Actor, ConsentRequest, ConsentStamp, OutboxActivity
from ..store import actors, consents, lineage, statuses
from . import channels, generations
from . import publish as posts
from .cameos import answering

LONGEST = dt.timedelta(days=3650)


def agents_of(session: Session, person: Actor) -> list[Actor]:
    """The agents of this instance that somebody answers for, as both sides say, oldest first: what an agent is asked its operator
    may answer in its name."""
    found = actors.by_uris(session, person.operates).values() if person.kind == "human" and person.operates else ()
    return sorted((agent for agent in found if agent.local and agent.kind == "agent" and agent.operator_uri == person.uri),
                  key=lambda agent: agent.id)


def in_whose_name(session: Session, person: Actor, owner_id: int | None) -> Actor:
    """Who answers when somebody acts on what belongs to an owner: the owner when that is an agent of theirs, else they."""
    return next((agent for agent in agents_of(session, person) if agent.id == owner_id), person)


def waiting(session: Session, person: Actor) -> int:
    """How much waits for an answer of somebody: what they are asked, and what their agents are."""
    return consents.waiting(session, person.id, *(agent.id for agent in agents_of(session, person)))


def asked(uow: UnitOfWork, owner: Actor, request_id: int) -> ConsentRequest:
    """A request that was put to this person.

    Raises:
        NotFound: there is none.
    """
    request = consents.get(uow.session, request_id)
    if request is None or request.owner_id != owner.id or request.state == consents.DRAFT:
        raise NotFound("There is no such request.")
    return request


def grant(uow: UnitOfWork, owner: Actor, request_id: int, *, until: dt.datetime | None = None) -> ConsentStamp:
    """Give consent to exactly the file that was asked about. A remix of somebody here is published with it.

    Args:
        until: when it runs out; None: it lasts until it is taken back.

    Raises:
        NotFound: no such request of this person's.
        Conflict: it was answered or withdrawn already, the original is deleted, or a likeness is not rendered yet.
        Invalid: a time that is over.
    """
    request = asked(uow, owner, request_id)
    if until is not None and not uow.now < until < uow.now + LONGEST:
        raise Invalid("The consent has to last beyond this moment, and ten years at most.")
    if request.kind == "likeness":
        if request.digest is None:
            raise Conflict("This is not rendered yet: agree to the request, then let the draft go.")
        return answering.give(uow, request, until=until)
    if statuses.by_uri(uow.session, request.target_uri) is None:
        raise Conflict("Your post is deleted, so nothing can be made from it any more.")
    stamp = rules.give(uow, owner, actors.get(uow.session, request.requester_id), request, until=until)
    if request.status_id is not None:
        posts.finish(uow, request.status_id)
    return stamp


def say_yes(uow: UnitOfWork, owner: Actor, request_id: int, *, until: dt.datetime | None = None,
            always: bool = False) -> ConsentRequest:
    """The next yes to a request: of a remix, or of a finished file with a likeness, its stamp; else a likeness is rendered, and
    once it is, its draft goes to whoever asked.

    Args:
        always: see `services.cameos.answering.agree`.

    Raises:
        NotFound, Conflict, Invalid: see `grant`.
    """
    request = asked(uow, owner, request_id)
    if request.kind == "remix" or request.digest is not None:
        grant(uow, owner, request_id, until=until)
        return request
    if request.state == consents.AGREED:
        return answering.let_go(uow, owner, request_id)
    return answering.agree(uow, owner, request_id, always=always)


def refuse(uow: UnitOfWork, owner: Actor, request_id: int, reason: str = "", *, block: bool = False) -> ConsentRequest:
    """Say no; whoever asked hears the reason.

    Args:
        block: of a likeness: take nothing from this person any more.

    Raises:
        NotFound: no such request of this person's.
        Conflict: it was answered or withdrawn already.
    """
    request = asked(uow, owner, request_id)
    if request.kind == "likeness":
        return answering.deny(uow, owner, request_id, reason, block=block)
    rules.refuse(uow, owner, actors.get(uow.session, request.requester_id), request, reason)
    return request


def withdraw(uow: UnitOfWork, actor: Actor, request_id: int) -> ConsentRequest:
    """Ask no more, or give up after a no: a remix that is not published is deleted.

    Raises:
        NotFound: no such request of this person's.
        Conflict: the remix is published already.
    """
    request = consents.get(uow.session, request_id)
    if request is None or request.requester_id != actor.id:
        raise NotFound("There is no such request.")
    status = statuses.get(uow.session, request.status_id) if request.status_id is not None else None
    if status is None and request.generation_id is not None and request.state != consents.REJECTED:
        generations.cancel(uow, actor, request.generation_id)
        return request
    if status is None:
        rules.move(request, consents.WITHDRAWN)
        return request
    if status.published and request.state == consents.PENDING:  # asked about later, because it was recognised
        rules.withdraw(uow, request, actors.get(uow.session, request.owner_id), actor)
        return request
    posts.discard_remix(uow, actor, status)
    return request


def given(session: Session, owner_id: int, stamp_id: int) -> ConsentStamp:
    """A stamp that this person gave.

    Raises:
        NotFound: there is none.
    """
    stamp = session.get(ConsentStamp, stamp_id)
    if stamp is None or stamp.actor_id != owner_id:
        raise NotFound("There is no such consent of yours.")
    return stamp


def revoke(uow: UnitOfWork, owner: Actor, stamp_id: int) -> ConsentStamp:
    """Take a consent back, here and on every server that shows the remix.

    Raises:
        NotFound: no such stamp of this person's.
    """
    stamp = given(uow.session, owner.id, stamp_id)
    rules.take_back(uow, owner, stamp, actors.by_uri(uow.session, stamp.requester_uri))
    return stamp


def looked_at(uow: UnitOfWork, lineage_id: int) -> int | None:
    """The consent to a remix was looked at. One of ours is published when it waited for that; who was looked up to be asked is
    asked; when the consent was taken back
    its companion Video leaves the author's channel, once. The row id of such a hidden post, else None."""
    row = lineage.get(uow.session, lineage_id)
    child = statuses.get(uow.session, row.child_id) if row is not None else None
    if row is None or child is None or not child.local:
        return None
    asked = consents.of_status(uow.session, [child.id]).get(child.id)
    if row.consent == "valid" or (asked is not None and asked.state == consents.DRAFT and posts.signed(uow.session, child.id)):
        posts.finish(uow, child.id)
    elif lineage.hides(row) and child.published:
        video = uow.uris.video(actors.get(uow.session, child.actor_id).uri, child.id)
        if uow.session.scalar(select(OutboxActivity.id).where(OutboxActivity.uri == uow.uris.delete(video))) is None:
            channels.before_delete(uow, child)
        return child.id
    return None
