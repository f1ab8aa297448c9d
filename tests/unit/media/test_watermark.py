"""The invisible mark: what it survives, what it costs the picture, who can read it, and that it is never seen where it is not."""
from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedisora.app import House
from fedisora.generation.backends.base import Request
from fedisora.generation.backends.procedural import Procedural
from fedisora.media import watermark
from fedisora.media.process import run_media_sync
from fedisora.vault import instance_key
from tests.support.clips import clip, luma
from tests.support.posts import media, person, post

KEY, OTHER = bytes(range(32)), bytes(32)
MARK = 0xC0FFEE01


def grid(picture: Any) -> Any:
    """(256, 256) by repeating pixels or taking means."""
    height, width = picture.shape
    rows, columns = np.arange(256) * height // 256, np.arange(256) * width // 256
    return picture[rows][:, columns]


def read(pictures: list[Any], key: bytes = KEY, box: list[float] | None = None) -> int | None:
    reader = watermark.Reader()
    for picture in pictures:
        reader.add(grid(picture))
    return watermark.read(reader.residue(), key, box)


def marked(seed: int = 1, count: int = 10, width: int = 320, height: int = 180) -> tuple[list[Any], list[Any]]:
    marker = watermark.Marker(KEY, MARK, width, height)
    plain = [luma(seed, number, width, height) for number in range(count)]
    copies = [picture.copy() for picture in plain]
    for picture in copies:
        marker(picture)
    return plain, copies


def test_the_mark_is_read_with_its_key_only_and_is_hardly_there() -> None:
    plain, pictures = marked()
    assert read(pictures) == MARK
    assert read(pictures, OTHER) is None
    assert read(plain) is None
    error = np.mean([((a.astype(float) - b) ** 2).mean() for a, b in zip(plain, pictures, strict=True)])
    assert 10 * np.log10(255 ** 2 / error) >= 38


@pytest.mark.parametrize(("name", "change"), [
    ("mirror", lambda picture: picture[:, ::-1]), ("crop", lambda picture: picture[9:-9, 16:-16]),
    ("half the size", lambda picture: picture[::2, ::2]),
    ("a bar over it", lambda picture: np.concatenate([picture[:150], np.zeros_like(picture[150:])])),
    ("brighter", lambda picture: np.clip(picture * 1.3 + 10, 0, 255).astype(np.uint8))])
def test_the_mark_survives(name: str, change: Any) -> None:
    assert read([change(picture) for picture in marked()[1]]) == MARK


def test_borders_are_looked_past() -> None:
    framed = [np.pad(picture, ((70, 70), (0, 0)), constant_values=16) for picture in marked()[1]]
    assert read(framed, box=[0, 70 / 320, 1, 250 / 320]) == MARK


def test_noise_and_nonsense_carry_no_mark() -> None:
    chance = np.random.default_rng(1)
    for _ in range(6):
        noise = base64.b64encode(chance.normal(0, 1, (256, 256)).astype("<f2").tobytes()).decode()
        assert watermark.read(noise, KEY, [0.1, 0, 0.9, 1]) is None
    hostile = base64.b64encode(np.full((256, 256), np.inf, "<f2").tobytes()).decode()
    assert watermark.read(hostile, KEY) is watermark.read("", KEY) is watermark.read("AAAA", KEY) is None


def test_generated_videos_carry_it_and_a_stripped_copy_leads_home(house: House, tmp_path: Path) -> None:
    key = instance_key(house.vault)
    request = Request(id="1", prompt="a thought", seed=7, width=192, height=256, seconds=1.0, fps=10,
                      output=str(tmp_path / "a.mp4"), watermark=MARK, watermark_key=key.hex())
    assert key.hex() not in repr(request)
    Procedural().render(request, lambda stage, share: None, lambda: False)
    found = run_media_sync("fingerprint", {"path": request.output, "watermark": True}, timeout=60)
    assert watermark.read(found["residue"], key, found["box"]) == MARK

    first, uri = post(house, person(house, "ada"), watermark=MARK)
    copy, _ = post(house, person(house, "bob"))
    matched = asyncio.run(house.recogniser.learn(copy, Path(request.output)))
    assert (matched.object, matched.watermark) == (uri, True)
    assert media(house, copy).matched == matched.to_json()
    assert first == matched.media_id
    assert asyncio.run(house.recogniser.look(clip(tmp_path / "other.mp4"))) is None
