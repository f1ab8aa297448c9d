"""One drain loop: do what is due, then wait for the doorbell, with a sweep as the net."""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from fedisora.bells import Bells

log = structlog.get_logger()
Drain = Callable[[], Awaitable[int | bool]]


async def run_loop(queue: str, drain: Drain, bells: Bells, *, sweep: float) -> None:
    """Call `drain` until it finds nothing, then wait for a ring of `queue` or `sweep` seconds; for ever.

    A failing drain (database gone, disk full) is logged and tried again with a growing pause: the rows stay.
    """
    pause = 0.5
    while True:
        try:
            while await drain():
                pause = 0.5
            pause = 0.5
            await bells.wait(queue, sweep)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("worker loop failed, will go on", queue=queue, pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
