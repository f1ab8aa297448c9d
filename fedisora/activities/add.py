"""Add: an actor puts one of its posts on its profile (`featured`)."""
from __future__ import annotations

from typing import Any

from ..activitypub.parse import id_of, same_origin, type_of
from ..activitypub.vocabulary import PUBLIC
from ..db import UnitOfWork
from ..errors import Malformed, NotOwner
from ..models import Actor, Status
from ..store import pins, relations, statuses
from . import remote_posts
from .received import Received


def build(kind: str, uri: str, actor: Actor, status: Status) -> dict[str, Any]:
    """The Add to, or Remove from, an actor's featured collection; by id, as Mastodon sends it."""
    return {"id": uri, "type": kind, "actor": actor.uri, "to": [PUBLIC], "cc": [actor.followers_uri or ""],
            "object": status.uri, "target": actor.featured_uri}


def needs(activity: dict[str, Any]) -> list[str]:
    """The post, of the sender's own server only; a featured hashtag is none."""
    reference = activity.get("object")
    uri, actor = id_of(reference), id_of(activity.get("actor"))
    if uri is None or actor is None or type_of(reference) == "Hashtag" or not same_origin(uri, actor):
        return []
    return [uri]


def featured(activity: dict[str, Any], got: Received) -> tuple[str, str]:
    """(id of the object, "" or why this Add or Remove is of no interest).

    Raises:
        Malformed: it has no object.
        NotOwner: the collection is on another server than its actor.
    """
    uri, target = id_of(activity.get("object")), id_of(activity.get("target"))
    if type_of(activity.get("object")) == "Hashtag":
        return "", "ignored: a featured hashtag"
    if uri is None:
        raise Malformed("The activity has no object.")
    if target is not None and not same_origin(target, got.actor.uri):
        raise NotOwner("The collection is not the actor's.", cause=f"{got.actor.uri} changes {target}")
    if target is None or target != got.actor.featured_uri:
        return uri, "ignored: not the actor's featured collection"
    return uri, ""


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    session = uow.session
    uri, reason = featured(activity, got)
    if reason:
        return reason
    status = statuses.by_uri(session, uri)
    if status is None:
        document = got.fetched.get(uri)
        if document is None:
            return "ignored: the post cannot be had"
        if not relations.has_local_follower(session, got.actor.id):
            return "ignored: nobody here asked for it"
        status = remote_posts.store(uow, document, got.actor, asked=True)
        if status is None:
            return "ignored: the post was deleted"
    if status.actor_id != got.actor.id or status.reblog_of_id is not None:
        raise NotOwner("Only one's own posts can be featured.", cause=f"{got.actor.uri} features {uri}")
    if status.pinned_at is not None:
        return "ignored: known"
    if pins.count(session, got.actor.id) >= pins.MAX_REMOTE:
        return "ignored: too many"
    status.pinned_at = uow.now
    return "pinned"
