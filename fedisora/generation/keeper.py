"""Keeps a claim while its video is made: renews the lease, writes progress, and sees that it is to stop."""
from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from ..bells import Bells
from ..db import Database, UnitOfWork
from . import jobs

log = structlog.get_logger()
WRITE_EVERY = 0.25
"""Seconds between two writes of progress, however chatty the child is."""
LOOK_EVERY = 0.1
"""Seconds between two looks whether it is cancelled, where no bell can say so: on another machine."""
LEAST = 0.002
"""Progress that is worth a write."""


class Course:
    """From progress within stages to progress of the whole, and the seconds that each stage took."""

    def __init__(self, weights: Mapping[str, float], *, warm: bool) -> None:
        self._weights = {stage: 0.0 if warm and stage == "load" else float(weights.get(stage, 0.0)) for stage in jobs.WEIGHTS}
        self._total = sum(self._weights.values()) or 1.0
        self._began = self._entered = time.monotonic()
        self._taken: dict[str, float] = {}
        self.stage = "load"
        self.share = 0.0

    def note(self, stage: str, share: float) -> None:
        """Progress in a stage. The whole never goes backwards."""
        now = time.monotonic()
        if stage != self.stage:
            self._taken[self.stage] = self._taken.get(self.stage, 0.0) + now - self._entered
            self.stage, self._entered = stage, now
        before = 0.0
        for name, weight in self._weights.items():
            if name == stage:
                self.share = max(self.share, min(1.0, (before + weight * min(1.0, max(0.0, share))) / self._total))
                break
            before += weight

    def again(self) -> None:
        """From the beginning: a second try."""
        self.note("load", 0.0)
        self.share = 0.0

    def cost(self, watts: float | None = None) -> jobs.Cost:
        """What it took so far."""
        now = time.monotonic()
        stages = self._taken | {self.stage: self._taken.get(self.stage, 0.0) + now - self._entered}
        return jobs.Cost(now - self._began, {stage: seconds for stage, seconds in stages.items() if seconds >= 0.001}, watts)


class Keeper:
    """Runs beside one claimed generation. The runner ends a job that makes no progress, and with it this: a lease is renewed
    only while there is some.

    Args:
        cancel: asks the child to stop.
    """

    def __init__(self, db: Database, bells: Bells, held: jobs.Claim, course: Course,
                 cancel: Callable[[], Awaitable[None]]) -> None:
        self._db = db
        self._bells = bells
        self._held = held
        self._course = course
        self._cancel = cancel
        self._going: jobs.Going = "on"
        self._task = asyncio.create_task(self._keep())

    def going(self) -> jobs.Going:
        """Whether to go on, as of the last look."""
        return self._going

    async def _keep(self) -> None:
        renew = self._held.worker.lease.total_seconds() / 3
        written, known = time.monotonic(), (self._course.stage, self._course.share)
        while self._going == "on":
            await self._bells.wait(f"generation:{self._held.id}", LOOK_EVERY)
            now = time.monotonic()
            stage, share = self._course.stage, self._course.share
            changed = stage != known[0] or abs(share - known[1]) >= LEAST
            try:
                if (changed and now - written >= WRITE_EVERY) or now - written >= renew:
                    written, known = now, (stage, share)
                    self._going = await self._db.write(self._progress(stage, share))
                else:
                    self._going = await self._db.read(lambda session: jobs.going(session, self._held))
            except Exception as error:  # a database that went away may come back before the lease ends
                log.warning("progress cannot be written", generation=self._held.id, error=str(error))
                await asyncio.sleep(WRITE_EVERY)
        await self._cancel()

    def _progress(self, stage: str, share: float) -> Callable[[UnitOfWork], jobs.Going]:
        return lambda uow: jobs.progress(uow, self._held, stage, share, self._course.cost())

    async def close(self) -> None:
        """Renew no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
