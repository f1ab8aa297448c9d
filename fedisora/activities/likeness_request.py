"""LikenessRequest: somebody asks whether a video may show one of our people (vocabulary §4).

It is never answered by a rule: it waits in the person's inbox until the person says no, or gives it.
"""
from __future__ import annotations

from typing import Any

from ..activitypub.parse import id_of
from ..db import UnitOfWork
from ..store import actors
from . import remix_request
from .received import Received

needs = remix_request.needs


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    """Put it before the person.

    Raises:
        Malformed, NotOwner: as for a RemixRequest.
    """
    name = uow.uris.actor_name(id_of(activity.get("object")) or "")
    owner = actors.local_active(uow.session, name) if name else None
    if owner is None or owner.uri != id_of(activity.get("object")) or owner.type not in ("Person", "Service"):
        return "ignored: nobody here"
    return remix_request.take(uow, activity, got, "likeness", owner, owner.uri, None)
