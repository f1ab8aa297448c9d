"""Follow: somebody wants to see an actor's posts."""
from __future__ import annotations

from typing import Any

from ..activitypub.parse import id_of
from ..db import UnitOfWork
from ..errors import Malformed
from ..models import Actor, Follow
from ..store import actors, notifications, relations, relays
from . import accept, outbox, reject
from .received import Received


def build(follow: Follow, actor: Actor, target: Actor) -> dict[str, Any]:
    """The Follow of a row; its id never changes (some peers answer a second id with an error)."""
    return {"id": follow.uri, "type": "Follow", "actor": actor.uri, "object": target.uri}


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    session = uow.session
    target_uri, uri = id_of(activity.get("object")), id_of(activity)
    if target_uri is None or uri is None:
        raise Malformed("This Follow names nobody.")
    target = actors.by_uri(session, target_uri)
    if target is None or not target.local:
        return "ignored: not for an account here"
    follow = relations.follow(session, got.actor.id, target.id)
    is_relay = target.type == "Application" and relays.may_follow_back(session, got.actor.uri)
    refused = not is_relay and (
        target.type == "Application" or target.suspended_at is not None
        or relations.blocked_either_way(session, got.actor.id, target.id)
        or actors.local_active(session, target.username) is None)
    if refused:
        document = {"id": uri, "type": "Follow", "actor": got.actor.uri, "object": target.uri}
        outbox.send(uow, target, reject.build(uow.uris.reject(target.uri, uow.new_id()), target, document),
                    outbox.inbox_of(got.actor, shared=False))
        return "rejected"
    if follow is None:
        follow = Follow(id=uow.new_id(), actor_id=got.actor.id, target_id=target.id, uri=uri, state="pending",
                        created_at=uow.now)
        session.add(follow)
        session.flush()
    else:
        follow.uri = uri
    if follow.state != "accepted" and target.locked:
        notifications.notify(uow, target.id, got.actor.id, "follow_request")
        return "waits for approval"
    if follow.state != "accepted":
        follow.state = "accepted"
        actors.adjust_counts(uow, target.id, followers=1)
        actors.adjust_counts(uow, got.actor.id, following=1)
        notifications.notify(uow, target.id, got.actor.id, "follow")
    accept.send(uow, follow, got.actor, target)
    return "accepted"
