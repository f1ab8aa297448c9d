"""Circuit breakers, one per remote host, and what each host likes its signatures to look like.

After `THRESHOLD` failed deliveries in a row a host is left alone for a minute, then one delivery probes it; each failed
probe doubles the pause up to `LONGEST`. State lives in memory for the hot path and in `remote_hosts` for restarts and
other processes. Hosts not heard of for a day are forgotten in memory, so that a peer cannot fill it.
"""
from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import RemoteHost

THRESHOLD = 10
SHORTEST = dt.timedelta(seconds=60)
LONGEST = dt.timedelta(hours=4)
REMEMBERED = 20_000
PROVEN_FOR = dt.timedelta(days=7)
PROVEN_FAILURES = 3
FORGET_AFTER = dt.timedelta(days=1)


@dataclass
class HostState:
    """What we know about one host."""

    scheme: str = "cavage"
    """`cavage` or `rfc9421`: the signature it accepted last."""
    failures: int = 0
    blocked_until: dt.datetime | None = None
    last_success_at: dt.datetime | None = None
    last_failure_at: dt.datetime | None = None
    touched_at: dt.datetime | None = None
    dirty: bool = False


class Circuit:
    """The breakers of one process. Used from the event loop; `load` and `save` do the database part in a thread."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, HostState] = OrderedDict()

    def unknown(self, hosts: Iterable[str]) -> list[str]:
        """Hosts whose stored state is not in memory yet."""
        return sorted({host for host in hosts if host not in self._hosts})

    @staticmethod
    def load(session: Session, hosts: list[str]) -> dict[str, HostState]:
        """Stored states of these hosts; a fresh state for those we never dealt with."""
        rows = session.scalars(select(RemoteHost).where(RemoteHost.host.in_(hosts))) if hosts else ()
        found = {row.host: HostState(row.signature_scheme, row.failures, row.blocked_until, row.last_success_at,
                                     row.last_failure_at) for row in rows}
        return {host: found.get(host, HostState()) for host in hosts}

    def remember(self, states: dict[str, HostState], now: dt.datetime) -> None:
        """Take what `load` found."""
        for host, state in states.items():
            state.touched_at = now
            self._hosts.setdefault(host, state)
        self._forget(now)

    def state(self, host: str) -> HostState:
        """The state of a host (fresh when unknown)."""
        return self._hosts.setdefault(host, HostState())

    def blocked_until(self, host: str, now: dt.datetime) -> dt.datetime | None:
        """Until when this host is left alone, or None when a delivery may be tried."""
        state = self._hosts.get(host)
        return state.blocked_until if state and state.blocked_until is not None and state.blocked_until > now else None

    def probing(self, host: str) -> bool:
        """Whether the host failed so often that only one delivery at a time may try it."""
        state = self._hosts.get(host)
        return state is not None and state.failures >= THRESHOLD

    def proven(self, host: str, now: dt.datetime) -> bool:
        """Whether the host took a delivery within the last week, and did not fail often since."""
        state = self._hosts.get(host)
        return (state is not None and state.failures < PROVEN_FAILURES and state.last_success_at is not None
                and now - state.last_success_at < PROVEN_FOR)

    def success(self, host: str, now: dt.datetime, scheme: str) -> None:
        """The host took a delivery signed with `scheme`."""
        state = self.state(host)
        # a healthy host's row is written once an hour, not once a delivery
        stale = state.last_success_at is None or now - state.last_success_at > dt.timedelta(hours=1)
        state.dirty = state.dirty or state.failures > 0 or state.scheme != scheme or stale
        if state.dirty:
            state.last_success_at = now
        state.failures, state.blocked_until, state.scheme, state.touched_at = 0, None, scheme, now

    def failure(self, host: str, now: dt.datetime) -> dt.datetime | None:
        """A delivery failed for a reason of the host's (no answer, 5xx). Until when it is now blocked, if it is."""
        state = self.state(host)
        state.failures += 1
        state.last_failure_at = state.touched_at = now
        state.dirty = True
        if state.failures >= THRESHOLD and (state.blocked_until is None or state.blocked_until <= now):
            state.blocked_until = now + min(SHORTEST * 2 ** min(state.failures - THRESHOLD, 10), LONGEST)
        return self.blocked_until(host, now)

    def changed(self) -> dict[str, HostState]:
        """States to store; marks them as stored."""
        found = {host: state for host, state in self._hosts.items() if state.dirty}
        for state in found.values():
            state.dirty = False
        return found

    @staticmethod
    def save(uow: UnitOfWork, states: dict[str, HostState]) -> None:
        """Write what `changed` gave, in the caller's transaction."""
        if not states:
            return
        known = {row.host: row for row in uow.session.scalars(select(RemoteHost).where(RemoteHost.host.in_(states)))}
        for host in sorted(states):  # one order everywhere: two processes do not wait for each other
            state, row = states[host], known.get(host)
            if row is None:
                row = RemoteHost(host=host)
                uow.session.add(row)
            row.signature_scheme, row.failures, row.blocked_until = state.scheme, state.failures, state.blocked_until
            row.last_success_at, row.last_failure_at = state.last_success_at, state.last_failure_at
        uow.session.flush()

    def _forget(self, now: dt.datetime) -> None:
        if len(self._hosts) <= REMEMBERED:
            return
        for host in list(self._hosts):
            state = self._hosts[host]
            if not state.dirty and (state.touched_at is None or now - state.touched_at > FORGET_AFTER):
                del self._hosts[host]
        while len(self._hosts) > REMEMBERED:  # all of them recent: the oldest goes, its row stays
            host, state = self._hosts.popitem(last=False)
            if state.dirty:
                self._hosts[host] = state
                break
