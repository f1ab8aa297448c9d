"""Create: a new post."""
from __future__ import annotations

from typing import Any

from ..activitypub.parse import id_of, ids_of, same_origin, type_of
from ..activitypub.vocabulary import OBJECT_TYPES
from ..db import UnitOfWork
from ..errors import Malformed, NotOwner
from . import inbound, remote_posts, votes
from .received import Received


def build(note: dict[str, Any], uri: str) -> dict[str, Any]:
    """The Create of a signed Note; the Note keeps its own `@context` and proof."""
    return {"id": uri, "type": "Create", "actor": note["attributedTo"], "published": note["published"],
            "to": note["to"], "cc": note["cc"], "object": note}


def needs(activity: dict[str, Any]) -> list[str]:
    """The object, when the activity only names it."""
    reference = activity.get("object")
    uri = id_of(reference)
    return [uri] if uri is not None and not isinstance(reference, dict) else []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    reference = activity.get("object")
    uri = id_of(reference)
    if uri is None:
        raise Malformed("This Create has no object.")
    if isinstance(reference, dict):
        if not same_origin(uri, got.actor.uri):
            raise NotOwner("The post's id is on another server than its author.", cause=f"{got.actor.uri} creates {uri}")
        if got.actor.uri not in ids_of(reference.get("attributedTo")):
            raise NotOwner("The post is not attributed to the sender.", cause=f"{got.actor.uri} creates {uri}")
        if type_of(reference) not in OBJECT_TYPES:
            return "ignored: type not shown here"
    document = remote_posts.embedded_or_fetched(reference, got.actor.uri, got.fetched)
    if document is None:
        return "ignored: the object cannot be had"
    if votes.is_vote(document):
        return votes.receive(uow, document, got.actor)
    status = remote_posts.store(uow, document, got.actor)
    if status is None:
        return "ignored: nobody here asked for it"
    return inbound.outcome(status) or "stored"
