"""The in-process runner: every queue's loop as a task of the server's own event loop. What arq does on many machines."""
from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog

from . import agents, cameos, claims, durable, federation, generation, generation_jobs, housekeeping, humanity, media, rows
from .loop import Drain, run_loop

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
QUEUES = ("inbox", "delivery", "federation", "media", "generation", "housekeeping")
SWEEP = {"inbox": 2.0, "delivery": 2.0, "federation": 5.0, "media": 5.0, "generation": 2.0, "housekeeping": 60.0}
"""Seconds between looks without a ring: for retries that become due and leases that ran out."""


class LocalWorkers:
    """Runs the loops of some queues in this process."""

    def __init__(self, house: House, queues: Iterable[str] = QUEUES, options: generation.Options | None = None) -> None:
        """`options`: of the generation worker, when that queue is among them."""
        self._house = house
        self._queues = tuple(queues)
        self._tasks: list[asyncio.Task[None]] = []
        self.renderer = (generation.Renderer(house, options or generation.Options()) if "generation" in self._queues
                         else None)

    def drains(self) -> dict[str, Drain]:
        """One function per queue that does what is due and says how much that was."""
        house = self._house
        table: dict[str, Drain] = {
            "inbox": functools.partial(federation.drain_inbox, house, house.owner("inbox")),
            "delivery": functools.partial(federation.drain_deliveries, house, house.owner("delivery")),
            "federation": functools.partial(rows.drain, house, "federation", federation.HANDLERS | generation_jobs.FEDERATION
                                            | humanity.FEDERATION,
                                            house.owner("federation"), at_once=8),
            "media": functools.partial(rows.drain, house, "media", media.HANDLERS | durable.HANDLERS | generation_jobs.MEDIA
                                       | agents.HANDLERS | cameos.HANDLERS,
                                       house.owner("media"), at_once=2, given_up=media.GIVEN_UP),
            "housekeeping": functools.partial(rows.drain, house, "housekeeping", housekeeping.HANDLERS,
                                              house.owner("housekeeping"), at_once=1),
        }
        if self.renderer is not None:
            table["generation"] = self.renderer.run_once
        return {name: table[name] for name in self._queues}

    async def start(self) -> None:
        """Start the loops."""
        if "housekeeping" in self._queues:
            await self._house.db.write(housekeeping.schedule)
        if "media" in self._queues:
            await self._house.db.write(claims.schedule)
            await self._house.db.write(agents.schedule)
        if self.renderer is not None:
            await self.renderer.start()
        for queue, drain in self.drains().items():
            self._tasks.append(asyncio.create_task(run_loop(queue, drain, self._house.bells, sweep=SWEEP[queue]),
                                                   name=f"worker-{queue}"))

    async def stop(self) -> None:
        """Stop the loops; what they held goes back to its queue."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.renderer is not None:
            await self.renderer.stop()
        await federation.release(self._house)
        log.debug("workers stopped")
