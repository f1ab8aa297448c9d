"""Move: an account went to another address and takes its followers along (FEP-7628)."""
from __future__ import annotations

import datetime as dt
from typing import Any

from ..activitypub.parse import id_of, is_http
from ..db import UnitOfWork
from ..errors import Malformed, NotOwner
from ..models import Actor
from ..store import jobs, relations
from .received import Received

COOLDOWN = dt.timedelta(days=7)
"""An account moves once in this time (Mastodon's), or two servers could keep everybody busy with following."""


def build(uri: str, actor: Actor, target: Actor) -> dict[str, Any]:
    """The Move of a local account, for its followers."""
    return {"id": uri, "type": "Move", "actor": actor.uri, "to": [actor.followers_uri or ""], "object": actor.uri,
            "target": target.uri}


def needs(activity: dict[str, Any]) -> list[str]:
    """Nothing: what is known of the target does not count, so a job fetches it anew (`workers.federation.move`)."""
    return []


def rested(actor: Actor, now: dt.datetime) -> bool:
    """Whether the last Move is long enough ago."""
    return actor.moved_at is None or actor.moved_at < now - COOLDOWN


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    if id_of(activity.get("object")) != got.actor.uri:
        raise NotOwner("An account can only move itself.", cause=f"{got.actor.uri} moves {activity.get('object')}"[:500])
    target = id_of(activity.get("target"))
    if target is None or not is_http(target) or target == got.actor.uri:
        raise Malformed("This Move leads nowhere.")
    if not rested(got.actor, uow.now):
        return "ignored: moved lately"
    if not relations.has_local_follower(uow.session, got.actor.id) and not relations.has_local_blocker(
            uow.session, got.actor.id):
        return "ignored: nobody here asked for it"
    jobs.enqueue(uow, "move", {"actor": got.actor.uri, "target": target}, key=got.actor.uri[:200])
    return "the target is asked"
