"""`fedisora worker ROLE`: an arq worker whose jobs are doorbells, and a sweep that needs no Redis at all.

arq delivers at least once and forgets on a crash; both are harmless here, since a job only says "look": claims, leases and
fences are in the database.
"""
from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

from .doorbell import Doorbell, connect, dumps, queue_name
from .generation import Options
from .local import LocalWorkers

if TYPE_CHECKING:
    from arq.typing import WorkerCoroutine

    from fedisora.app import House

log = structlog.get_logger()
ROLES: dict[str, tuple[str, ...]] = {
    "federation": ("inbox", "delivery", "federation"), "media": ("media",), "generation": ("generation",),
    "housekeeping": ("housekeeping",)}
CLAIMING = 0.05
"""Seconds from a ring until the loop has claimed what waits, at most, unless the database is slow."""
JOB_TIMEOUT = 3600
EXPIRES_EXTRA_MS = 3_600_000
"""A ring that nobody took for an hour is worth nothing: sweeps have found the rows long since."""
Job = Callable[[dict[str, Any], str], Coroutine[Any, Any, None]]


async def run(house: House, role: str, options: Options | None = None) -> None:
    """Run one worker process until SIGTERM or SIGINT. Redis may be away at the start and later.

    A generation worker finishes its video after the first SIGTERM; a second one, or SIGINT, gives it back to the queue.

    Raises:
        ConfigurationError: a model that the instance does not offer.
    """
    await house.open()
    try:
        await _work(house, role, options)
    finally:
        await house.close()


async def _work(house: House, role: str, options: Options | None) -> None:
    workers = LocalWorkers(house, ROLES[role], options)
    if options is not None and options.once and workers.renderer is not None:
        await _once(house, workers)
        return
    stop = asyncio.Event()
    leaving: list[asyncio.Task[None]] = []

    def asked() -> None:
        if workers.renderer is None or leaving:
            stop.set()
        else:
            leaving.append(asyncio.create_task(_leave(workers, stop)))

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    doorbell = Doorbell(house.db)
    house.bells.forward = doorbell.ring
    await workers.start()
    listening = [asyncio.create_task(_listen(house, name, job, most)) for name, job, most in _queues(house, role, workers)]
    log.info("worker ready", role=role, queues=",".join(ROLES[role]))
    await stop.wait()
    for task in (*listening, *leaving):
        task.cancel()
    await asyncio.gather(*listening, *leaving, return_exceptions=True)
    await workers.stop()
    await doorbell.close()


async def _once(house: House, workers: LocalWorkers) -> None:
    """One video; what is being made when SIGTERM or SIGINT comes goes back to the queue."""
    renderer = workers.renderer
    assert renderer is not None
    await renderer.start()
    job = asyncio.create_task(renderer.run_once())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, job.cancel)
    try:
        found = await asyncio.gather(job, return_exceptions=True)
        log.info("one video" if True in found else "no video")
    finally:
        await renderer.stop()


async def _leave(workers: LocalWorkers, stop: asyncio.Event) -> None:
    assert workers.renderer is not None
    log.info("takes nothing new, finishes what it makes; send SIGTERM again to give that back to the queue")
    await workers.renderer.leave()
    stop.set()


def _queues(house: House, role: str, workers: LocalWorkers) -> list[tuple[str, Job, int]]:
    """The arq queues of a role: name, what a ring does, how many rings at a time."""
    renderer = workers.renderer

    async def look(ctx: dict[str, Any], queue: str) -> None:
        house.bells.ring({queue}, forward=False)

    async def render(ctx: dict[str, Any], queue: str) -> None:
        """Takes no further ring while it renders: those go to workers that are idle."""
        house.bells.ring({queue}, forward=False)
        await asyncio.sleep(CLAIMING)
        if renderer is not None:
            await renderer.host.free()

    if renderer is None:
        return [(queue_name(house.settings.host, role), look, 20)]
    return [(queue_name(house.settings.host, f"{role}:{name}"), render, 1) for name in renderer.classes]


async def _listen(house: House, queue: str, job: Job, most: int) -> None:
    """Let arq jobs ring this process's bells, connecting again for as long as it takes."""
    away = False
    while True:
        worker: Worker | None = None
        try:
            pool = await connect(house.settings.redis_url)
            away = False
            worker = Worker(
                functions=[func(cast("WorkerCoroutine", job), name="drain", keep_result=0, max_tries=3, timeout=JOB_TIMEOUT)],
                redis_pool=pool, queue_name=queue, handle_signals=False, poll_delay=0.05, max_jobs=most, keep_result=0,
                job_serializer=dumps, job_deserializer=json.loads, expires_extra_ms=EXPIRES_EXTRA_MS, health_check_interval=30,
                health_check_key=f"{queue}:health:{house.name}")
            await worker.async_run()
        except asyncio.CancelledError:
            if worker is not None:
                await worker.close()
            raise
        except (OSError, RedisError, TimeoutError) as error:
            if not away:
                log.warning("Redis does not answer; rows are found by the sweep until it does", error=str(error))
            away = True
            if worker is not None:
                for task in worker.tasks.values():
                    task.cancel()
                await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
            await asyncio.sleep(2)
