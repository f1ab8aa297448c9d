"""Who sent a request: signature → key → owner, bound before anything else is done with it."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ..activitypub.signatures import Request, read_signature, verify_request
from ..errors import BadSignature
from .key_cache import KeyCache


@dataclass(frozen=True)
class Sender:
    """A verified sender."""

    actor_uri: str
    key_id: str


async def authenticate(keys: KeyCache, request: Request, now: dt.datetime) -> Sender:
    """The actor whose key signed a request.

    Raises:
        BadSignature: no, an unreadable or a wrong signature; an unknown key.
        Gone: the key's owner is gone.
        RemoteUnavailable: the key cannot be fetched now.
    """
    info = read_signature(request)
    known = await keys.get(info.key_id)
    try:
        verify_request(request, info, known.key, now)
    except BadSignature:
        fresh = await keys.refresh(info.key_id)
        if fresh is None:
            raise
        verify_request(request, info, fresh.key, now)
        known = fresh
    return Sender(known.actor_uri, info.key_id)
