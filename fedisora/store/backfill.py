"""When older posts of remote accounts are fetched, and which accounts those are."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, Follow, InboxMessage, InstanceFact, Status
from . import jobs, relations

AGAIN = dt.timedelta(days=1)
OUTAGE = dt.timedelta(minutes=10)
AT_MOST = 200
ALIVE = "alive_at"


def newly_followed(uow: UnitOfWork, actor: Actor) -> None:
    """Somebody here follows a remote account from now on: have its older posts and its pinned ones fetched, once a day."""
    if actor.local or uow.settings.backfill_posts == 0:
        return
    if actor.backfilled_at is None or actor.backfilled_at < uow.now - AGAIN:
        jobs.enqueue(uow, "backfill_actor", {"actor_id": actor.id}, key=str(actor.id))
        jobs.enqueue(uow, "fetch_featured", {"actor_id": actor.id}, key=str(actor.id))


def refreshed(uow: UnitOfWork, actor: Actor) -> None:
    """The document of a known account was fetched again after a day or more: look at its pinned posts too, if it is followed."""
    if actor.featured_uri is not None and relations.has_local_follower(uow.session, actor.id):
        jobs.enqueue(uow, "fetch_featured", {"actor_id": actor.id}, key=str(actor.id))


def most_active(session: Session) -> list[int]:
    """Row ids of followed remote accounts, those that posted last first."""
    local = select(Actor.id).where(Actor.domain == "")
    followed = select(Follow.target_id).where(Follow.state == "accepted", Follow.actor_id.in_(local))
    return list(session.scalars(select(Actor.id).where(
        Actor.id.in_(followed), Actor.domain != "", Actor.suspended_at.is_(None), Actor.outbox.is_not(None))
        .order_by(func.coalesce(Actor.last_status_at, Actor.created_at).desc(), Actor.id).limit(AT_MOST)))


def note_alive(uow: UnitOfWork) -> None:
    """Remember that this instance runs (or stops) now."""
    row = uow.session.get(InstanceFact, ALIVE)
    if row is None:
        uow.session.add(InstanceFact(name=ALIVE, value=uow.now.isoformat()))
    else:
        row.value = uow.now.isoformat()


def plan_catch_up(uow: UnitOfWork) -> bool:
    """At a start: when nothing arrived here for a while, what was missed is looked for; whether that is so."""
    session = uow.session
    heard = [moment for moment in (session.scalar(select(func.max(InboxMessage.received_at))), _alive(session)) if moment]
    note_alive(uow)
    if not heard or uow.settings.backfill_posts == 0 or uow.now - max(heard) < OUTAGE:
        return False
    jobs.enqueue(uow, "catch_up", {"since": max(heard).isoformat()}, key="catch_up")
    return True


def _alive(session: Session) -> dt.datetime | None:
    row = session.get(InstanceFact, ALIVE)
    return dt.datetime.fromisoformat(row.value) if row is not None else None


def catch_up(uow: UnitOfWork, since: str) -> int:
    """Have the outboxes of followed accounts looked at for what came after a moment; how many accounts."""
    found = most_active(uow.session)
    for actor_id in found:
        jobs.enqueue(uow, "backfill_actor", {"actor_id": actor_id, "since": since}, key=f"{actor_id}:since")
    return len(found)


def pin(uow: UnitOfWork, actor_id: int, status_ids: list[int]) -> None:
    """Make these posts the pinned ones of a remote account, the first one on top."""
    session = uow.session
    session.execute(update(Status).where(Status.actor_id == actor_id, Status.pinned_at.is_not(None),
                                         Status.id.not_in(status_ids)).values(pinned_at=None))
    for position, status_id in enumerate(status_ids):
        session.execute(update(Status).where(Status.id == status_id, Status.actor_id == actor_id).values(
            pinned_at=uow.now - dt.timedelta(seconds=position)))
