"""Who sent a request: signature → key → owner, bound before anything else is done with it."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..activitypub import parse
from ..activitypub.integrity_proofs import proof_created, verification_method_of, verify_document
from ..activitypub.signatures import Request, read_signature, verify_request
from ..errors import BadSignature
from .key_cache import KeyCache, KnownKey

FORWARDED_FOR = dt.timedelta(days=7)
"""How old the proof of a forwarded activity may be: as long as servers try to deliver, so that nothing older is replayed."""
SKEW = dt.timedelta(hours=1)


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
        fresh = await keys.refresh(info.key_id, known)
        if fresh is None:
            raise
        verify_request(request, info, fresh.key, now)
        known = fresh
    return Sender(known.actor_uri, info.key_id)


async def author_of_forwarded(keys: KeyCache, document: dict[str, Any], now: dt.datetime) -> str:
    """The actor of an activity that somebody else delivered, shown by the activity's own FEP-8b32 proof.

    The proof must be by a Multikey of that very actor, over the whole activity, and not older than a delivery can be.

    Raises:
        BadSignature: no proof, another's key, a wrong or an old proof.
        Gone: the actor is gone.
        RemoteUnavailable: the key cannot be fetched now.
    """
    actor_uri, method, created = parse.id_of(document.get("actor")), verification_method_of(document), proof_created(document)
    if actor_uri is None or method is None:
        raise BadSignature("The activity is signed by somebody else than its actor, and carries no proof of its own.")
    # before anything is fetched: the key must be in the actor's own document
    if method.partition("#")[0] != actor_uri:
        raise BadSignature("The activity's proof is by somebody else than its actor.", cause=f"{method} for {actor_uri}")
    if created is None or not now - FORWARDED_FOR <= created <= now + SKEW:
        raise BadSignature("The activity's proof is too old, or does not say when it was made.")
    known = await keys.assertion_key(method)
    try:
        _check_proof(document, known, now)
    except BadSignature:
        fresh = await keys.refresh(method, known)
        if fresh is None:
            raise
        _check_proof(document, fresh, now)
        known = fresh
    if known.actor_uri != actor_uri:
        raise BadSignature("The activity's proof is by somebody else than its actor.", cause=f"{known.actor_uri} for {actor_uri}")
    return actor_uri


def _check_proof(document: dict[str, Any], known: KnownKey, now: dt.datetime) -> None:
    if not known.assertion or not isinstance(known.key, Ed25519PublicKey):
        raise BadSignature("This key does not sign documents.")
    verify_document(document, known.key, now)
