"""What leaves: claim due delivery rows, sign, POST, write the outcomes in groups.

Slow servers hold up nobody: at most `PER_HOST` deliveries go to one host and `OVERALL` at a time, a claim takes no more
of a host than it can have, and `run_once` comes back as soon as there is room for more.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, cast

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..activitypub.keys import PrivateKey
from ..activitypub.signatures import Scheme, sign_request
from ..db import Database, GroupCommit, UnitOfWork
from ..errors import FedisoraError, Refused
from ..ids import time_of
from ..models import Actor, Delivery, Follow, OutboxActivity
from ..store import actors, keys, queue
from .circuit import Circuit
from .client import Client, Response

log = structlog.get_logger()
OVERALL = 64
PER_HOST = 4
CLAIM = 200
CANDIDATES = 800
LEASE = dt.timedelta(seconds=45)
"""Longer than two POSTs at their deadline (a double knock); also how long a killed process's deliveries wait."""
ATTEMPTS = 16
OLDEST = dt.timedelta(days=7)
LATER = frozenset({401, 408, 425, 429})
"""Refusals that may pass; every other 4xx is final (Mastodon's rule)."""


@dataclass(frozen=True)
class _Item:
    id: int
    attempt: int
    activity_id: int
    inbox: str
    host: str
    actor_id: int
    body: bytes


@dataclass(frozen=True)
class _Outcome:
    item: _Item
    owner: str
    state: str
    status: int | None
    error: str = ""
    retry_after: float | None = None


