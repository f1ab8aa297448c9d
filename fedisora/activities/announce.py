"""Announce: somebody boosts a post."""
from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ..activitypub import addressing
from ..activitypub.parse import datetime_of, id_of, ids_of
from ..activitypub.vocabulary import PUBLIC
from ..db import UnitOfWork
from ..errors import Malformed
from ..ids import new_id
from ..models import Actor, Status
from ..provenance.record import timestamp
from ..store import actors, domains, notifications, relations, relays, statuses
from . import relayed, remote_posts
from .received import Received


def build(boost: Status, actor: Actor, original: Status, author: Actor) -> dict[str, Any]:
    """The Announce of a row."""
    return {"id": boost.uri, "type": "Announce", "actor": actor.uri, "published": timestamp(boost.created_at),
            "to": [PUBLIC], "cc": [actor.followers_uri or "", author.uri], "object": original.uri}


def needs(activity: dict[str, Any]) -> list[str]:
    """The boosted object, from its own origin: an embedded copy proves nothing."""
    uri = id_of(activity.get("object"))
    return [uri] if uri is not None else []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    session = uow.session
    uri, object_uri = id_of(activity), id_of(activity.get("object"))
    if uri is None or object_uri is None:
        raise Malformed("This Announce has no object.")
    if domains.load(session, uow.settings, [object_uri]).refuses(object_uri):
        return "ignored: a post of a blocked domain"  # no way back in through somebody else's boost
    if relays.accepted(session, got.actor.uri):
        return relayed.receive(uow, activity, got.fetched, via=got.actor)
    original = statuses.by_uri(session, object_uri)
    if original is None:
        if not relations.has_local_follower(session, got.actor.id):
            return "ignored: nobody here asked for it"
        document = got.fetched.get(object_uri)
        author = None
        if document is not None:
            known = [actor for name in ids_of(document.get("attributedTo"))[:4]
                     if (actor := actors.by_uri(session, name)) is not None]
            # PeerTube names a channel beside its person; older ones name it first
            author = next((actor for actor in known if actor.type != "Group"), known[0] if known else None)
        if document is None or author is None:
            return "ignored: the boosted post cannot be had"
        original = remote_posts.store(uow, document, author, asked=True)
        if original is None:
            return "ignored: the boosted post was deleted, or its author is suspended"
    if original.visibility not in ("public", "unlisted") and original.actor_id != got.actor.id:
        return "ignored: not a public post"
    if relations.blocked_either_way(session, got.actor.id, original.actor_id):
        return "ignored: blocked"
    if original.reblog_of_id is not None:
        return "ignored: a boost of a boost"
    poster = actors.get(session, original.actor_id)
    if poster.suspended_at is not None:
        return "ignored: the author is suspended"
    if not poster.local and not relations.has_local_follower(session, got.actor.id):
        return "ignored: nobody here asked for it"
    if session.scalar(select(Status.id).where(Status.reblog_of_id == original.id, Status.actor_id == got.actor.id)):
        return "ignored: known"
    audience = addressing.audience_of(activity)
    when = min(datetime_of(activity, "published") or uow.now, uow.now)
    session.add(Status(id=new_id(when), uri=uri, url=original.url, actor_id=got.actor.id, local=False, created_at=when,
                       reblog_of_id=original.id, visibility=addressing.visibility(audience, got.actor.followers_uri)))
    session.flush()
    statuses.count(uow, original.id, reblogs=1)
    notifications.notify(uow, original.actor_id, got.actor.id, "reblog", original.id)
    return "stored"
