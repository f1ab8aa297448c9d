"""Reject: an actor does not let somebody follow it, or no longer."""
from __future__ import annotations

from typing import Any

from ..db import UnitOfWork
from ..models import Actor
from ..store import relations
from . import consents, quotes, relayed
from .accept import answered
from .received import Received


def build(uri: str, actor: Actor, follow: dict[str, Any]) -> dict[str, Any]:
    """Minimal: the Follow embedded with its ids only."""
    return {"id": uri, "type": "Reject", "actor": actor.uri, "object": follow}


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    relay = relayed.answer(uow, activity, got, "rejected")
    if relay is not None:
        return relay
    if quotes.is_request(activity):
        return quotes.answered(uow, activity, got, accepted=False)
    if consents.is_request(uow, activity):
        return consents.answered(uow, activity, got, accepted=False)
    follow = answered(uow, activity, got)
    if follow is None:
        return "ignored: no such follow of ours"
    relations.drop_follow(uow, follow)
    return "follow removed"
