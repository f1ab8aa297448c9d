"""Around checks: limits per asker, folders that are gone afterwards, and what the command and the page make of odd things."""
from __future__ import annotations

import asyncio
import io
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fedisora.errors import Invalid, TooManyRequests
from fedisora.local_run import verify_here
from fedisora.media.scratch import STALE, scratch, sweep_scratch
from fedisora.settings import load_settings
from fedisora.verdict_text import show
from fedisora.web import throttle
from fedisora.web.pages.verdict_view import verdict_view
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
    assert refused.value.text == "That was 2 checks in 1 minutes. Please wait a minute."
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


@pytest.mark.parametrize(("target", "why"), [(".", "a folder"), ("absent", "not a file"), ("empty", "is empty"),
                                             ("/dev/zero", "not a file"), ("x" * 5000, "cannot be read")])
def test_the_command_says_what_it_cannot_check(target: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(Invalid, match=why):
        asyncio.run(verify_here(load_settings(tmp_path / "none"), target))
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


HOSTILE: list[dict[str, Any]] = [
    {"record": [], "signer": "x", "checks": [None, {"name": 5}], "claims": [7, {"status": {}, "problems": "x"}], "match": []},
    {"record": {"generator": ["x"], "object": "javascript:alert(1)", "operator": {}, "ingredients": [{"title": ["x"]}, 5]}},
    {"match": {"object": "javascript:alert(1)", "distance": "near"}, "digitalSourceType": "x"},
    {"record": {"generator": {"name": "\x1b[2J[bold]x", "prompt": "<b>"}, "actor": "https://a.example/u"}},
]


@pytest.mark.parametrize("more", HOSTILE)
def test_nothing_in_a_strangers_file_breaks_the_page_or_the_terminal(more: dict[str, Any]) -> None:
    document = {"verdict": "intact-unknown-signer", "summary": "x", "checkedAt": "", "signer": None, "digitalSourceType": None,
                "record": None, "checks": [], "claims": []} | more
    shown = verdict_view(document)
    assert shown.post is None
    assert shown.match is None
    out = io.StringIO()
    document["checks"] = [item for item in document["checks"] if isinstance(item, dict) and "ok" in item]
    document["claims"] = [item for item in document["claims"] if isinstance(item, dict)]
    show(document, Console(file=out))
    assert "\x1b" not in out.getvalue()


def test_the_page_has_rows_for_parts_and_claims() -> None:
    shown = verdict_view({
        "verdict": "recovered", "summary": "It matches.", "signer": None, "digitalSourceType": None, "checks": [
            {"name": "ingredients", "ok": False, "detail": "a file it was made from had been changed: x"}],
        "record": {"ingredients": [{"title": "upload", "verdict": "unsigned", "summary": "No record."}]},
        "match": {"object": "https://a.example/1", "distance": 3},
        "claims": [{"extension": "energy", "status": "valid", "label": "2 Wh, measured"},
                   {"extension": "https://x.example/ns#", "status": "unknown", "label": None, "problems": []}]})
    assert (shown.match, shown.distance) == ("https://a.example/1", 3)
    assert [item.title for item in shown.ingredients] == ["upload", "What it was made from"]
    assert [item.title for item in shown.claims] == ["2 Wh, measured", "A claim from https://x.example/ns#"]
    assert "not judged" in shown.claims[1].detail
    assert (shown.claims[0].mark, shown.claims[0].detail) == ("m-unknown", "energy · only said, not proven"), "form is no proof"
