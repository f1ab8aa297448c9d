"""What leaves: claim due delivery rows, sign, POST, write the outcomes in groups.

Slow servers hold up nobody: a delivery that has not been answered within a second no longer counts among the `OVERALL` that
may run, its host gets no further ones meanwhile, and hosts that never took a delivery share a smaller number of places.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any, cast

import structlog
from sqlalchemy.orm import Session

from ..activitypub import follower_sync, vocabulary
from ..activitypub.keys import PrivateKey
from ..activitypub.signatures import Scheme, sign_request
from ..db import Database, GroupCommit, UnitOfWork
from ..errors import FedisoraError, Refused
from ..models import Delivery
from ..store import actors, keys
from ..store.follower_sync import followers_digest
from . import delivery_rows
from .circuit import Circuit
from .client import Client, Response
from .delivery_rows import Item, Outcome
from .heartbeat import Heartbeat

log = structlog.get_logger()
OVERALL = 192
"""Deliveries under way at a time, not counting slow ones."""
UNPROVEN = 64
"""Of these, at most so many for hosts that never took one."""
MOST = 480
"""All together, slow ones too; below the client's limit of connections."""
SLOW = 1.0
PER_HOST = 6
SIGN_AT_ONCE = 16
LOOKS = 4
"""Windows of due rows looked at before the rest has to wait for the next round."""
LATER = frozenset({401, 408, 425, 429})
"""Refusals that may pass; every other 4xx is final (Mastodon's rule)."""
Headers = dict[str, str]
PUBLIC = vocabulary.PUBLIC.encode()


