"""Doorbells: a ring wakes who waits, and one that nobody heard is kept for the queue's worker."""
from __future__ import annotations

import asyncio
import socket
import threading

from fedisora.bells import Bells, Link


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


def test_linked_bells_ring_each_other_once_and_notice_the_end() -> None:
    async def scene() -> tuple[bool, bool, bool]:
        here, there = Bells(), Bells()
        here.attach()
        there.attach()
        ends = socket.socketpair()
        near, far = await Link.open(here, ends[0]), await Link.open(there, ends[1])
        waiting = asyncio.create_task(there.wait("status:7", 5))
        await asyncio.sleep(0)
        here.ring({"status:7", "inbox"})
        heard, queued = await waiting, await there.wait("inbox", 5)
        near.close()
        async with asyncio.timeout(5):
            await far.closed.wait()
        there.ring({"inbox"})  # nobody there any more: no error
        return heard, queued, await there.wait("inbox", 5)

    assert asyncio.run(scene()) == (True, True, True)
