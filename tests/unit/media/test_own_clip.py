"""A clip of oneself: what is none is refused; of what is one neither sound nor metadata stays, and its still is sharp."""
from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fedisora.errors import Invalid
from fedisora.media import own_clip, picture_codes
from fedisora.media.memory import in_memory
from fedisora.media.process import run_media
from tests.support.clips import clip, luma
from tests.support.photos import photo

PLACE = "52.5200 N 13.4050 E"


def enrol(path: Path, folder: Path, longest: float = 10.0) -> dict[str, Any]:
    return own_clip.enrol({"path": str(path), "output": str(folder / "out.mp4"), "still": str(folder / "still.jpg"),
                           "longest": longest}, lambda share: None)


def bits(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_what_is_no_short_clip_is_refused(tmp_path: Path) -> None:
    picture, text = tmp_path / "a.jpg", tmp_path / "a.mp4"
    picture.write_bytes(photo())
    text.write_bytes(b"\0\0\0\x18ftypisom and nothing more")
    for path, why in ((picture, "MP4 or WebM"), (text, "read|picture"),
                      (clip(tmp_path / "b.mp4", width=320, height=200), "too small"),
                      (clip(tmp_path / "c.mp4", width=320, height=320, seconds=0.5), "too short"),
                      (clip(tmp_path / "d.mp4", width=64, height=64, seconds=12), "seconds")):
        with pytest.raises(Invalid, match=why):
            enrol(path, tmp_path)


def test_no_sound_and_no_metadata_stays_and_a_still_is_taken(tmp_path: Path) -> None:
    numbers = itertools.count()
    source = clip(tmp_path / "in.mp4", 3, width=400, height=300, seconds=3, said=PLACE,
                  change=lambda picture: picture if next(numbers) == 15 else np.full_like(picture, 128))
    assert PLACE.encode() in source.read_bytes()
    found = enrol(source, tmp_path)
    made = (tmp_path / "out.mp4").read_bytes()
    assert PLACE.encode() not in made
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    assert (found["seconds"], found["width"], found["height"]) == (pytest.approx(3, abs=0.2), 400, 300)
    with Image.open(tmp_path / "still.jpg") as still:
        assert still.size == (400, 300) and not still.getexif()
        wanted, _ = picture_codes.codes_of(Image.fromarray(luma(3, 15, 400, 300)), cuts=False)
        got, _ = picture_codes.codes_of(still, cuts=False)
    assert bits(wanted[0], got[0]) <= 31, "the one frame that is sharp"
    assert min(bits(got[0], code) for code in found["still"]["codes"]) <= 8 and len(found["still"]["codes"]) > 20


def test_a_child_reads_and_writes_memory_alone(tmp_path: Path) -> None:
    data = clip(tmp_path / "in.mp4", 5, width=300, height=300).read_bytes()
    with in_memory(data) as source, in_memory(b"") as film, in_memory(b"") as still:
        found = asyncio.run(run_media("own_clip", {"path": str(source), "output": str(film), "still": str(still),
                                                   "longest": 10.0}, timeout=60))
        assert film.read_bytes()[4:8] == b"ftyp" and still.read_bytes()[:2] == b"\xff\xd8"
    assert found["codes"] and found["still"]["codes"]
