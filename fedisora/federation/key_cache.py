"""Public keys of other actors by key id, parsed once; fetched when unknown, again when a signature does not hold.

Anybody can send a request that names any key, so every fetch that such a name causes is counted: per key, per document and
per host. A refusal is remembered for a while too.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..activitypub import parse
from ..activitypub.keys import NamedKey, PublicKey, in_use, keys_of, names_key, public_from_pem
from ..activitypub.multibase import ed25519_from_multibase
from ..db import Database
from ..errors import BadSignature, FedisoraError, Gone, Malformed, NotFound, RemoteUnavailable
from ..models import Actor
from .fetch import Fetcher
from .resolve import Resolver

REMEMBERED = 20_000
MEMORY_SECONDS = 600.0
"""Then a key is read from the database again: another process may have seen that it was replaced."""
REFUSED_SECONDS = 60.0
GONE_SECONDS = 3600.0
WINDOW = 60.0
REFRESHES = 3
"""Fetches of a known key per `WINDOW`, because a signature did not hold: one per request, and a stranger's wrong signatures
should not keep a key that was just replaced from being found."""
DOCUMENT_FETCHES = 6
"""Fetches of one document per `WINDOW`, whatever fragments its key ids have."""
HOST_FETCHES = 60
"""Fetches from one host at a time; a host that hangs must not collect more of them."""
HOST_REFUSALS = 60
"""Fetches from one host per `WINDOW` that led to no key. A 410 is not counted: big servers delete many accounts at a time."""


@dataclass(frozen=True)
class KnownKey:
    """A key and whose it is. `assertion`: it is a Multikey of its owner, which may also sign documents."""

    actor_uri: str
    key: PublicKey
    loaded: float
    assertion: bool = False


class _Counter:
    """How often something happened under a name within one window; old names are forgotten first."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def full(self, name: str) -> bool:
        since, count = self._seen.get(name, (0.0, 0))
        return count >= self._most and self._clock() - since < WINDOW

    def add(self, name: str) -> None:
        now = self._clock()
        since, count = self._seen.pop(name, (now, 0))
        self._seen[name] = (since, count + 1) if now - since < WINDOW else (now, 1)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


