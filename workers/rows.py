"""Running rows of the jobs table: claim, hand to the handler of its kind, finish or try again."""
from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import delete

from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError, Refused
from fedisora.models import Job
from fedisora.store import queue

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
Handler = Callable[["House", dict[str, Any]], Awaitable[None]]
GivenUp = Callable[[UnitOfWork, dict[str, Any]], None]
LEASE = dt.timedelta(seconds=60)
RENEW = 20.0
LOOK = 5.0
"""Seconds after which a free slot looks without a ring, while others are at work: for retries that become due."""
TOGETHER = 0.05
"""Seconds that a free slot waits for others: small jobs end together, and are followed by one claim instead of many."""
ATTEMPTS = 8
CRASHES = 3
"""Attempts of a job that somebody waits for, when it ends by a fault that waiting does not mend (a child that crashed)."""


def pause(attempt: int) -> dt.timedelta:
    """Mastodon's shape of a retry schedule: n⁴ + 15 s + jitter."""
    return dt.timedelta(seconds=attempt ** 4 + 15 + random.uniform(0, 10 * attempt))  # noqa: S311


async def drain(house: House, queue_name: str, handlers: Mapping[str, Handler], owner: str, *, at_once: int,
                given_up: Mapping[str, GivenUp] = MappingProxyType({})) -> int:
    """Run what is due of a queue, `at_once` jobs side by side, until nothing is left; how many jobs that were.

    A slot that becomes free is filled while others are at work: a long video, or a server that sends slowly, keeps no other job
    waiting.

    Args:
        given_up: by kind, what is written with the end of a job that is not tried again: whoever waits for it is told.
    """
    running: set[asyncio.Task[None]] = set()
    count = 0
    try:
        while True:
            claimed = await _claim(house, queue_name, owner, at_once - len(running))
            running.update(asyncio.create_task(_run(house, handlers, given_up, owner, *item)) for item in claimed)
            count += len(claimed)
            if not running:
                return count
            await _room(house, queue_name, running, at_once)
            ended = {task for task in running if task.done()}
            running -= ended
            for task in ended:
                task.result()
    except asyncio.CancelledError:
        for task in running:
            task.cancel()
        raise
    finally:  # also when one fails or this is stopped: what still ran would find a closed database
        await asyncio.gather(*running, return_exceptions=True)


async def _claim(house: House, queue_name: str, owner: str, limit: int) -> list[tuple[int, int, str, dict[str, Any]]]:
    """(id, attempt, kind, payload) of due jobs that are ours now."""
    def take(uow: Any) -> list[tuple[int, int, str, dict[str, Any]]]:
        rows = queue.claim(uow.session, Job, Job.queue == queue_name, Job.state == "pending", owner=owner, now=uow.now,
                           lease=LEASE, limit=limit)
        return [(row.id, row.attempt, row.kind, row.payload) for row in rows]

    claiming = asyncio.ensure_future(house.db.write(take))
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:  # stopped in the very moment of the claim
        for job_id, attempt, _, _ in await claiming:
            await _give_back(house, job_id, owner, attempt)
        raise


async def _room(house: House, queue_name: str, running: set[asyncio.Task[None]], at_once: int) -> None:
    """Until there is something to claim and a slot for it: one of the running jobs has ended, or, where a slot is free, the
    queue was rung or could have become due."""
    ring = asyncio.ensure_future(house.bells.wait(queue_name, LOOK)) if len(running) < at_once else None
    try:
        await asyncio.wait({*running, ring} if ring is not None else running, return_when=asyncio.FIRST_COMPLETED)
        if any(task.done() for task in running):
            await asyncio.wait(running, timeout=TOGETHER)
    finally:
        if ring is not None:
            ring.cancel()
            await asyncio.gather(ring, return_exceptions=True)


async def _give_back(house: House, job_id: int, owner: str, attempt: int) -> None:
    await house.db.write(lambda uow: queue.reschedule(uow.session, Job, job_id, owner, attempt, run_at=uow.now,
                                                      error="the worker stopped"))


async def _run(house: House, handlers: Mapping[str, Handler], given_up: Mapping[str, GivenUp], owner: str, job_id: int,
               attempt: int, kind: str, payload: dict[str, Any]) -> None:
    keeper = asyncio.create_task(_keep(house, job_id, owner, attempt))
    try:
        await handlers[kind](house, payload)
    except asyncio.CancelledError:
        await asyncio.shield(_give_back(house, job_id, owner, attempt))
        raise
    except Refused as error:  # final: it will never work
        why = str(error)
        log.info("job refused", kind=kind, job=job_id, error=why)
        await house.db.write(lambda uow: queue.finish(uow.session, Job, job_id, owner, attempt, state="dead",
                                                      last_error=why[:500]))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        most = ATTEMPTS
        if isinstance(error, FedisoraError) and error.retryable:
            log.info("job will be tried again", kind=kind, job=job_id, error=why)
        else:
            log.exception("job failed", kind=kind, job=job_id)
            if isinstance(error, FedisoraError) and kind in given_up:
                most = CRASHES
        if attempt >= most:
            await house.db.write(lambda uow: _give_up(uow, job_id, owner, attempt, why, payload, given_up.get(kind)))
        else:
            await house.db.write(lambda uow: queue.reschedule(uow.session, Job, job_id, owner, attempt,
                                                              run_at=uow.now + pause(attempt), error=why))
    else:
        await house.db.write(lambda uow: uow.session.execute(delete(Job).where(*queue.held(Job, job_id, owner, attempt))))
    finally:
        keeper.cancel()


def _give_up(uow: UnitOfWork, job_id: int, owner: str, attempt: int, why: str, payload: dict[str, Any],
             then: GivenUp | None) -> None:
    if queue.finish(uow.session, Job, job_id, owner, attempt, state="dead", last_error=why[:500]) and then is not None:
        then(uow, payload)


async def _keep(house: House, job_id: int, owner: str, attempt: int) -> None:
    while True:
        await asyncio.sleep(RENEW)
        await house.db.write(lambda uow: queue.heartbeat(uow.session, Job, job_id, owner, attempt, now=uow.now, lease=LEASE))
