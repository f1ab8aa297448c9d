"""Public keys of other actors by key id, parsed once; fetched when unknown, again when a signature does not hold."""
from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import select

from ..activitypub import parse
from ..activitypub.keys import PublicKey, public_from_pem
from ..db import Database
from ..errors import BadSignature, FedisoraError, Gone, NotFound
from ..models import Actor
from .fetch import Fetcher
from .resolve import Resolver

REMEMBERED = 20_000
REFUSED_SECONDS = 60.0
REFRESH_SECONDS = 300.0


@dataclass(frozen=True)
class KnownKey:
    """A key and whose it is."""

    actor_uri: str
    key: PublicKey
    loaded: float


class KeyCache:
    """key id → key, in memory, in the database, or at its owner's server."""

    def __init__(self, db: Database, fetcher: Fetcher, resolver: Resolver) -> None:
        self._db = db
        self._fetcher = fetcher
        self._resolver = resolver
        self._keys: OrderedDict[str, KnownKey] = OrderedDict()
        self._refused: dict[str, tuple[float, FedisoraError]] = {}

    async def get(self, key_id: str) -> KnownKey:
        """The key of an id.

        Raises:
            BadSignature: there is no such key, or its owner does not own it.
            Gone: its owner is gone.
            RemoteUnavailable: the owner's server does not answer.
        """
        known = self._keys.get(key_id)
        if known is not None:
            self._keys.move_to_end(key_id)
            return known
        self._check_refused(key_id)
        stored = await self._db.read(lambda session: session.execute(
            select(Actor.uri, Actor.public_key_pem).where(Actor.key_id == key_id, Actor.domain != "")).first())
        if stored is not None and stored[1]:
            return self._keep(key_id, stored[0], stored[1])
        return await self._fetch(key_id)

    async def refresh(self, key_id: str) -> KnownKey | None:
        """The key fetched again, when that was not done lately: its owner may have made a new one."""
        known = self._keys.get(key_id)
        if known is not None and time.monotonic() - known.loaded < REFRESH_SECONDS:
            return None
        if key_id in self._refused:
            return None
        try:
            return await self._fetch(key_id)
        except FedisoraError:
            return None

    async def _fetch(self, key_id: str) -> KnownKey:
        try:
            return await self._fetch_checked(key_id)
        except (BadSignature, Gone) as error:
            self._remember_refusal(key_id, error)
            raise
        except FedisoraError as error:
            if error.retryable:
                raise
            refused = Gone("The key's owner is gone.", cause=error) if isinstance(error, NotFound) \
                else BadSignature("The key cannot be had.", cause=error)
            self._remember_refusal(key_id, refused)
            raise refused from error

    async def _fetch_checked(self, key_id: str) -> KnownKey:
        if self._db.instance.uris.is_local(key_id):
            raise BadSignature("A local key cannot sign requests from elsewhere.", cause=key_id)
        document = await self._fetcher.document(key_id)
        if "inbox" in document:
            actor = await self._resolver.store_actor(document)
        else:  # a key with a document of its own names its owner, who must name it back
            owner = parse.id_of(document.get("owner") or document.get("controller"))
            if owner is None or not parse.same_origin(owner, key_id):
                raise BadSignature("The key's owner is on another server.", cause=key_id)
            actor = await self._resolver.actor(owner, refresh=True)
        if actor.key_id != key_id or not actor.public_key_pem:
            raise BadSignature("The actor does not have this key.", cause=f"{actor.uri} has {actor.key_id}, not {key_id}")
        return self._keep(key_id, actor.uri, actor.public_key_pem)

    def _keep(self, key_id: str, actor_uri: str, pem: str) -> KnownKey:
        known = KnownKey(actor_uri, public_from_pem(pem), time.monotonic())
        self._keys[key_id] = known
        while len(self._keys) > REMEMBERED:
            self._keys.popitem(last=False)
        return known

    def _check_refused(self, key_id: str) -> None:
        found = self._refused.get(key_id)
        if found is not None and found[0] > time.monotonic():
            raise found[1]

    def _remember_refusal(self, key_id: str, error: FedisoraError) -> None:
        now = time.monotonic()
        if len(self._refused) > 1000:
            self._refused = {key: value for key, value in self._refused.items() if value[0] > now}
        if len(self._refused) < 5000:
            self._refused[key_id] = (now + REFUSED_SECONDS, error)
