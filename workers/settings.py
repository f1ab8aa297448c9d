"""`fedisora worker ROLE`: an arq worker whose jobs are doorbells, and a sweep that needs no Redis at all.

arq delivers at least once and forgets on a crash; both are harmless here, since a job only says "look": claims, leases and
fences are in the database.
"""
from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

from fedisora.errors import ConfigurationError

from .doorbell import Doorbell, connect, dumps, queue_name
from .local import LocalWorkers

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
ROLES: dict[str, tuple[str, ...]] = {
    "federation": ("inbox", "delivery", "federation"), "media": ("media",), "generation": ("generation",),
    "housekeeping": ("housekeeping",)}


async def run(house: House, role: str) -> None:
    """Run one worker process until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: Redis is not reachable at the start. Later it may go and come back.
    """
    await house.open()
    workers = LocalWorkers(house, ROLES[role])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        pool = await connect(house.settings.redis_url)
    except (OSError, RedisError, TimeoutError) as error:
        raise ConfigurationError(f"Redis cannot be reached: {error}. Check FEDISORA_REDIS_URL and that the server runs.",
                                 cause=error) from error
    await pool.aclose()
    doorbell = Doorbell(house.settings.redis_url, house.settings.host)
    house.bells.forward = doorbell.ring
    await workers.start()
    listening = asyncio.create_task(_listen(house, role))
    log.info("worker ready", role=role, queues=",".join(ROLES[role]))
    await stop.wait()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await workers.stop()
    await doorbell.close()
    await house.close()


async def _listen(house: House, role: str) -> None:
    """Let arq jobs ring this process's bells, connecting again for as long as it takes."""
    async def drain(ctx: dict[str, Any], queue: str) -> None:
        house.bells.ring({queue}, forward=False)

    while True:
        worker: Worker | None = None
        try:
            pool = await connect(house.settings.redis_url)
            worker = Worker(
                functions=[func(drain, name="drain", keep_result=0, max_tries=1)], redis_pool=pool,
                queue_name=queue_name(house.settings.host, role), handle_signals=False, poll_delay=0.05, max_jobs=20,
                keep_result=0, job_serializer=dumps, job_deserializer=json.loads, health_check_interval=30,
                health_check_key=f"{queue_name(house.settings.host, role)}:{house.name}")
            await worker.async_run()
        except asyncio.CancelledError:
            if worker is not None:
                await worker.close()
            raise
        except (OSError, RedisError, TimeoutError) as error:
            log.warning("Redis went away; rows are found by the sweep until it is back", error=str(error))
            await asyncio.sleep(2)
