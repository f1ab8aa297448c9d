"""What was taken in is applied: in short transactions, once per activity id, and nobody's slow server holds up the others.

A batch is claimed fairly among peers. What needs nothing from elsewhere is applied at once, in slices of a few milliseconds
(whoever wants to write meanwhile gets a turn). What needs a document of another server waits in a lane of its own actor, so
that an actor's activities keep their order.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from ..activities import HANDLERS, Received, relayed
from ..activitypub import parse
from ..activitypub.vocabulary import OBJECT_TYPES
from ..db import Database, UnitOfWork
from ..errors import FedisoraError, Gone, Refused, RemoteUnavailable
from ..models import Actor, InboxMessage
from ..store import actors, queue, relations, relays, statuses
from .fetch import Fetcher
from .heartbeat import LEASE, Heartbeat
from .inbox import STILL_HEARD
from .resolve import Resolver

log = structlog.get_logger()
BATCH = 100
WINDOW = 400
"""How many due rows are looked at to see whether one peer crowds out the others."""
ATTEMPTS = 8
SLICE, SHORT_SLICE = 0.03, 0.003
"""Seconds one transaction may take: while nobody else waits to write, and when somebody does."""
FETCHES = 16
MOST_NEEDS = 8
"""Documents fetched for one activity, at most."""
LANES = 128
LANES_PER_HOST = 8
LANE_SECONDS = 40.0
FETCH_AGAIN = 60.0
"""Seconds for which a server that did not answer is not asked again."""
WAITING_FETCHES = 4
LATER = dt.timedelta(seconds=5)
UNASKED = frozenset({"Announce", "Add"})
"""Types about posts of others or from before, which are only fetched for who is followed from here."""


@dataclass
class Work:
    """One claimed message on its way through."""

    id: int
    attempt: int
    actor_uri: str
    host: str
    via_uri: str | None
    body: bytes
    activity: dict[str, Any] = field(default_factory=dict)
    kind: str = ""
    needs: list[str] = field(default_factory=list)
    fetched: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: Exception | None = None


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
        self._heart = Heartbeat(db, InboxMessage)

    async def process_batch(self, owner: str) -> int:
        """Claim and apply what is due; how many messages were begun. With 0, everything begun before is finished too."""
        batch = await self._db.write(lambda uow: _claim(uow, owner))
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
        waiting = await self._db.read(lambda session: _waiting(session, batch, self._db.instance.uris.is_local))
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
            await self._db.write(lambda uow: _postpone(uow, later, owner))

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
        missing, followed, known = await self._db.read(lambda session: _missing(session, batch))
        if not known and first.via_uri is None:
            try:
                async with self._fetches:
                    await self._resolver.actor(first.actor_uri)
            except FedisoraError as error:
                for work in batch:
                    work.error = error
                return
        for work in batch:
            if work.kind in UNASKED and not followed and work.via_uri is None:
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
        self._silent.setdefault(host, now + FETCH_AGAIN)
        if self._silent[host] <= now:
            self._silent[host] = now + FETCH_AGAIN

    # ---- applying
    async def _apply(self, batch: Sequence[Work], owner: str) -> None:
        rest = list(batch)
        while rest:
            try:
                done = await self._db.write(lambda uow, items=rest: _slice(uow, items, owner, careful=False))  # type: ignore[misc]
            except _Careful as careful:
                # The first of them that failed took its slice with it: again, each in a savepoint of its own.
                done = await self._db.write(lambda uow, items=rest[:careful.reached]: _slice(  # type: ignore[misc]
                    uow, items, owner, careful=True))
            self._heart.drop(work.id for work in rest[:done])
            rest = rest[done:]

    async def close(self) -> None:
        """Stop what is under way; the rows stay."""
        self._heart.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Careful(Exception):
    """A message failed in a transaction it shares with others."""

    def __init__(self, reached: int) -> None:
        self.reached = reached
        super().__init__(reached)


_DUE = select(InboxMessage.id, InboxMessage.host).where(
    InboxMessage.state == "pending", InboxMessage.run_at <= bindparam("now"),
    or_(InboxMessage.lease_until.is_(None), InboxMessage.lease_until < bindparam("now"))).order_by(
        InboxMessage.run_at, InboxMessage.id)


def _claim(uow: UnitOfWork, owner: str) -> list[Work]:
    """The oldest due messages; when a few peers fill the window, the others come first."""
    session = uow.session
    window = session.execute(_DUE.limit(WINDOW), {"now": uow.now}).all()
    if not window:
        return []
    chosen = [row[0] for row in window[:BATCH]]
    if len(window) > BATCH:
        counts = Counter(row[1] for row in window)
        loud = [host for host, count in counts.items() if count > BATCH // 4]
        quiet = [row[0] for row in session.execute(
            _DUE.where(InboxMessage.host.not_in(loud)).limit(BATCH * 3 // 4), {"now": uow.now})] if loud else []
        if quiet:
            known = set(quiet)
            chosen = quiet + [row[0] for row in window if row[0] not in known][:BATCH - len(quiet)]
    rows = queue.claim(session, InboxMessage, InboxMessage.state == "pending", InboxMessage.id.in_(chosen), owner=owner,
                       now=uow.now, lease=LEASE, limit=BATCH)
    return [Work(row.id, row.attempt, row.actor_uri, row.host, row.via_uri, row.body) for row in rows]


def _waiting(session: Session, batch: Sequence[Work], is_local: Any) -> set[int]:
    """Which of these cannot be applied before something is fetched."""
    wanted = {uri for work in batch for uri in work.needs}
    senders = actors.by_uris(session, {work.actor_uri for work in batch if work.via_uri is None})
    followed = {uri for uri, actor in senders.items() if _heard(session, actor)} if wanted else set()
    missing = wanted - set(statuses.by_uris(session, wanted)) - set(actors.by_uris(session, wanted)) if wanted else set()
    found = set()
    for work in batch:
        if work.via_uri is not None or work.actor_uri not in senders:
            found.add(work.id)
            continue
        asked = work.kind not in UNASKED or work.actor_uri in followed
        if asked and any(uri in missing and not is_local(uri) for uri in work.needs):
            found.add(work.id)
    return found


def _missing(session: Session, batch: Sequence[Work]) -> tuple[set[str], bool, bool]:
    """(documents not stored, whether somebody here follows the lane's actor, whether that actor is stored)"""
    wanted = {uri for work in batch for uri in work.needs}
    missing = wanted - set(statuses.by_uris(session, wanted)) - set(actors.by_uris(session, wanted))
    sender = actors.by_uri(session, batch[0].actor_uri)
    return missing, sender is not None and _heard(session, sender), sender is not None


def _heard(session: Session, actor: Actor) -> bool:
    """Whether what this actor boosts is worth a fetch."""
    return relations.has_local_follower(session, actor.id) or relays.accepted(session, actor.uri)


def _postpone(uow: UnitOfWork, batch: Sequence[Work], owner: str) -> None:
    """They were not tried: the attempt does not count."""
    for work in batch:
        uow.session.execute(update(InboxMessage).where(*queue.held(InboxMessage, work.id, owner, work.attempt)).values(
            run_at=uow.now + LATER, attempt=work.attempt - 1, lease_owner=None, lease_until=None,
            last_error="waits for its own server"), execution_options={"synchronize_session": False})


def _slice(uow: UnitOfWork, batch: Sequence[Work], owner: str, *, careful: bool) -> int:
    """Apply as many as fit into one short transaction; how many those were.

    Raises:
        _Careful: one failed, and what the others did is undone with it.
    """
    session = uow.session
    start = time.perf_counter()
    held = _held(session, batch, owner)
    senders = actors.by_uris(session, {work.actor_uri for work in batch})
    session.info[relations.FOLLOWED] = {}
    if not careful:
        uow.absent = statuses.unheard_of(session, (
            uri for work in batch if work.kind == "Create" and (uri := parse.id_of(work.activity.get("object")))))
    outcomes: list[dict[str, Any]] = []
    done = 0
    for work in batch:
        done += 1
        if work.id not in held:
            continue  # the lease was lost: somebody else has it
        outcome = ""
        error = work.error
        if error is None:
            try:
                if careful:
                    with session.begin_nested():
                        outcome = _receive(uow, work, senders)
                else:
                    outcome = _receive(uow, work, senders)
            except Exception as caught:
                if not careful:
                    raise _Careful(done) from caught
                error = caught
        if work.kind != "Create":
            session.info[relations.FOLLOWED].clear()
        outcomes.append(_conclusion(uow, work, outcome, error))
        spent = time.perf_counter() - start
        if not careful and (spent > SLICE or (spent > SHORT_SLICE and uow.wanted())):
            break
    try:
        session.flush()
    except Exception as error:
        if careful:
            raise
        raise _Careful(done) from error
    if outcomes:
        session.connection().execute(_FINISH, outcomes)
    return done


_HELD = select(InboxMessage.id, InboxMessage.attempt).where(
    InboxMessage.id.in_(bindparam("ids", expanding=True)), InboxMessage.lease_owner == bindparam("owner"))
_TABLE: Any = InboxMessage.__table__
_FINISH = update(_TABLE).where(_TABLE.c.id == bindparam("row_id")).values(
    state=bindparam("new_state"), done_at=bindparam("at"), outcome=bindparam("result"), last_error=bindparam("why"),
    run_at=bindparam("again"), lease_owner=None, lease_until=None)


def _held(session: Session, batch: Sequence[Work], owner: str) -> set[int]:
    """The fence: which of these this worker still holds."""
    query = _HELD.with_for_update() if session.get_bind().dialect.name == "postgresql" else _HELD
    attempts = {row[0]: row[1] for row in session.execute(query, {"ids": [work.id for work in batch], "owner": owner})}
    return {work.id for work in batch if attempts.get(work.id) == work.attempt}


def _receive(uow: UnitOfWork, work: Work, senders: dict[str, Any]) -> str:
    actor = senders.get(work.actor_uri)
    if actor is None:  # fetched since
        actor = actors.by_uri(uow.session, work.actor_uri)
    if work.via_uri is not None:
        via = actors.by_uri(uow.session, work.via_uri)
        if via is None or via.suspended_at is not None:
            raise Refused("Who passed it on is not known, or suspended.")
        return relayed.receive(uow, work.activity, work.fetched, via=via)
    if actor is None or (actor.suspended_at is not None and work.kind not in STILL_HEARD):
        raise Refused("The sender is not known, or suspended.")
    return HANDLERS[work.kind].receive(uow, work.activity, Received(actor, work.fetched, work.body))


def _conclusion(uow: UnitOfWork, work: Work, outcome: str, error: Exception | None) -> dict[str, Any]:
    """The row's next state: `done`, `refused`, `dead` (quarantined), or `pending` again after a pause."""
    found: dict[str, Any] = {"row_id": work.id, "new_state": "done", "at": uow.now, "result": outcome or None, "why": None,
                             "again": uow.now}
    if error is None:
        log.debug("inbox", type=work.kind, actor=work.actor_uri, outcome=outcome)
        return found
    found["why"] = str(error)[:500]
    if isinstance(error, FedisoraError) and not error.retryable and error.status < 500:
        log.info("inbox refused", type=work.kind, actor=work.actor_uri, reason=found["why"])
        return found | {"new_state": "refused"}
    if not isinstance(error, FedisoraError):
        log.error("inbox handler failed", type=work.kind, actor=work.actor_uri, exc_info=error)
        found["why"] = f"{type(error).__name__}: {error}"[:500]
    if work.attempt >= ATTEMPTS:
        log.error("inbox message quarantined", type=work.kind, actor=work.actor_uri, reason=found["why"])
        return found | {"new_state": "dead"}
    scale = uow.settings.retry_seconds / 15
    pause = scale * (work.attempt ** 4 + 15 + random.uniform(0, 10 * work.attempt))  # noqa: S311
    return found | {"new_state": "pending", "at": None, "again": uow.now + dt.timedelta(seconds=pause)}
