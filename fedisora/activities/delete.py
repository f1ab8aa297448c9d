"""Delete: a post or a whole account is gone. A Delete may arrive before what it deletes: a tombstone remembers it."""
from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from ..activitypub.ownership import check_actor_owns
from ..activitypub.parse import id_of, type_of
from ..activitypub.vocabulary import PUBLIC
from ..db import UnitOfWork
from ..errors import Malformed, NotOwner
from ..models import Actor, Block, Favourite, Follow, Mention, Notification, PollVote, Reaction, Status
from ..provenance.consent import STAMPS
from ..provenance.record import timestamp
from ..store import actors, lineage, relations, statuses
from . import lineages, quotes
from .received import Received


def build(uri: str, actor: Actor, status: Status, when: Any) -> dict[str, Any]:
    """The Delete of a post, with a Tombstone."""
    return {"id": uri, "type": "Delete", "actor": actor.uri, "to": [PUBLIC], "cc": [actor.followers_uri or ""],
            "object": {"id": status.uri, "type": "Tombstone", "formerType": "Note", "deleted": timestamp(when)}}


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    session = uow.session
    uri = id_of(activity.get("object"))
    if uri is None:
        raise Malformed("This Delete has no object.")
    if uri == got.actor.uri:
        return account(uow, got.actor)
    check_actor_owns(got.actor.uri, uri)
    status = statuses.by_uri(session, uri)
    if status is not None:
        if status.actor_id != got.actor.id:
            raise NotOwner(cause=f"{got.actor.uri} deletes {uri}")
        statuses.delete(uow, status)
        return "deleted"
    if actors.by_uri(session, uri) is not None:
        raise NotOwner("An account can only delete itself.", cause=f"{got.actor.uri} deletes {uri}")
    if type_of(activity.get("object")) in ("", "QuoteAuthorization"):
        revoked = quotes.stamp_deleted(uow, uri, got)
        if revoked is not None:
            return revoked
    if type_of(activity.get("object")) in ("", "Tombstone", *STAMPS):
        revoked = lineages.stamp_deleted(uow, uri, got)
        if revoked is not None:
            return revoked
    statuses.tombstone(uow, uri, got.actor.uri)
    return "remembered"


def account(uow: UnitOfWork, actor: Actor) -> str:
    """A remote account is gone: it said so, or its id answers 410.

    Its posts and all it did go; its row stays suspended so that it cannot come back unseen. Nobody is told.
    """
    session = uow.session
    for status in session.scalars(select(Status).where(Status.actor_id == actor.id)).all():
        statuses.delete(uow, status)
    for follow in session.scalars(select(Follow).where((Follow.actor_id == actor.id) | (Follow.target_id == actor.id))).all():
        relations.drop_follow(uow, follow)
    for like in session.scalars(select(Favourite).where(Favourite.actor_id == actor.id)).all():
        statuses.count(uow, like.status_id, favourites=-1)
        session.delete(like)
    session.flush()
    session.execute(delete(Block).where((Block.actor_id == actor.id) | (Block.target_id == actor.id)))
    for model, owner in ((Reaction, Reaction.actor_id), (PollVote, PollVote.actor_id), (Mention, Mention.actor_id),
                         (Notification, Notification.from_actor_id)):
        session.execute(delete(model).where(owner == actor.id))
    actor.suspended_at = uow.now
    for row in lineage.showing(session, actor.uri):  # nobody is left who could take the consent back
        lineages.settle(uow, row.id, lineages.Finding("revoked", lineages.PERSON_GONE))
    return "account deleted"
