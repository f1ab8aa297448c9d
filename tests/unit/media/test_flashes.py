"""WCAG 2.3.1 in numbers: what flashes too often, and what only changes."""
from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest

from fedisora.errors import FedisoraError, Invalid
from fedisora.generation.backends.base import Request
from fedisora.generation.backends.procedural import SCENES, Procedural
from fedisora.media.flashes import CELL, FIELD, flashes, grid_of
from fedisora.media.process import run_media_sync
from fedisora.media.standing import Standing

WIDTH, HEIGHT = 320, 180
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
RED, GREY = (255, 0, 0), (127, 127, 127)
"""Of the same relative luminance."""
Colour = tuple[int, int, int]


def encoded(path: Path, pictures: Iterable[Any], fps: int) -> Path:
    with av.open(str(path), "w") as out:
        stream: Any = None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = out.add_stream("libx264", rate=Fraction(fps), options={"preset": "ultrafast", "crf": "15"})
                stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "yuv420p"
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def strobe(rate: float, one: Colour, other: Colour, *, fps: int = 24, seconds: float = 2.0, part: tuple[float, float] = (1, 1),
           size: tuple[int, int] = (WIDTH, HEIGHT)) -> Iterator[Any]:
    """`rate` times a second from one colour to the other and back, in a part of the picture."""
    for number in range(int(fps * seconds)):
        picture = np.full((size[1], size[0], 3), one, np.uint8)
        if int(number * 2 * rate / fps) % 2:
            picture[:round(size[1] * part[1]), :round(size[0] * part[0])] = other
        yield picture


def found(path: Path, pictures: Iterable[Any], fps: int = 24) -> dict[str, Any]:
    return flashes({"path": str(encoded(path / "clip.mp4", pictures, fps))}, lambda share: None)


@pytest.mark.parametrize(("rate", "fps"), [(1, 24), (2, 24), (3, 24), (3, 30), (2.5, 25), (2, 50)])
def test_three_flashes_a_second_pass(tmp_path: Path, rate: float, fps: int) -> None:
    assert found(tmp_path, strobe(rate, BLACK, WHITE, fps=fps), fps) == {"general": None, "red": None, "frames": fps * 2}


@pytest.mark.parametrize(("rate", "fps"), [(4, 24), (6, 24), (12, 24), (4, 25), (5, 30), (25, 50)])
def test_more_than_three_are_too_many(tmp_path: Path, rate: float, fps: int) -> None:
    general = found(tmp_path, strobe(rate, BLACK, WHITE, fps=fps), fps)["general"]
    assert general["flashes_per_second"] == pytest.approx(rate, abs=0.6)
    assert 0 <= general["at"] <= 1 / rate


def test_a_burst_is_found_wherever_it_is(tmp_path: Path) -> None:
    still = [np.full((HEIGHT, WIDTH, 3), 40, np.uint8)] * 48
    general = found(tmp_path, [*still, *strobe(6, BLACK, WHITE, seconds=1), *still])["general"]
    assert 1.9 <= general["at"] <= 2.2


def test_the_red_flash(tmp_path: Path) -> None:
    fast = found(tmp_path, strobe(4, RED, GREY))
    assert fast["general"] is None and fast["red"]["flashes_per_second"] == 4
    assert found(tmp_path, strobe(2, RED, GREY)) == {"general": None, "red": None, "frames": 48}
    assert found(tmp_path, strobe(4, (0, 0, 255), (0, 76, 0)))["red"] is None, "of the same luminance, but not red"


@pytest.mark.parametrize(("one", "other"), [((128, 128, 128), (140, 140, 140)), ((242, 242, 242), WHITE)])
def test_small_changes_and_bright_ones_are_no_flashes(tmp_path: Path, one: Colour, other: Colour) -> None:
    assert found(tmp_path, strobe(6, one, other))["general"] is None


