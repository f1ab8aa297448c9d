"""EmojiReact: somebody answers a post with an emoji (FEP-c0e0). Only received; Misskey sends the same as a Like."""
from __future__ import annotations

from typing import Any

from ..activitypub import emoji
from ..activitypub.parse import id_of
from ..db import UnitOfWork
from ..models import Reaction
from ..store import reactions, relations, statuses
from .received import Received

MAX_PER_ACTOR = 20
"""Different emoji of one actor under one post."""


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    """Store the emoji; nobody is told (a like is told, a reaction is seen)."""
    session = uow.session
    found = emoji.reaction_of(activity)
    if found is None:
        return "ignored: not an emoji"
    content, picture = found
    status = statuses.by_uri(session, id_of(activity.get("object")) or "")
    if status is None or status.reblog_of_id is not None or not statuses.visible(session, status, got.actor.id):
        return "ignored: no such post for this actor"
    if relations.blocked_either_way(session, got.actor.id, status.actor_id):
        return "ignored: blocked"
    mine = reactions.of(session, status.id, got.actor.id)
    if any(row.content == content for row in mine):
        return "ignored: known"
    if len(mine) >= MAX_PER_ACTOR:
        return "ignored: too many"
    session.add(Reaction(id=uow.new_id(), status_id=status.id, actor_id=got.actor.id, content=content, emoji_url=picture,
                         uri=id_of(activity) or "", created_at=uow.now))
    session.flush()
    return "reaction stored"
