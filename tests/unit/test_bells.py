"""Doorbells: a ring wakes who waits, and one that nobody heard is kept for the queue's worker."""
from __future__ import annotations

import asyncio
import threading

from fedisora.bells import Bells


def test_a_ring_from_a_thread_wakes_the_waiter() -> None:
    async def scene() -> bool:
        bells = Bells()
        bells.attach()
        waiting = asyncio.create_task(bells.wait("delivery", 5))
        await asyncio.sleep(0)
        threading.Thread(target=bells.ring, args=({"delivery"},)).start()
        return await waiting

    assert asyncio.run(scene())


def test_a_ring_that_nobody_heard_is_kept_once() -> None:
    async def scene() -> tuple[bool, bool]:
        bells = Bells()
        bells.attach()
        bells.ring({"inbox"})
        bells.ring({"inbox"})
        await asyncio.sleep(0)
        return await bells.wait("inbox", 0.01), await bells.wait("inbox", 0.01)

    assert asyncio.run(scene()) == (True, False)


def test_rings_for_one_off_names_are_not_kept() -> None:
    async def scene() -> bool:
        bells = Bells()
        bells.attach()
        bells.ring({"status:1"})
        await asyncio.sleep(0)
        return await bells.wait("status:1", 0.01)

    assert not asyncio.run(scene())


def test_rings_are_forwarded_once() -> None:
    async def scene() -> list[set[str]]:
        bells, told = Bells(), []

        async def forward(queues: set[str]) -> None:
            told.append(queues)

        bells.attach()
        bells.forward = forward
        bells.ring({"media", "status:1"})
        bells.ring({"media"}, forward=False)
        await asyncio.sleep(0.01)
        return told

    assert asyncio.run(scene()) == [{"media"}]
