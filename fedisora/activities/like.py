"""Like: somebody likes a post, or (Misskey) answers it with an emoji."""
from __future__ import annotations

from typing import Any

from ..activitypub import emoji
from ..activitypub.parse import id_of
from ..db import UnitOfWork
from ..models import Actor, Favourite, Status
from ..store import notifications, relations, statuses
from . import emoji_react
from .received import Received


def build(like: Favourite, actor: Actor, status: Status) -> dict[str, Any]:
    """The Like of a row."""
    return {"id": like.uri, "type": "Like", "actor": actor.uri, "object": status.uri}


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    if not emoji.is_favourite(activity):
        return emoji_react.receive(uow, activity, got)
    session = uow.session
    status = statuses.by_uri(session, id_of(activity.get("object")) or "")
    if status is None or not statuses.visible(session, status, got.actor.id):
        return "ignored: no such post for this actor"
    if relations.blocked_either_way(session, got.actor.id, status.actor_id):
        return "ignored: blocked"
    if relations.favourite(session, got.actor.id, status.id) is not None:
        return "ignored: known"
    session.add(Favourite(id=uow.new_id(), actor_id=got.actor.id, status_id=status.id, uri=id_of(activity) or "",
                          created_at=uow.now))
    statuses.count(uow, status.id, favourites=1)
    notifications.notify(uow, status.actor_id, got.actor.id, "favourite", status.id)
    return "stored"