class KeyCache:
    """key id → key, in memory, in the database, or at its owner's server."""

    def __init__(self, db: Database, fetcher: Fetcher, resolver: Resolver,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._fetcher = fetcher
        self._resolver = resolver
        self._clock = clock
        self._keys: OrderedDict[str, KnownKey] = OrderedDict()
        self._refused: OrderedDict[str, tuple[float, FedisoraError]] = OrderedDict()
        self._running: dict[str, asyncio.Task[KnownKey]] = {}
        self._asking: Counter[str] = Counter()
        self._refreshes = _Counter(REFRESHES, clock)
        self._documents = _Counter(DOCUMENT_FETCHES, clock)
        self._refusals = _Counter(HOST_REFUSALS, clock)

    async def get(self, key_id: str) -> KnownKey:
        """The key of an id: one of an actor's `publicKey`s, or a Multikey of its `assertionMethod`.

        Raises:
            BadSignature: there is no such key, or its owner does not own it.
            Gone: its owner is gone.
            RemoteUnavailable: the owner's server does not answer, or was asked for keys too often.
        """
        known = self._keys.get(key_id)
        if known is not None and self._clock() - known.loaded < MEMORY_SECONDS:
            self._keys.move_to_end(key_id)
            return known
        self._check_refused(key_id)
        now = self._db.clock()
        stored = await self._db.read(lambda session: _stored(session, key_id, now))
        if stored is not None:
            return self._keep(key_id, *stored)
        return await self._fetch(key_id)

    async def assertion_key(self, key_id: str) -> KnownKey:
        """The Multikey that signs documents of its owner.

        Raises:
            BadSignature, Gone, RemoteUnavailable: as `get`; BadSignature for a key that signs HTTP requests only.
        """
        known = await self.get(key_id)
        if not known.assertion:
            raise BadSignature("This key does not sign documents.", cause=key_id)
        return known

    async def refresh(self, key_id: str, failed: KnownKey) -> KnownKey | None:
        """Another key than the one that failed, if its owner has made a new one: fetched once, then not for a while."""
        current = self._keys.get(key_id)
        if current is not None and current.key is not failed.key:
            return current  # somebody else's request has just found that out
        if key_id not in self._running:
            if self._refreshes.full(key_id):
                return None
            self._refreshes.add(key_id)
        try:
            return await self._fetch(key_id)
        except FedisoraError:
            return None

    async def _fetch(self, key_id: str) -> KnownKey:
        """Many requests with one unknown key cause one fetch."""
        task = self._running.get(key_id)
        if task is None:
            if not parse.is_http(key_id):
                raise BadSignature("The key's id is not an address.", cause=key_id)
            document, host = key_id.partition("#")[0], parse.host_of(key_id)
            if self._documents.full(document) or self._refusals.full(host) or self._asking[host] >= HOST_FETCHES:
                raise RemoteUnavailable(cause=f"keys of {document} were asked for too often", retry_after=WINDOW)
            self._documents.add(document)
            task = self._running[key_id] = asyncio.create_task(self._fetch_once(key_id))
            self._asking[host] += 1
            task.add_done_callback(lambda _: self._fetched(key_id, host))
        return await asyncio.shield(task)

    def _fetched(self, key_id: str, host: str) -> None:
        self._running.pop(key_id, None)
        self._asking[host] -= 1
        if not self._asking[host]:
            del self._asking[host]

    async def _fetch_once(self, key_id: str) -> KnownKey:
        try:
            return await self._fetch_checked(key_id)
        except (BadSignature, Gone) as error:
            self._refuse(key_id, error)
            raise
        except FedisoraError as error:
            if error.retryable:
                self._refusals.add(parse.host_of(key_id))
                raise
            refused = Gone("The key's owner is gone.", cause=error) if isinstance(error, NotFound) \
                else BadSignature("The key cannot be had.", cause=error)
            self._refuse(key_id, refused)
            raise refused from error

    async def _fetch_checked(self, key_id: str) -> KnownKey:
        if self._db.instance.uris.is_local(key_id):
            raise BadSignature("A local key cannot sign requests from elsewhere.", cause=key_id)
        document = await self._fetcher.document(key_id)
        if "inbox" in document:
            key = keys_of(document, self._db.clock()).get(key_id)
        else:  # a key with a document of its own names its owner, who must name it back
            owner = parse.id_of(document.get("owner") or document.get("controller"))
            if owner is None or not parse.same_origin(owner, key_id):
                raise BadSignature("The key's owner is on another server.", cause=key_id)
            separate, document = document, await self._fetcher.document(owner)
            if parse.id_of(document) != owner:
                raise BadSignature("The key's owner is somebody else.", cause=key_id)
            key = keys_of(document, self._db.clock()).get(key_id)
            if key is None and names_key(document, key_id):
                key = keys_of({"id": owner, "publicKey": separate}).get(key_id)
        actor = await self._resolver.store_actor(document)
        if key is None:
            raise BadSignature("The actor does not have this key.", cause=f"{actor.uri} does not have {key_id}")
        return self._keep(key_id, actor.uri, key)

    def _keep(self, key_id: str, actor_uri: str, key: NamedKey) -> KnownKey:
        """Under the id that was asked for, whatever else the document lists."""
        known = self._keys[key_id] = KnownKey(actor_uri, key.key, self._clock(), key.assertion)
        self._keys.move_to_end(key_id)
        self._refused.pop(key_id, None)
        while len(self._keys) > REMEMBERED:
            self._keys.popitem(last=False)
        return known

    def _check_refused(self, key_id: str) -> None:
        found = self._refused.get(key_id)
        if found is not None and found[0] > self._clock():
            raise found[1]

    def _refuse(self, key_id: str, error: FedisoraError) -> None:
        self._keys.pop(key_id, None)
        if not isinstance(error, Gone) or isinstance(error.cause, NotFound):
            self._refusals.add(parse.host_of(key_id))
        self._refused[key_id] = (self._clock() + (GONE_SECONDS if isinstance(error, Gone) else REFUSED_SECONDS), error)
        self._refused.move_to_end(key_id)
        while len(self._refused) > REMEMBERED:
            self._refused.popitem(last=False)


def _stored(session: Session, key_id: str, now: dt.datetime) -> tuple[str, NamedKey] | None:
    """(owner, key) as the owner's document had it when it was last fetched; None when it is not stored or not usable."""
    columns = select(Actor.uri, Actor.key_id, Actor.public_key_pem, Actor.assertion_keys).where(Actor.domain != "")
    row = (session.execute(columns.where(Actor.uri == key_id.partition("#")[0])).first()
           or session.execute(columns.where(Actor.key_id == key_id)).first())
    if row is None:
        return None
    try:
        if row.key_id == key_id:
            return row.uri, NamedKey(key_id, public_from_pem(row.public_key_pem))
        for item in row.assertion_keys:
            if item.get("id") == key_id and in_use(item, now):
                return row.uri, NamedKey(key_id, ed25519_from_multibase(item.get("multibase")), assertion=True)
    except Malformed:
        return None
    return None
