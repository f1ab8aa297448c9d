"""What arrives: limits → signature → one row, committed in groups → 202; processed later, once per activity id."""
from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..activities import HANDLERS, Received
from ..activitypub import parse
from ..activitypub.requests import Request
from ..activitypub.signatures import read_signature
from ..activitypub.vocabulary import OBJECT_TYPES
from ..db import Database, GroupCommit, UnitOfWork
from ..errors import BadSignature, FedisoraError, Forbidden, Gone, Malformed, NotOwner, Refused, TooLarge
from ..models import InboxMessage
from ..store import actors, queue, relations, statuses
from .authenticate import authenticate
from .fetch import Fetcher
from .key_cache import KeyCache
from .resolve import Resolver

log = structlog.get_logger()
MAX_BYTES = 1 << 20
BATCH = 100
ATTEMPTS = 8
LEASE = dt.timedelta(seconds=60)
FETCHES = 16
REMEMBERED = 20_000
STILL_HEARD = frozenset({"Delete", "Reject", "Undo", "Update"})
"""What a suspended account may still say."""
WAITING_FETCHES = 4
OPEN_REFERENCES = frozenset({"Follow", "Like", "Announce", "Undo", "Accept", "Reject", "Block", "Flag", "Add", "Remove", "Move"})
"""Types whose object may be anybody's; for the others it must be the sender's own (FEP-fe34)."""


@dataclass(frozen=True)
class _Arrival:
    activity_uri: str
    actor_uri: str
    key_id: str
    type: str
    body: bytes


@dataclass
class _Work:
    """One claimed message on its way through."""

    id: int
    attempt: int
    actor_uri: str
    body: bytes
    activity: dict[str, Any] = field(default_factory=dict)
    fetched: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: Exception | None = None


class Inbox:
    """The instance's one inbox, behind every actor's."""

    def __init__(self, db: Database, keys: KeyCache, fetcher: Fetcher, resolver: Resolver) -> None:
        self._db = db
        self._keys = keys
        self._fetcher = fetcher
        self._resolver = resolver
        self._commits: GroupCommit[_Arrival, None] = GroupCommit(db, _store)
        self._fetches = asyncio.Semaphore(FETCHES)
        self._standing: dict[str, tuple[float, bool]] = {}

    # ---- at the door
    async def accept(self, request: Request) -> None:
        """Take an activity in; returns once it is committed.

        Raises:
            TooLarge (413), Malformed (400), BadSignature (401), Forbidden and NotOwner (403): nothing is stored.
            RemoteUnavailable (503): the sender's key cannot be fetched now; the sender tries again.
        """
        body = request.body or b""
        if len(body) > MAX_BYTES:
            raise TooLarge(f"An activity may have {MAX_BYTES >> 20} MiB at most.")
        key_id = read_signature(request).key_id
        activity = parse.parse_document(body)
        actor_uri, kind = parse.id_of(activity.get("actor")), parse.type_of(activity)
        if actor_uri is None or not parse.is_http(actor_uri) or not kind:
            raise Malformed("An activity needs a type and an actor.")
        await self._fetcher.admit(actor_uri, key_id)
        try:
            sender = await authenticate(self._keys, request, self._db.clock())
        except Gone:
            if kind == "Delete":  # of an account we cannot check any more, and most likely never knew
                return
            raise BadSignature("The key's owner is gone.") from None
        if sender.actor_uri != actor_uri:
            raise BadSignature("The activity is signed by somebody else than its actor.",
                               cause=f"{sender.actor_uri} signed for {actor_uri}")
        uri = _own_id(activity, actor_uri, body)
        _check_object(activity, actor_uri, kind)
        if kind not in STILL_HEARD and await self._is_suspended(actor_uri):
            raise Forbidden("This account is suspended here.")
        if kind not in HANDLERS:
            return  # understood by nobody here: taking it in would only fill the disk
        try:
            await self._commits.put(_Arrival(uri, actor_uri, sender.key_id, kind[:48], body))
        except IntegrityError:
            return  # another process took the same one in at the same moment

    async def _is_suspended(self, actor_uri: str) -> bool:
        """Looked up once a minute per actor; whoever slips through is refused when the activity is applied."""
        now = time.monotonic()
        known = self._standing.get(actor_uri)
        if known is None or known[0] < now:
            if len(self._standing) > REMEMBERED:
                self._standing.clear()
            known = (now + 60.0, await self._db.read(lambda session: _suspended(session, actor_uri)))
            self._standing[actor_uri] = known
        return known[1]

    # ---- later
    async def process_batch(self, owner: str) -> int:
        """Process up to `BATCH` messages: fetch what they need, then apply all in one transaction, each in a savepoint."""
        def take(uow: UnitOfWork) -> list[_Work]:
            rows = queue.claim(uow.session, InboxMessage, InboxMessage.state == "pending", owner=owner, now=uow.now,
                               lease=LEASE, limit=BATCH)
            return [_Work(row.id, row.attempt, row.actor_uri, row.body) for row in rows]

        batch = await self._db.write(take)
        if not batch:
            return 0
        for work in batch:
            try:
                work.activity = parse.parse_document(work.body)
            except Refused as error:
                work.error = error
        await self._prepare(batch)
        await self._db.write(lambda uow: _apply(uow, batch, owner))
        return len(batch)

    async def _prepare(self, batch: list[_Work]) -> None:
        wanted = [(work, uri) for work in batch if work.error is None
                  for uri in HANDLERS[parse.type_of(work.activity)].needs(work.activity)]
        senders = {work.actor_uri for work in batch}
        missing, followed, unknown = await self._db.read(
            lambda session: _what_is_missing(session, {uri for _, uri in wanted}, senders))
        jobs = [self._sender(work) for work in batch if work.actor_uri in unknown and work.error is None]
        jobs += [self._fetch(work, uri) for work, uri in wanted
                 if uri in missing and not self._db.instance.uris.is_local(uri)
                 and (parse.type_of(work.activity) != "Announce" or work.actor_uri in followed)]
        if jobs:
            await asyncio.gather(*jobs)

    async def _sender(self, work: _Work) -> None:
        try:
            async with self._fetches:
                await self._resolver.actor(work.actor_uri)
        except FedisoraError as error:
            work.error = error

    async def _fetch(self, work: _Work, uri: str) -> None:
        """A document a handler needs, and its author's row. What cannot be had for good is left out."""
        try:
            async with self._fetches:
                document = await self._fetcher.document(uri)
                authors = parse.ids_of(document.get("attributedTo"))
                if parse.type_of(document) in OBJECT_TYPES and authors and parse.same_origin(authors[0], uri):
                    await self._resolver.actor(authors[0])
                work.fetched[uri] = document
        except FedisoraError as error:
            if error.retryable and work.attempt < WAITING_FETCHES:
                work.error = error


