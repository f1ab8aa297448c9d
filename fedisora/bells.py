"""Doorbells: who waits for work is woken on commit. The rows are the truth; a missed ring only costs a sweep's delay."""
from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

QUEUES = ("inbox", "delivery", "federation", "media", "generation", "housekeeping")


class Bells:
    """In-process doorbells of one event loop. Rings may come from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: dict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._pending: set[str] = set()
        self.forward: Callable[[set[str]], Awaitable[None]] | None = None
        """Also tells other processes (Redis), when set."""

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
        queues = names.intersection(QUEUES)
        if forward and self.forward is not None and queues:
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


_keep: set[asyncio.Future[None]] = set()