def test_a_small_area_is_no_flash(tmp_path: Path) -> None:
    """A quarter of 341 × 256 on a screen of 1024 × 768 is 148 pixels square; the picture is shown 1024 × 576."""
    assert found(tmp_path, strobe(4, BLACK, WHITE, part=(120 / 1024, 120 / 576)))["general"] is None
    assert found(tmp_path, strobe(4, BLACK, WHITE, part=(180 / 1024, 180 / 576)))["general"] is not None


def test_small_areas_far_from_each_other_are_not_added_up(tmp_path: Path) -> None:
    def corners() -> Iterator[Any]:
        for number in range(48):
            picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            if number // 3 % 2:
                for down in (0, -36):
                    for across in (0, -36):
                        picture[down:down + 36 or None, across:across + 36 or None] = 255
            yield picture

    assert found(tmp_path, corners())["general"] is None


def test_fades_and_cuts_pass(tmp_path: Path) -> None:
    fade = (np.full((HEIGHT, WIDTH, 3), int(255 * abs(np.sin(number / 24 * np.pi))), np.uint8) for number in range(72))
    assert found(tmp_path, fade)["general"] is None
    cuts = (np.full((HEIGHT, WIDTH, 3), (0, 255)[number // 12 % 2], np.uint8) for number in range(72))
    assert found(tmp_path, cuts)["general"] is None


def test_squares_are_of_the_screen_not_of_the_file() -> None:
    assert grid_of(1280, 720) == grid_of(320, 180) == (64, 36)
    assert grid_of(720, 1280) == (27, 48) and grid_of(32, 32) == (48, 48)
    assert FIELD[1] == CELL * 16


@pytest.mark.parametrize("scene", [*SCENES, "silk"])
def test_no_scene_of_ours_flashes(tmp_path: Path, scene: str) -> None:
    request = Request("1", scene if scene != "silk" else "qqq", 5, 320, 180, 2.0, 24, str(tmp_path / "clip.mp4"))
    Procedural().render(request, lambda stage, share: None, lambda: False)
    assert flashes({"path": request.output}, lambda share: None) == {"general": None, "red": None, "frames": 48}


def test_it_runs_in_a_child_and_refuses_what_is_no_video(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    path = encoded(tmp_path / "clip.mp4", strobe(4, BLACK, WHITE), 24)
    assert run_media_sync("flashes", {"path": str(path)}, timeout=60)["general"]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > before
    (tmp_path / "text.mp4").write_bytes(b"not a video")
    with pytest.raises(Invalid):
        run_media_sync("flashes", {"path": str(tmp_path / "text.mp4")}, timeout=60)


def test_a_standing_child_answers_again_after_whatever_happened_to_it(tmp_path: Path) -> None:
    fast = {"path": str(encoded(tmp_path / "fast.mp4", strobe(4, BLACK, WHITE), 24))}

    async def go() -> None:
        child = Standing("flashes")

        async def ask() -> int:
            return int((await child.run(fast, timeout=60))["frames"])

        assert await asyncio.gather(ask(), ask()) == [48, 48]
        first = child.pid
        with pytest.raises(FedisoraError):
            await child.run({"path": str(tmp_path / "none.mp4")}, timeout=60)
        (tmp_path / "text.mp4").write_bytes(b"not a video")
        with pytest.raises(Invalid):
            await child.run({"path": str(tmp_path / "text.mp4")}, timeout=60)
        assert await ask() == 48 and child.pid == first and first is not None
        os.kill(first, signal.SIGKILL)
        assert await ask() == 48 and child.pid != first
        os.kill(child.pid or 0, signal.SIGSTOP)
        with pytest.raises(FedisoraError, match="too long"):
            await child.run(fast, timeout=0.2)
        assert await ask() == 48
        os.kill(child.pid or 0, signal.SIGSTOP)
        asked = asyncio.create_task(ask())
        await asyncio.sleep(0.05)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await ask() == 48
        last = child.pid or 0
        child.close()
        assert not psutil.pid_exists(last) and child.pid is None

    asyncio.run(go())
