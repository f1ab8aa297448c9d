"""FEP-fe34, origin-based security: an origin speaks for its own ids only."""
from __future__ import annotations

from typing import Any

from ..errors import NotOwner
from .parse import id_of, ids_of, same_origin


def check_actor_owns(actor_uri: str, object_uri: str) -> None:
    """Raises NotOwner unless actor and object lie on the same origin (scheme, host and port)."""
    if not same_origin(actor_uri, object_uri):
        raise NotOwner(cause=f"{actor_uri} acts on {object_uri}")


def check_attribution(actor_uri: str, document: dict[str, Any]) -> None:
    """Raises NotOwner unless the object lies on the actor's origin and is attributed to this actor.

    A list may name others of the same origin beside it (PeerTube: Person and Group), never somebody elsewhere.
    """
    uri, authors = id_of(document), ids_of(document.get("attributedTo"))
    if uri is None or actor_uri not in authors:
        raise NotOwner(cause=f"{uri} is not attributed to {actor_uri}")
    for other in (uri, *authors):
        check_actor_owns(actor_uri, other)
