"""What was taken in is applied: in short transactions, once per activity id, and nobody's slow server holds up the others.

A batch is claimed fairly among peers. What needs nothing from elsewhere is applied at once, in slices of a few milliseconds
(whoever wants to write meanwhile gets a turn). What needs a document of another server waits in a lane of its own actor, so
that an actor's activities keep their order.
"""
from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import structlog

from ..activities import HANDLERS, relayed
from ..activitypub import parse
from ..activitypub.vocabulary import OBJECT_TYPES
from ..db import Database
from ..errors import FedisoraError, Gone, Refused, RemoteUnavailable
from ..models import InboxMessage
from . import processing_rows as rows
from .fetch import Fetcher
from .heartbeat import Heartbeat
from .processing_rows import Work
from .resolve import Resolver

log = structlog.get_logger()
FETCHES = 16
MOST_NEEDS = 8
"""Documents fetched for one activity, at most."""
LANES = 128
LANES_PER_HOST = 8
LANE_SECONDS = 40.0
FETCH_AGAIN = 10.0
"""Seconds for which a server that did not answer is not asked again: less than the first retry of a message."""
WAITING_FETCHES = 4


class Processor:
    """Applies received activities. One per process; several processes share the rows."""

    def __init__(self, db: Database, fetcher: Fetcher, resolver: Resolver) -> None:
        self._db = db
        self._fetcher = fetcher
        self._resolver = resolver
        self._fetches = asyncio.Semaphore(FETCHES)
        self._lanes: dict[str, list[Work]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._per_host: Counter[str] = Counter()
        self._silent: dict[str, float] = {}
        self._quiet_for = FETCH_AGAIN * db.instance.settings.retry_seconds / 15
        self._heart = Heartbeat(db, InboxMessage)

    async def process_batch(self, owner: str) -> int:
        """Claim and apply what is due; how many messages were begun. With 0, everything begun before is finished too."""
        batch = await self._db.write(lambda uow: rows.claim(uow, owner))
        if not batch:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
                return 1
            return 0
        self._heart.hold((work.id for work in batch), owner)
        in_lanes: set[int] = set()
        try:
            await self._begin(batch, owner, in_lanes)
        finally:  # whatever happened: a lease that is renewed for ever would keep its row from everybody
            self._heart.drop(work.id for work in batch if work.id not in in_lanes)
        return len(batch)

    async def _begin(self, batch: list[Work], owner: str, in_lanes: set[int]) -> None:
        """Apply what can be applied, and put into lanes what waits for other servers."""
        for work in batch:
            self._read(work)
        waiting = await self._db.read(lambda session: rows.waiting(session, batch, self._db.instance.uris.is_local))
        ready, later = [], []
        for work in batch:
            if work.error is None and (work.id in waiting or work.actor_uri in self._lanes):
                if self._enter(work, owner):
                    in_lanes.add(work.id)
                else:
                    later.append(work)
            else:
                ready.append(work)
        await self._apply(ready, owner)
        if later:  # too many of one server's activities wait for that server: they come again in a moment
            await self._db.write(lambda uow: rows.postpone(uow, later, owner))

    @staticmethod
    def _read(work: Work) -> None:
        try:
            work.activity = parse.parse_document(work.body)
            work.kind = parse.type_of(work.activity)
            if work.via_uri is None:
                work.needs = list(HANDLERS[work.kind].needs(work.activity))[:MOST_NEEDS]
            else:  # passed on by somebody: only what the object's own server says counts
                work.needs = relayed.needs(work.activity)
        except Refused as error:
            work.error = error
        except Exception as error:  # a defect of ours must not stop the others
            log.exception("an activity cannot be read", id=work.id)
            work.error = error

    # ---- waiting for other servers
    def _enter(self, work: Work, owner: str) -> bool:
        """Put an activity in its actor's lane; False when there is no room."""
        lane = self._lanes.get(work.actor_uri)
        if lane is not None:
            lane.append(work)
            return True
        if len(self._tasks) >= LANES or self._per_host[work.host] >= LANES_PER_HOST:
            return False
        self._lanes[work.actor_uri] = [work]
        self._per_host[work.host] += 1
        task = asyncio.create_task(self._lane(work.actor_uri, work.host, owner))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _lane(self, actor_uri: str, host: str, owner: str) -> None:
        try:
            while self._lanes[actor_uri]:
                batch, self._lanes[actor_uri] = self._lanes[actor_uri], []
                try:
                    async with asyncio.timeout(LANE_SECONDS):
                        await self._prepare(batch)
                except TimeoutError as error:
                    for work in batch:
                        work.error = work.error or RemoteUnavailable(cause=error)
                try:
                    await self._apply(batch, owner)
                finally:
                    self._heart.drop(work.id for work in batch)
        except Exception:
            log.exception("a lane failed; its messages come again when their lease runs out", actor=actor_uri)
        finally:
            self._heart.drop(work.id for work in self._lanes.pop(actor_uri, []))
            self._per_host[host] -= 1
            if self._per_host[host] <= 0:
                del self._per_host[host]

    async def _prepare(self, batch: Sequence[Work]) -> None:
        first = batch[0]
        missing, followed, known = await self._db.read(lambda session: rows.missing(session, batch))
        if not known and first.via_uri is None:
            try:
                async with self._fetches:
                    await self._resolver.actor(first.actor_uri)
            except FedisoraError as error:
                for work in batch:
                    work.error = error
                return
        for work in batch:
            if work.kind in rows.UNASKED and not followed and work.via_uri is None:
                continue  # a boost or pin nobody here asked for is not worth a fetch
            for uri in work.needs:
                if (uri in missing or work.via_uri is not None) and not self._db.instance.uris.is_local(uri):
                    await self._fetch(work, uri)

    async def _fetch(self, work: Work, uri: str) -> None:
        """A document a handler needs, and its author's row. What cannot be had for good is left out."""
        try:
            host = parse.host_of(uri)
            if self._silent.get(host, 0.0) > time.monotonic():
                raise RemoteUnavailable(cause=f"{host} did not answer a moment ago")
            async with self._fetches:
                document = await self._fetcher.document(uri)
                authors = parse.ids_of(document.get("attributedTo"))
                if parse.type_of(document) in OBJECT_TYPES and authors and parse.same_origin(authors[0], uri):
                    await self._resolver.actor(authors[0])
                work.fetched[uri] = document
        except Gone:
            if work.via_uri is not None:  # whoever passed a Delete on is not believed; its own server is
                work.fetched[uri] = {"id": uri, "type": "Tombstone"}
        except FedisoraError as error:
            if isinstance(error, RemoteUnavailable):
                self._remember_silence(parse.host_of(uri))
            if error.retryable and work.attempt < WAITING_FETCHES:
                work.error = error

    def _remember_silence(self, host: str) -> None:
        now = time.monotonic()
        if len(self._silent) > 5000:
            self._silent = {name: until for name, until in self._silent.items() if until > now}
        self._silent.setdefault(host, now + self._quiet_for)
        if self._silent[host] <= now:
            self._silent[host] = now + self._quiet_for

    # ---- applying
    async def _apply(self, batch: Sequence[Work], owner: str) -> None:
        rest = list(batch)
        while rest:
            try:
                done = await self._db.write(lambda uow, items=rest: rows.apply_slice(uow, items, owner, careful=False))  # type: ignore[misc]
            except rows.Careful as careful:
                # The first of them that failed took its slice with it: again, each in a savepoint of its own.
                done = await self._db.write(lambda uow, items=rest[:careful.reached]: rows.apply_slice(  # type: ignore[misc]
                    uow, items, owner, careful=True))
            self._heart.drop(work.id for work in rest[:done])
            rest = rest[done:]

    async def close(self) -> None:
        """Stop what is under way; the rows stay."""
        self._heart.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
