"""Update: a changed post or profile."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from ..activitypub.parse import id_of, ids_of, same_origin, type_of
from ..activitypub.vocabulary import ACTOR_TYPES, OBJECT_TYPES, PUBLIC
from ..db import UnitOfWork
from ..errors import Malformed, NotOwner
from ..models import Actor
from ..provenance.consent import STAMPS
from ..serializers.activitypub import actor as actor_serializer
from ..store import actors, relations, statuses
from . import lineages, outbox, remote_posts
from .received import Received


def build(uri: str, actor: Actor, document: dict[str, Any], to: list[str], cc: list[str]) -> dict[str, Any]:
    """The Update of a post or of the actor itself."""
    return {"id": uri, "type": "Update", "actor": actor.uri, "to": to, "cc": cc, "object": document}


def send_actor(uow: UnitOfWork, actor: Actor, also: Iterable[str] = ()) -> None:
    """Tell the servers of an actor's followers, and `also` these inboxes, that its profile changed."""
    document = actor_serializer.to_activitypub(actor, uow.uris, now=uow.now)
    activity = build(uow.uris.update(actor.uri, int(uow.now.timestamp() * 1000)), actor, document, [PUBLIC],
                     [actor.followers_uri or ""])
    outbox.send(uow, actor, activity, [*relations.follower_inboxes(uow.session, actor.id), *also],
                object_uri=actor.uri)


def needs(activity: dict[str, Any]) -> list[str]:
    """The object, when the activity only names it."""
    reference = activity.get("object")
    uri = id_of(reference)
    return [uri] if uri is not None and not isinstance(reference, dict) else []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    reference = activity.get("object")
    uri = id_of(reference)
    if uri is None:
        raise Malformed("This Update has no object.")
    document = got.fetched.get(uri) or (reference if isinstance(reference, dict) else None)
    if document is None:
        return "ignored: the object cannot be had"
    kind = type_of(document)
    if kind in ACTOR_TYPES:
        if uri != got.actor.uri:
            raise NotOwner("An actor can only update itself.", cause=f"{got.actor.uri} updates {uri}")
        data = actor_serializer.from_activitypub(document, handle=(got.actor.username, got.actor.domain))
        actors.upsert_remote(uow, data)
        return "profile updated"
    if kind in OBJECT_TYPES:
        return remote_posts.edit(uow, document, _author(uow, uri, got.actor))
    if kind in STAMPS:
        if not same_origin(uri, got.actor.uri):
            raise NotOwner(cause=f"{got.actor.uri} updates {uri}")
        return lineages.stamp_changed(uow, uri)
    return "ignored: type not shown here"


def _author(uow: UnitOfWork, uri: str, sender: Actor) -> Actor:
    """Who edits: the stored author, when the sender is named beside it in what is stored (PeerTube: Person and Group)."""
    status = statuses.by_uri(uow.session, uri)
    if status is None or status.local or status.actor_id == sender.id or status.document is None:
        return sender
    named = ids_of(orjson.loads(status.document).get("attributedTo"))
    return actors.get(uow.session, status.actor_id) if sender.uri in named and same_origin(sender.uri, uri) else sender
