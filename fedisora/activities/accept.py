"""Accept: an actor lets somebody follow it."""
from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ..activitypub.parse import id_of, type_of
from ..db import UnitOfWork
from ..errors import NotOwner
from ..models import Actor, Follow
from ..store import actors, backfill
from . import consents, outbox, quotes, relayed
from .received import Received


def build(uri: str, actor: Actor, follow: dict[str, Any]) -> dict[str, Any]:
    """Minimal: the Follow embedded with its ids only (an embedded actor breaks some peers)."""
    return {"id": uri, "type": "Accept", "actor": actor.uri, "object": follow}


def send(uow: UnitOfWork, follow: Follow, requester: Actor, target: Actor) -> None:
    """Answer a remote follower. The activity's id is new each time: a peer that asks again gets an answer again."""
    document = {"id": follow.uri, "type": "Follow", "actor": requester.uri, "object": target.uri}
    outbox.send(uow, target, build(uow.uris.accept(target.uri, uow.new_id()), target, document),
                outbox.inbox_of(requester, shared=False), object_uri=follow.uri)


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def answered(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> Follow | None:
    """The follow of ours that an Accept or Reject of `got.actor` is about: by id, or by its actor and object.

    Raises:
        NotOwner: the follow is of somebody else.
    """
    reference = activity.get("object")
    session = uow.session
    uri = id_of(reference)
    follow = session.scalar(select(Follow).where(Follow.uri == uri)) if uri else None
    if follow is None and isinstance(reference, dict) and type_of(reference) == "Follow":
        who = actors.by_uri(session, id_of(reference.get("actor")) or "")
        if who is not None and who.local and id_of(reference.get("object")) == got.actor.uri:
            follow = session.scalar(select(Follow).where(Follow.actor_id == who.id, Follow.target_id == got.actor.id))
    if follow is None:
        return None
    if follow.target_id != got.actor.id:
        raise NotOwner(cause=f"{got.actor.uri} answers {follow.uri}")
    return follow


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    relay = relayed.answer(uow, activity, got, "accepted")
    if relay is not None:
        return relay
    if quotes.is_request(activity):
        return quotes.answered(uow, activity, got, accepted=True)
    if consents.is_request(uow, activity):
        return consents.answered(uow, activity, got, accepted=True)
    follow = answered(uow, activity, got)
    if follow is None:
        return "ignored: no such follow of ours"
    if follow.state == "accepted":
        return "ignored: known"
    accepted(uow, follow)
    return "accepted"


def accepted(uow: UnitOfWork, follow: Follow) -> None:
    """A follow of ours holds from now on; the account's older posts and what it pinned are fetched."""
    follow.state = "accepted"
    actors.adjust_counts(uow, follow.actor_id, following=1)
    actors.adjust_counts(uow, follow.target_id, followers=1)
    backfill.newly_followed(uow, actors.get(uow.session, follow.target_id))
