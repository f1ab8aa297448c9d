"""Jobs of the table: a long one keeps no other waiting; who stops in the middle leaves nothing behind, no claim and no task."""
from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import Any

from sqlalchemy import select

from fedisora.app import House, build_house, workers_module
from fedisora.models import Job
from fedisora.settings import load_settings
from fedisora.store import jobs

ROWS = workers_module("rows")


def test_a_stopped_worker_has_given_everything_back_when_it_returns(tmp_path: Path) -> None:
    house = build_house(load_settings(tmp_path))

    async def slow(house: House, payload: dict[str, Any]) -> None:
        started.append(payload["number"])
        await asyncio.Event().wait()

    started: list[int] = []

    async def run() -> None:
        await house.open()
        for number in range(6):
            await house.db.write(lambda uow, n=number: jobs.enqueue(uow, "delete_files", {"number": n}))  # type: ignore[misc]
        queue = (await house.db.read(lambda session: session.scalars(select(Job.queue)).first()))
        drain = functools.partial(ROWS.drain, house, queue, {"delete_files": slow}, "me", at_once=6)
        for running in (True, False):  # stopped while they run, and in the moment of the claim
            task = asyncio.create_task(drain())
            while running and len(started) < 6:
                await asyncio.sleep(0)
            if not running:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait((task,))
            assert len(asyncio.all_tasks()) == 1
            assert not await house.db.read(lambda session: list(session.scalars(select(Job.id).where(
                Job.lease_owner.is_not(None)))))
        await house.close()

    asyncio.run(run())


def test_a_long_job_keeps_no_other_waiting(tmp_path: Path) -> None:
    house = build_house(load_settings(tmp_path))
    done: list[int] = []

    async def run() -> None:
        await house.open()
        late, over = asyncio.Event(), asyncio.Event()

        async def work(house: House, payload: dict[str, Any]) -> None:
            if payload["number"] == 0:
                await over.wait()
            done.append(payload["number"])
            if payload["number"] == 5:
                late.set()

        async def add(number: int) -> None:
            await house.db.write(lambda uow: jobs.enqueue(uow, "delete_files", {"number": number}))

        for number in range(4):
            await add(number)
        draining = asyncio.create_task(ROWS.drain(house, "housekeeping", {"delete_files": work}, "me", at_once=2))
        while len(done) < 3:
            await asyncio.sleep(0)
        await add(4)  # and so are those that come meanwhile, as soon as the bell rings
        await add(5)
        await asyncio.wait_for(late.wait(), ROWS.LOOK - 1)
        assert done == [1, 2, 3, 4, 5]
        over.set()
        assert await draining == 6
        await house.close()

    asyncio.run(run())
    assert done[-1] == 0