class Courier:
    """One process's deliveries."""

    def __init__(self, db: Database, client: Client) -> None:
        self._db = db
        self._client = client
        self._circuit = Circuit()
        self._running: set[asyncio.Task[None]] = set()
        self._per_host: Counter[str] = Counter()
        self._keys: dict[int, tuple[PrivateKey, str]] = {}
        self._signers = ThreadPoolExecutor(2, "sign")
        self._outcomes: GroupCommit[_Outcome, None] = GroupCommit(db, self._record)

    async def run_once(self, owner: str) -> int:
        """Start what is due and fits; how many deliveries were started. Waits for room when there is none.

        When nothing is due it waits for the deliveries under way, so that a caller who sees 0 knows that all is done.
        """
        if len(self._running) >= OVERALL:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            return 1
        now = self._db.clock()
        full = [host for host, count in self._per_host.items() if count >= PER_HOST]
        room = OVERALL - len(self._running)
        items = await self._db.write(lambda uow: self._claim(uow, owner, room, full))
        if not items:
            if self._running:
                # not for long: a new post must not wait for a server that hangs
                await asyncio.wait(self._running, timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
                return 1
            return 0
        unknown = self._circuit.unknown(item.host for item in items)
        if unknown:
            self._circuit.remember(await self._db.read(lambda session: Circuit.load(session, unknown)), now)
        for item in items:
            self._per_host[item.host] += 1
            task = asyncio.create_task(self._deliver(item, owner))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(items)

    def _claim(self, uow: UnitOfWork, owner: str, room: int, full: list[str]) -> list[_Item]:
        """Rows for hosts that have room, at most `PER_HOST` of one."""
        session = uow.session
        candidates = session.execute(
            select(Delivery.id, Delivery.host).where(
                Delivery.state == "pending", Delivery.run_at <= uow.now, Delivery.host.not_in(full),
                or_(Delivery.lease_until.is_(None), Delivery.lease_until < uow.now))
            .order_by(Delivery.run_at, Delivery.id).limit(CANDIDATES)).all()
        chosen: list[int] = []
        taken: Counter[str] = Counter()
        for row_id, host in candidates:
            most = 1 if self._circuit.probing(host) else PER_HOST
            blocked = self._circuit.blocked_until(host, uow.now)
            if blocked is not None:
                continue
            if self._per_host[host] + taken[host] < most and len(chosen) < min(room, CLAIM):
                taken[host] += 1
                chosen.append(row_id)
        if not chosen:
            self._postpone(session, [row_id for row_id, host in candidates], uow)
            return []
        rows = queue.claim(session, Delivery, Delivery.state == "pending", Delivery.id.in_(chosen), owner=owner,
                           now=uow.now, lease=LEASE, limit=len(chosen))
        documents = {row.id: row for row in session.scalars(
            select(OutboxActivity).where(OutboxActivity.id.in_({row.activity_id for row in rows})))}
        return [_Item(row.id, row.attempt, row.activity_id, row.inbox, row.host, documents[row.activity_id].actor_id,
                      documents[row.activity_id].document) for row in rows]

    def _postpone(self, session: Session, ids: list[int], uow: UnitOfWork) -> None:
        """Everything due is for hosts whose circuit is open: look at it again when the circuit may close."""
        for row in session.scalars(select(Delivery).where(Delivery.id.in_(ids))):
            until = self._circuit.blocked_until(row.host, uow.now)
            if until is None:
                continue
            if time_of(row.id) < uow.now - OLDEST:
                row.state, row.done_at, row.last_error = "failed", uow.now, "the server was away for a week"
            else:
                row.run_at = until + dt.timedelta(seconds=random.uniform(0, 30))  # noqa: S311

    async def _deliver(self, item: _Item, owner: str) -> None:
        try:
            outcome = await self._attempt(item, owner)
            await self._outcomes.put(outcome)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("delivery failed unexpectedly", inbox=item.inbox)  # the lease runs out, it is tried again
        finally:
            self._per_host[item.host] -= 1
            if self._per_host[item.host] <= 0:
                del self._per_host[item.host]

    async def _attempt(self, item: _Item, owner: str) -> _Outcome:
        first = cast("Scheme", self._circuit.state(item.host).scheme)
        other: Scheme = "rfc9421" if first == "cavage" else "cavage"
        try:
            scheme = first
            response = await self._post(item, first)
            if response.status in (400, 401):  # double knock: the other way to sign, remembered when it is taken
                second = await self._post(item, other)
                if second.ok:
                    scheme, response = other, second
        except Refused as error:
            return _Outcome(item, owner, "failed", None, str(error))
        except FedisoraError as error:
            self._circuit.failure(item.host, self._db.clock())
            return _Outcome(item, owner, "retry", None, str(error), error.retry_after)
        now = self._db.clock()
        if response.ok:
            self._circuit.success(item.host, now, scheme)
            return _Outcome(item, owner, "done", response.status)
        text = f"answered {response.status}: {response.body[:200].decode('utf-8', 'replace')}"
        if response.status >= 500:
            self._circuit.failure(item.host, now)
        if response.status == 410:
            return _Outcome(item, owner, "gone", 410, text)
        if 400 <= response.status < 500 and response.status not in LATER:
            return _Outcome(item, owner, "failed", response.status, text)
        return _Outcome(item, owner, "retry", response.status, text, _retry_after(response, now))

    async def _post(self, item: _Item, scheme: Scheme) -> Response:
        key, key_id = await self._key(item.actor_id)
        headers = await asyncio.get_running_loop().run_in_executor(
            self._signers, sign_request, scheme, "POST", item.inbox, item.body, key_id, key, self._db.clock())
        return await self._client.post(item.inbox, item.body, headers)

    async def _key(self, actor_id: int) -> tuple[PrivateKey, str]:
        found = self._keys.get(actor_id)
        if found is None:
            vault = self._db.instance.vault
            found = await self._db.read(lambda session: keys.http_key(session, vault, actors.get(session, actor_id)))
            if len(self._keys) > 2000:
                self._keys.clear()
            self._keys[actor_id] = found
        return found

    def _record(self, uow: UnitOfWork, outcomes: list[_Outcome]) -> list[None]:
        """Write many outcomes in one transaction (in a writer thread)."""
        session = uow.session
        Circuit.save(uow, self._circuit.changed())
        for outcome in outcomes:
            item, state = outcome.item, outcome.state
            if state == "gone":
                _drop_followers(uow, item.inbox)
                state = "failed"
            age = uow.now - time_of(item.id)
            if state == "retry" and (item.attempt >= ATTEMPTS or age > OLDEST):
                state = "failed"
            if state == "retry":
                scale = self._db.instance.settings.retry_seconds / 15
                pause = max(scale * (item.attempt ** 4 + 15 + random.uniform(0, 10 * item.attempt)),  # noqa: S311
                            min(outcome.retry_after or 0.0, 86_400.0))
                queue.reschedule(session, Delivery, item.id, outcome.owner, item.attempt, status=outcome.status,
                                 run_at=uow.now + dt.timedelta(seconds=pause), error=outcome.error)
            else:
                queue.finish(session, Delivery, item.id, outcome.owner, item.attempt, state=state, status=outcome.status,
                             done_at=uow.now, last_error=outcome.error[:500] or None)
            if state != "done":
                log.info("delivery", inbox=item.inbox, attempt=item.attempt, state=state, reason=outcome.error[:200])
        return [None] * len(outcomes)

    async def close(self) -> None:
        """Stop what is under way."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._signers.shutdown(wait=False)


def _drop_followers(uow: UnitOfWork, inbox: str) -> None:
    """410: nobody is behind this inbox any more, so nobody follows from there."""
    session = uow.session
    gone = select(Actor.id).where(Actor.domain != "", Actor.inbox == inbox)
    for follow in session.scalars(select(Follow).where(Follow.actor_id.in_(gone))).all():
        if follow.state == "accepted":
            actors.adjust_counts(uow, follow.target_id, followers=-1)
            actors.adjust_counts(uow, follow.actor_id, following=-1)
        session.delete(follow)


def _retry_after(response: Response, now: dt.datetime) -> float | None:
    value: Any = response.headers.get("Retry-After")
    if not value:
        return None
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None
