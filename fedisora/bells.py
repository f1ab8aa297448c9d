"""Doorbells: who waits for work is woken on commit. The rows are the truth; a missed ring only costs a sweep's delay."""
from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

QUEUES = ("inbox", "delivery", "federation", "media", "generation", "housekeeping")
MOST_UNREAD = 1 << 20
"""Bytes of rings the other process may leave unread before further ones are dropped (its sweep finds the rows)."""


class Bells:
    """In-process doorbells of one event loop. Rings may come from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: dict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._pending: set[str] = set()
        self.forward: Callable[[set[str]], Awaitable[None]] | None = None
        """Also tells workers on other machines (Redis), when set: the names of queues only."""
        self.link: Callable[[set[str]], None] | None = None
        """Also tells this instance's other process on this machine, when set: every name."""

    def attach(self) -> None:
        """Bind to the running loop; call once at start-up."""
        self._loop = asyncio.get_running_loop()

    def ring(self, names: Iterable[str], *, forward: bool = True) -> None:
        """Wake everybody who waits for one of these names; `forward=False` for what came from another process."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(self._ring, set(names), forward)

    def _ring(self, names: set[str], forward: bool) -> None:
        for name in names:
            waiters = self._waiters.pop(name, None)
            if waiters:
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(None)
            elif name in QUEUES:
                self._pending.add(name)
        if not forward:
            return
        if self.link is not None:
            self.link(names)
        queues = names.intersection(QUEUES)
        if self.forward is not None and queues:
            task = asyncio.ensure_future(self.forward(queues))
            _keep.add(task)
            task.add_done_callback(_keep.discard)

    async def wait(self, name: str, timeout: float) -> bool:
        """Wait for the next ring, `timeout` seconds at most; True when it rang. A ring nobody heard counts."""
        if name in self._pending:
            self._pending.discard(name)
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[name].add(future)
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        finally:
            waiters = self._waiters.get(name)
            if waiters is not None:
                waiters.discard(future)
                if not waiters:
                    self._waiters.pop(name, None)
        return True


class Link(asyncio.Protocol):
    """Joins the bells of two processes over a socket pair: one name a line, in both directions."""

    def __init__(self, bells: Bells) -> None:
        self._bells = bells
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None
        self.closed = asyncio.Event()
        """Set when the other process has gone."""

    @classmethod
    async def open(cls, bells: Bells, end: socket.socket) -> Link:
        """Serve one end of the pair in the running loop."""
        _, link = await asyncio.get_running_loop().create_connection(lambda: cls(bells), sock=end)
        bells.link = link.send
        return link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without being a subclass

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._bells.ring({line.decode() for line in lines}, forward=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._bells.link = None
        self.closed.set()

    def send(self, names: set[str]) -> None:
        """Ring these names over there."""
        transport = self._transport
        if transport is not None and not transport.is_closing() and transport.get_write_buffer_size() < MOST_UNREAD:
            transport.write("".join(f"{name}\n" for name in names).encode())

    def close(self) -> None:
        """Hang up: the other process sees the end of the stream."""
        if self._transport is not None:
            self._transport.close()


_keep: set[asyncio.Future[None]] = set()
