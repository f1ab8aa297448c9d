"""Block: an actor wants nothing to do with another one. Told to the blocked side only, and never shown to others."""
from __future__ import annotations

from typing import Any

from ..activitypub.parse import id_of
from ..db import UnitOfWork
from ..errors import Malformed
from ..models import Actor, Block
from ..store import actors, notifications, relations
from .received import Received


def build(block: Block, actor: Actor, target: Actor) -> dict[str, Any]:
    """The Block of a row."""
    return {"id": block.uri, "type": "Block", "actor": actor.uri, "object": target.uri}


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    """A remote account blocks one of ours: neither follows the other any more, and neither sees the other."""
    session = uow.session
    uri, target_uri = id_of(activity), id_of(activity.get("object"))
    if target_uri is None:
        raise Malformed("This Block names nobody.")
    target = actors.by_uri(session, target_uri)
    if target is None or not target.local or target.type == "Application":
        return "ignored: not for an account here"
    known = relations.block(session, got.actor.id, target.id)
    if known is not None:
        known.uri = uri or known.uri
        return "ignored: known"
    separate(uow, got.actor, target)
    session.add(Block(id=uow.new_id(), actor_id=got.actor.id, target_id=target.id, uri=uri or "", created_at=uow.now))
    session.flush()
    return "blocked"


def separate(uow: UnitOfWork, blocker: Actor, blocked: Actor) -> None:
    """Remove the follows both ways, and what the blocker was told about the other one."""
    for first, second in ((blocker, blocked), (blocked, blocker)):
        row = relations.follow(uow.session, first.id, second.id)
        if row is not None:
            relations.drop_follow(uow, row)
    notifications.remove_from(uow, blocker.id, blocked.id)
