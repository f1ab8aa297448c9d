"""The procedural backend and its child process: every scene, determinism, cancelling, crashes, no orphans."""
from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from fedisora.errors import FedisoraError, Invalid
from fedisora.generation.backends import load
from fedisora.generation.backends.base import Cancelled, Request
from fedisora.generation.backends.procedural import Procedural, scene_for
from fedisora.generation.backends.procedural.palette import words_of
from fedisora.generation.process import Runner
from fedisora.media.flashes import flashes
from fedisora.provenance.digital_source import ALGORITHMIC
from tests.support.instances import eventually

PROMPTS = {"vista": "aurora over a mountain lake", "sea": "waves of the ocean", "forest": "a forest with fireflies",
           "city": "a neon city", "space": "a galaxy and a planet", "dunes": "desert dunes", "silk": "a thought"}


def request(path: Path, prompt: str = "a thought", **more: Any) -> Request:
    values: dict[str, Any] = {"id": "1", "prompt": prompt, "seed": 7, "width": 96, "height": 64, "seconds": 0.25, "fps": 8,
                              "output": str(path)} | more
    return Request(**values)


def render(path: Path, **more: Any) -> dict[str, Any]:
    return Procedural().render(request(path, **more), lambda stage, share: None, lambda: False)


@pytest.mark.parametrize(("scene", "prompt"), PROMPTS.items())
def test_every_scene_renders(tmp_path: Path, scene: str, prompt: str) -> None:
    assert scene_for(words_of(prompt)) == scene
    made = render(tmp_path / "out.mp4", prompt=prompt)
    assert made["digital_source_type"] == ALGORITHMIC
    assert "AI" not in str(made["generator"])
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
        assert (len(frames), frames[0].width, frames[0].height) == (2, 96, 64)
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_the_same_prompt_and_seed_give_the_same_pictures(tmp_path: Path) -> None:
    digests = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        render(tmp_path / f"{name}.mp4", seed=seed)
        digests.append(hashlib.sha256((tmp_path / f"{name}.mp4").read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("seed", [4011691421604440, 2859155010614073, 391698738142568])
def test_a_short_video_does_not_flash(tmp_path: Path, seed: int) -> None:
    """A whole loop in a second did with every fifth seed: our own gate held what our own generator had made."""
    render(tmp_path / "a.mp4", seed=seed, width=240, height=240, seconds=1.0, fps=24)
    found = flashes({"path": str(tmp_path / "a.mp4")}, lambda *_: None)
    assert (found["general"], found["red"]) == (None, None)


def test_odd_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        render(tmp_path / "out.mp4", width=95)


def test_cancelling_stops_at_the_next_frame(tmp_path: Path) -> None:
    told: list[float] = []
    with pytest.raises(Cancelled):
        Procedural().render(request(tmp_path / "out.mp4", seconds=5), lambda stage, share: told.append(share),
                            lambda: len(told) > 2)
    assert len(told) < 6


def test_a_missing_backend_says_so() -> None:
    with pytest.raises(FedisoraError, match="Installed: diffusers, procedural"):
        load("magic", None)
    with pytest.raises(FedisoraError, match="FEDISORA_GENERATION_MODEL"):
        load("diffusers", None)


def as_dict(value: Request) -> dict[str, Any]:
    return vars(value)


def test_the_child_renders_reports_and_stays_warm(tmp_path: Path) -> None:
    async def go() -> None:
        runner, told = Runner("procedural"), list[tuple[str, float]]()
        try:
            first = await runner.generate(as_dict(request(tmp_path / "a.mp4")), lambda *step: told.append(step))
            pid = runner.pid
            await runner.generate(as_dict(request(tmp_path / "b.mp4", id="2")), lambda *step: None)
            assert pid is not None and runner.pid == pid
            assert first["width"] == 96
            assert told[-1] == ("denoise", 1.0)
            with pytest.raises(Invalid):
                await runner.generate(as_dict(request(tmp_path / "c.mp4", width=95)), lambda *step: None)
        finally:
            await runner.close()

    asyncio.run(go())


def test_cancel_and_a_killed_child(tmp_path: Path) -> None:
    async def go() -> None:
        runner = Runner("procedural")
        long = as_dict(request(tmp_path / "a.mp4", seconds=60, width=640, height=480))
        started = asyncio.Event()
        try:
            job = asyncio.create_task(runner.generate(long, lambda *step: started.set()))
            await asyncio.wait_for(started.wait(), 30)
            await runner.cancel()
            assert await asyncio.wait_for(job, 15) == {"cancelled": True}
            started.clear()
            job = asyncio.create_task(runner.generate({**long, "id": "2"}, lambda *step: started.set()))
            await asyncio.wait_for(started.wait(), 30)
            assert runner.pid is not None
            os.kill(runner.pid, signal.SIGKILL)
            with pytest.raises(FedisoraError):
                await asyncio.wait_for(job, 15)
            assert await runner.generate(as_dict(request(tmp_path / "c.mp4", id="3")), lambda *step: None)
        finally:
            await runner.close()

    asyncio.run(go())


def test_the_child_ends_with_its_parent() -> None:
    child = subprocess.Popen([sys.executable, "-m", "fedisora.generation.runner", "procedural"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    with contextlib.ExitStack() as stack:
        stack.callback(child.wait)
        stack.callback(child.kill)
        assert child.stdout is not None
        assert child.stdin is not None
        assert b"ready" in child.stdout.readline()
        child.stdin.close()
        eventually(lambda: child.poll() is not None, seconds=5, what="the child ends")
        child.stdout.close()
