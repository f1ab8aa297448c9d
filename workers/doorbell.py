"""The doorbell across machines: after a commit, an arq job per queue wakes a worker. The rows are the truth.

A job's id names its queue and a slice of 50 ms, and it runs at the end of that slice: any number of commits within the
slice are one job, and that job sees all of them.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from typing import Any

import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

from fedisora.db import Database
from fedisora.store import generation_workers

log = structlog.get_logger()
SLICE = 0.05
KNOWN_SECONDS = 5.0
"""How long it is remembered which GPU classes there are workers for; a new one finds rows by its sweep meanwhile."""


def dumps(value: Any) -> bytes:
    """JSON, never pickle: what comes back from Redis must not be able to run code."""
    return json.dumps(value, default=str).encode()


def queue_name(host: str, role: str) -> str:
    """The arq queue of one worker role of one instance: several instances can share a Redis. Generation has one per GPU class,
    with the role `generation:CLASS`."""
    return f"fedisora:{host}:{role}"


ROLE_OF = {"inbox": "federation", "delivery": "federation", "federation": "federation", "media": "media",
           "generation": "generation", "housekeeping": "housekeeping"}


async def connect(url: str, *, retries: int = 1) -> ArqRedis:
    """A pool that speaks JSON."""
    settings = RedisSettings.from_dsn(url)
    settings.conn_retries = retries
    return await create_pool(settings, job_serializer=dumps, job_deserializer=json.loads)


class Doorbell:
    """Rings workers on other machines through Redis."""

    def __init__(self, db: Database) -> None:
        settings = db.instance.settings
        self._db = db
        self._url = settings.redis_url
        self._host = settings.host
        self._classes: list[str] = []
        self._known_until = 0.0
        self._pool: ArqRedis | None = None
        self._lock = asyncio.Lock()
        self._quiet_until = 0.0

    async def ring(self, queues: set[str]) -> None:
        """Ring the workers of these queues. Without Redis nothing is lost: their sweep finds the rows."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            pool = await self._connected()
            now = time.time()
            edge = (int(now / SLICE) + 1) * SLICE
            for queue in queues:
                for role in await self._roles(queue):
                    name = queue_name(self._host, role)
                    await pool.enqueue_job(
                        "drain", queue, _queue_name=name, _job_id=f"{name}:{queue}:{edge:.2f}",
                        _defer_until=dt.datetime.fromtimestamp(edge, dt.UTC), _expires=dt.timedelta(hours=1))
        except (OSError, RedisError, TimeoutError) as error:
            log.warning("Redis does not answer; workers will find the rows by their sweep", error=str(error))
            self._quiet_until = time.monotonic() + 5

    async def _roles(self, queue: str) -> list[str]:
        """Whom a ring concerns. It does not say which model waits, so every GPU class for which somebody runs is rung; a look
        costs one query."""
        if queue != "generation":
            return [ROLE_OF[queue]]
        if time.monotonic() > self._known_until:
            now = self._db.clock()
            self._classes = await self._db.read(lambda session: generation_workers.classes(session, now))
            self._known_until = time.monotonic() + KNOWN_SECONDS
        return [f"generation:{name}" for name in self._classes]

    async def _connected(self) -> ArqRedis:
        async with self._lock:
            if self._pool is None:
                self._pool = await connect(self._url)
            return self._pool

    async def close(self) -> None:
        """Close the connection."""
        if self._pool is not None:
            await self._pool.aclose()