class Courier:
    """One process's deliveries."""

    def __init__(self, db: Database, client: Client) -> None:
        self._db = db
        self._client = client
        self._circuit = Circuit()
        self._running: dict[asyncio.Task[None], tuple[str, float]] = {}
        self._per_host: Counter[str] = Counter()
        self._keys: dict[int, tuple[PrivateKey, str]] = {}
        self._signers = ThreadPoolExecutor(2, "sign")
        self._outcomes: GroupCommit[Outcome, None] = GroupCommit(db, self._record, linger=0.01)
        self._heart = Heartbeat(db, Delivery)

    async def run_once(self, owner: str) -> int:
        """Start what is due and fits; how many deliveries were started. Waits a moment for room when there is none.

        When nothing is due it waits for the deliveries under way, so that a caller who sees 0 knows that all is done.
        """
        slow = self._slow_hosts()
        quick = len(self._running) - sum(slow.values())
        room = min(OVERALL - quick, MOST - len(self._running))
        if room <= 0:
            await self._breathe()
            return 1
        full = [host for host, count in self._per_host.items() if count >= PER_HOST or slow[host]]
        chosen, stuck = await self._look(room, full)
        if not chosen:
            if stuck:
                await self._db.write(lambda uow: delivery_rows.postpone(
                    uow.session, stuck, uow.now, self._circuit.blocked_until))
            if self._running:
                await self._breathe()
            return 1 if stuck or self._running else 0
        items = await self._db.write(lambda uow: delivery_rows.claim(uow, chosen, owner))
        self._heart.hold((item.id for item in items), owner)
        for start in range(0, len(items), SIGN_AT_ONCE):
            await self._begin(items[start:start + SIGN_AT_ONCE], owner)
        return len(items) or 1

    async def _look(self, room: int, full: list[str]) -> tuple[list[int], list[int]]:
        """(rows to claim, rows of hosts left alone for now). Looks past hosts that fill the window and may have no more."""
        chosen: list[int] = []
        stuck: list[int] = []
        for _ in range(LOOKS):
            due = await self._db.read(lambda session, busy=tuple(full): delivery_rows.due(  # type: ignore[misc]
                session, self._db.clock(), busy))
            now = self._db.clock()
            unknown = self._circuit.unknown(host for _, host in due)
            if unknown:
                self._circuit.remember(await self._db.read(lambda session, hosts=unknown: Circuit.load(  # type: ignore[misc]
                    session, hosts)), now)
            more, left = self._choose(due, room - len(chosen), now)
            chosen += more
            stuck += left
            if len(due) < delivery_rows.CANDIDATES or len(chosen) >= room:
                break
            full = list({*full, *(host for _, host in due)})
        return chosen, stuck

    async def _breathe(self) -> None:
        """Wait for the next end of a delivery, but not for long: a new post must not wait for a server that hangs."""
        await asyncio.wait(self._running, timeout=0.25, return_when=asyncio.FIRST_COMPLETED)

    def _slow_hosts(self) -> Counter[str]:
        since = time.monotonic() - SLOW
        return Counter(host for host, started in self._running.values() if started < since)

    def _choose(self, due: list[tuple[int, str]], room: int, now: dt.datetime) -> tuple[list[int], list[int]]:
        """(rows to claim, rows whose host is left alone for now): for hosts that have room, a few of each."""
        chosen: list[int] = []
        stuck: list[int] = []
        taken: Counter[str] = Counter()
        unproven = sum(count for host, count in self._per_host.items() if not self._circuit.proven(host, now))
        for row_id, host in due:
            if self._circuit.blocked_until(host, now) is not None:
                stuck.append(row_id)
                continue
            proven = self._circuit.proven(host, now)
            most = 1 if self._circuit.probing(host) else PER_HOST if proven else 2
            if self._per_host[host] + taken[host] >= most or (not proven and unproven >= UNPROVEN):
                continue
            taken[host] += 1
            unproven += not proven
            chosen.append(row_id)
            if len(chosen) >= room:
                break
        return chosen, stuck

    async def _begin(self, items: list[Item], owner: str) -> None:
        """Sign a few deliveries in one go in a thread, and send each on its way."""
        signing = [(item, cast("Scheme", self._circuit.state(item.host).scheme), await self._key(item.actor_id),
                    await self._extra(item)) for item in items]
        headers = await asyncio.get_running_loop().run_in_executor(self._signers, self._sign, signing)
        for item, signed in zip(items, headers, strict=True):
            self._per_host[item.host] += 1
            task = asyncio.create_task(self._deliver(item, owner, signed))
            self._running[task] = (item.host, time.monotonic())
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        host, _ = self._running.pop(task)
        self._per_host[host] -= 1
        if self._per_host[host] <= 0:
            del self._per_host[host]

    def _sign(self, signing: list[tuple[Item, Scheme, tuple[PrivateKey, str], Headers]]) -> list[Headers]:
        now = self._db.clock()
        return [sign_request(scheme, "POST", item.inbox, item.body, key[1], key[0], now, extra=extra)
                for item, scheme, key, extra in signing]

    async def _extra(self, item: Item) -> Headers:
        """FEP-8fcf: what goes to followers alone says who of that server we think follows, as Mastodon does."""
        if b'/followers"' not in item.body or PUBLIC in item.body:
            return {}
        return await self._db.read(lambda session: _synchronization(session, item))

    async def _deliver(self, item: Item, owner: str, headers: Headers) -> None:
        try:
            await self._outcomes.put(await self._attempt(item, owner, headers))
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("delivery failed unexpectedly", inbox=item.inbox)  # the lease runs out, it is tried again
        finally:
            self._heart.drop((item.id,))

    async def _attempt(self, item: Item, owner: str, headers: Headers) -> Outcome:
        scheme: Scheme = "rfc9421" if "Signature-Input" in headers else "cavage"
        try:
            response = await self._client.post(item.inbox, item.body, headers)
            if response.status in (400, 401):  # double knock: the other way to sign, remembered when it is taken
                other: Scheme = "rfc9421" if scheme == "cavage" else "cavage"
                again = self._sign([(item, other, await self._key(item.actor_id), await self._extra(item))])[0]
                second = await self._client.post(item.inbox, item.body, again)
                if second.ok:
                    scheme, response = other, second
        except Refused as error:
            return Outcome(item, owner, "failed", None, str(error))
        except FedisoraError as error:
            self._circuit.failure(item.host, self._db.clock())
            return Outcome(item, owner, "retry", None, str(error), error.retry_after)
        now = self._db.clock()
        if response.ok:
            self._circuit.success(item.host, now, scheme)
            return Outcome(item, owner, "done", response.status)
        text = f"answered {response.status}: {response.body[:200].decode('utf-8', 'replace')}"
        if response.status >= 500:
            self._circuit.failure(item.host, now)
        if response.status == 410:
            return Outcome(item, owner, "gone", 410, text)
        if 400 <= response.status < 500 and response.status not in LATER:
            return Outcome(item, owner, "failed", response.status, text)
        return Outcome(item, owner, "retry", response.status, text, _retry_after(response, now))

    async def _key(self, actor_id: int) -> tuple[PrivateKey, str]:
        found = self._keys.get(actor_id)
        if found is None:
            vault = self._db.instance.vault
            found = await self._db.read(lambda session: keys.http_key(session, vault, actors.get(session, actor_id)))
            if len(self._keys) > 2000:
                self._keys.clear()
            self._keys[actor_id] = found
        return found

    def _record(self, uow: UnitOfWork, outcomes: list[Outcome]) -> list[None]:
        """Write many outcomes in one transaction (in a writer thread)."""
        Circuit.save(uow, self._circuit.changed())
        delivery_rows.record(uow, outcomes)
        for outcome in outcomes:
            if outcome.state != "done":
                log.info("delivery", inbox=outcome.item.inbox, attempt=outcome.item.attempt, state=outcome.state,
                         reason=outcome.error[:200])
        return [None] * len(outcomes)

    async def close(self) -> None:
        """Stop what is under way."""
        self._heart.close()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._signers.shutdown(wait=False)


def _synchronization(session: Session, item: Item) -> Headers:
    actor = actors.get(session, item.actor_id)
    collection = actor.followers_uri or ""
    if not collection or collection.encode() not in item.body:
        return {}
    value = followers_digest(session, actor, item.host)
    return {follower_sync.HEADER: follower_sync.build(collection, f"{collection}_synchronization", value)}


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
