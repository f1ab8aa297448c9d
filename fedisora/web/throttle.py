"""How often somebody may ask for something dear: a sliding window in memory, nothing of it is written down."""
from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final

from ..errors import TooManyRequests

REMEMBERED: Final = 20_000
"""Askers remembered at a time; who asked longest ago is forgotten first."""


class Throttle:
    """At most `most` per `seconds` for each key. Of this process: with several web processes each counts its own."""

    def __init__(self, most: int, seconds: float, what: str = "checks", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._what, self._clock = most, seconds, what, clock
        self._seen: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def take(self, key: Hashable) -> None:
        """Count one.

        Raises:
            TooManyRequests: too many within the window; `retry_after` says when the next one is let through.
        """
        now = self._clock()
        times = self._seen.setdefault(key, deque())
        self._seen.move_to_end(key)
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._most:
            wait = times[0] + self._seconds - now
            when = f"{wait / 60:.0f} minutes" if wait >= 90 else "a minute"
            raise TooManyRequests(f"That was {self._most} {self._what} in {self._seconds / 60:g} minutes. Please wait {when}.",
                                  retry_after=wait)
        times.append(now)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def network_of(address: str) -> str:
    """What counts as one asker: an IPv4 address, or an IPv6 network of 64 bits (one household has all of it)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
