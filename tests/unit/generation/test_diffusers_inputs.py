"""What a generation starts from: pictures and videos in any size and rate become what the model takes."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fedisora.generation.backends.base import Cancelled
from fedisora.generation.backends.diffusers.inputs import frames, start_of
from fedisora.media.source import rotation
from tests.support import odd_videos, tiny_renders


def bar(picture: Image.Image) -> float:
    """Where the bright bar of `tiny_renders.clip` is, 0 … 1 of the width."""
    columns = np.asarray(picture.convert("L"), np.float64).mean(0)
    return float((columns * np.arange(len(columns))).sum() / columns.sum() / len(columns))


def never() -> bool:
    return False


def test_a_video_is_read_at_the_rate_of_what_is_made(tmp_path: Path) -> None:
    path = tiny_renders.clip(tmp_path / "a.mp4", frames=24, fps=12, size=(96, 96))
    made = frames(path, tiny_renders.request(tmp_path / "o.mp4", frames=9, fps=8, width=96, height=96), never)
    assert len(made) == 9
    places = [bar(picture) for picture in made]
    assert places == sorted(places)
    # frame 8 at 8 fps is the source's second 1: in the middle of its two seconds
    assert places[-1] == pytest.approx(12 * 96 // 24 / 96 + 0.04, abs=0.03)


def test_a_short_video_holds_its_last_picture_and_is_cropped(tmp_path: Path) -> None:
    path = tiny_renders.clip(tmp_path / "a.mp4", frames=4, fps=8, size=(48, 96))
    made = frames(path, tiny_renders.request(tmp_path / "o.mp4", frames=9, fps=8, width=64, height=32), never)
    assert [picture.size for picture in made] == [(64, 32)] * 9
    assert all(picture.tobytes() == made[3].tobytes() for picture in made[4:])
    assert made[3].tobytes() != made[2].tobytes()


def test_reading_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    path = tiny_renders.clip(tmp_path / "a.mp4")
    with pytest.raises(Cancelled):
        frames(path, tiny_renders.request(tmp_path / "o.mp4"), lambda: True)


@pytest.mark.parametrize(("name", "mode"), [
    ("a.png", "RGBA"), ("a.png", "L"), ("a.webp", "RGB"), ("a.jpg", "CMYK"), ("a.gif", "P")])
def test_every_picture_becomes_rgb_in_the_size_of_the_video(tmp_path: Path, name: str, mode: str) -> None:
    Image.new("RGB", (90, 130), "orange").convert(mode).save(tmp_path / name)
    made: Any = start_of(tiny_renders.request(tmp_path / "o.mp4", task="image", image=str(tmp_path / name)), never)
    assert (made.mode, made.size) == ("RGB", (64, 64))


def test_a_picture_is_turned_upright_and_what_is_transparent_is_black(tmp_path: Path) -> None:
    picture = Image.new("RGB", (100, 100), "black")
    picture.paste("white", (0, 0, 100, 50))
    exif = Image.Exif()
    exif[274] = 3  # upside down
    picture.save(tmp_path / "turned.jpg", exif=exif)
    made: Any = start_of(tiny_renders.request(tmp_path / "o.mp4", task="image", image=str(tmp_path / "turned.jpg")), never)
    assert made.getpixel((32, 5))[0] < 10 < 245 < made.getpixel((32, 60))[0]
    Image.new("RGBA", (64, 64), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    made = start_of(tiny_renders.request(tmp_path / "o.mp4", task="image", image=str(tmp_path / "clear.png")), never)
    assert made.getpixel((5, 5)) == (0, 0, 0)


@pytest.mark.parametrize("degrees", [90, -90, 180, 0])
def test_a_video_is_turned_upright(tmp_path: Path, degrees: int) -> None:
    path = odd_videos.video(tmp_path / "a.mp4", frames=3, fps=8, degrees=degrees)
    with av.open(str(path)) as container:
        turn = rotation(next(container.decode(video=0)))
    made = frames(str(path), tiny_renders.request(tmp_path / "o.mp4", frames=3), never)
    expected = {0: (220, 20, 20), 90: (20, 20, 220), 180: (230, 230, 230), 270: (20, 220, 20)}[turn]
    assert np.abs(np.asarray(made[0])[8, 8].astype(int) - expected).max() < 40