def _own_id(activity: dict[str, Any], actor_uri: str, body: bytes) -> str:
    """The activity's id, on its actor's origin; one made from its bytes when it has none (a transient activity)."""
    if activity.get("id") is None:
        return f"{actor_uri}#sha256-{hashlib.sha256(body).hexdigest()}"
    uri = parse.id_of(activity)
    if uri is None or not parse.is_http(uri):
        raise Malformed("The activity's id is not an address.")
    if not parse.same_origin(uri, actor_uri):
        raise NotOwner("The activity's id is on another server than its actor.", cause=f"{actor_uri} sends {uri}")
    return uri


def _check_object(activity: dict[str, Any], actor_uri: str, kind: str) -> None:
    uri = parse.id_of(activity.get("object"))
    if uri is None:
        raise Malformed("The activity has no object.")
    if kind not in OPEN_REFERENCES and not parse.same_origin(uri, actor_uri):
        raise NotOwner("The object is on another server than the actor.", cause=f"{actor_uri} sends {kind} of {uri}")


def _suspended(session: Any, actor_uri: str) -> bool:
    actor = actors.by_uri(session, actor_uri)
    return actor is not None and actor.suspended_at is not None


def _store(uow: UnitOfWork, items: list[_Arrival]) -> list[None]:
    """One transaction for many arrivals; a repeated one is a row already."""
    known = {(row[0], row[1]) for row in uow.session.execute(
        select(InboxMessage.actor_uri, InboxMessage.activity_uri)
        .where(InboxMessage.activity_uri.in_({item.activity_uri for item in items})))}
    for item in items:
        if (item.actor_uri, item.activity_uri) not in known:
            known.add((item.actor_uri, item.activity_uri))
            uow.session.add(InboxMessage(
                id=uow.new_id(), activity_uri=item.activity_uri, actor_uri=item.actor_uri, key_id=item.key_id,
                type=item.type, body=item.body, received_at=uow.now, run_at=uow.now))
    uow.session.flush()
    uow.ring("inbox")
    return [None] * len(items)


def _what_is_missing(session: Any, uris: set[str], senders: set[str]) -> tuple[set[str], set[str], set[str]]:
    """(objects not stored, senders followed from here, senders not stored)"""
    known_actors = actors.by_uris(session, senders)
    followed = {uri for uri, actor in known_actors.items() if relations.has_local_follower(session, actor.id)} if uris else set()
    missing = uris - set(statuses.by_uris(session, uris)) - set(actors.by_uris(session, uris))
    return missing, followed, senders - set(known_actors)


def _apply(uow: UnitOfWork, batch: list[_Work], owner: str) -> None:
    session = uow.session
    senders = actors.by_uris(session, {work.actor_uri for work in batch})
    for work in batch:
        error, outcome = work.error, ""
        if error is None:
            try:
                with session.begin_nested():
                    actor, kind = senders.get(work.actor_uri), parse.type_of(work.activity)
                    if actor is None or (actor.suspended_at is not None and kind not in STILL_HEARD):
                        raise Refused("The sender is not known, or suspended.")
                    outcome = HANDLERS[kind].receive(
                        uow, work.activity, Received(actor, work.fetched, work.body))
            except Exception as caught:
                error = caught
        _conclude(uow, work, owner, outcome, error)


def _conclude(uow: UnitOfWork, work: _Work, owner: str, outcome: str, error: Exception | None) -> None:
    session, now = uow.session, uow.now
    kind = parse.type_of(work.activity)
    if error is None:
        log.debug("inbox", type=kind, actor=work.actor_uri, outcome=outcome)
        queue.finish(session, InboxMessage, work.id, owner, work.attempt, state="done", done_at=now, last_error=None)
        return
    why = str(error)[:500]
    if isinstance(error, FedisoraError) and not error.retryable and error.status < 500:
        log.info("inbox refused", type=kind, actor=work.actor_uri, reason=why)
        queue.finish(session, InboxMessage, work.id, owner, work.attempt, state="refused", done_at=now, last_error=why)
        return
    if not isinstance(error, FedisoraError):
        log.error("inbox handler failed", type=kind, actor=work.actor_uri, exc_info=error)
    if work.attempt >= ATTEMPTS:
        queue.finish(session, InboxMessage, work.id, owner, work.attempt, state="dead", done_at=now, last_error=why)
        return
    pause = dt.timedelta(seconds=work.attempt ** 4 + 15 + random.uniform(0, 10 * work.attempt))  # noqa: S311
    queue.reschedule(session, InboxMessage, work.id, owner, work.attempt, run_at=now + pause, error=why)

