"""Remove: an actor takes one of its posts from its profile (`featured`). Built by add.py."""
from __future__ import annotations

from typing import Any

from ..db import UnitOfWork
from ..errors import NotOwner
from ..store import statuses
from .add import featured
from .received import Received


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    uri, reason = featured(activity, got)
    if reason:
        return reason
    status = statuses.by_uri(uow.session, uri)
    if status is None:
        return "ignored: unknown post"
    if status.actor_id != got.actor.id:
        raise NotOwner("Only one's own posts can be featured.", cause=f"{got.actor.uri} removes {uri}")
    if status.pinned_at is None:
        return "ignored: not pinned"
    status.pinned_at = None
    return "unpinned"
