"""Limits per asker, and folders that are gone afterwards."""
from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

import pytest

from fedisora.errors import TooManyRequests
from fedisora.media.scratch import STALE, scratch, sweep_scratch
from fedisora.web import throttle
from fedisora.web.throttle import Throttle, network_of


def test_a_window_that_slides() -> None:
    now = [0.0]
    limit = Throttle(2, 60, clock=lambda: now[0])
    limit.take("a")
    now[0] = 10
    limit.take("a")
    with pytest.raises(TooManyRequests) as refused:
        limit.take("a")
    assert refused.value.retry_after == 50
    limit.take("b")
    now[0] = 60.5
    limit.take("a")
    with pytest.raises(TooManyRequests):
        limit.take("a")


def test_it_remembers_so_many_askers_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "REMEMBERED", 10)
    limit = Throttle(1, 60)
    for number in range(50):
        limit.take(number)
    assert len(limit._seen) == 10


@pytest.mark.parametrize(("address", "asker"), [
    ("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:192.0.2.7", "192.0.2.7"),
    ("fe80::1%eth0", "fe80::/64"), ("testclient", "testclient"), ("", "")])
def test_who_counts_as_one(address: str, asker: str) -> None:
    assert network_of(address) == asker


def test_a_folder_is_gone_however_it_ends() -> None:
    asyncio.run(_folders())


async def _folders() -> None:
    folders: list[Path] = []

    async def work(inside: asyncio.Event) -> None:
        async with scratch("verify") as folder:
            folders.append(folder)
            (folder / "file").write_bytes(b"x")
            inside.set()
            await asyncio.Event().wait()

    inside = asyncio.Event()
    task = asyncio.create_task(work(inside))
    await inside.wait()
    assert folders[0].stat().st_mode & 0o077 == 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def fail() -> None:
        async with scratch("verify") as folder:
            folders.append(folder)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not any(folder.exists() for folder in folders)


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new, other = (tmp_path / name for name in ("fedisora-verify-old", "fedisora-verify-new", "fedisora-generation-old"))
    for folder in (old, new, other):
        folder.mkdir()
        (folder / "file").touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "fedisora-verify-link").symlink_to(outside)
    long_ago = time.time() - STALE - 10
    for folder in (old, other, outside):
        os.utime(folder, (long_ago, long_ago))
    assert sweep_scratch() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fedisora-generation-old", "fedisora-verify-link", "fedisora-verify-new", "outside"]
