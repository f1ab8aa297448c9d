"""What is coded as we would code it keeps its pictures, bit for bit, and loses everything else; on any doubt it is encoded."""
from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fedisora.media.transcode import transcode
from tests.support.odd_videos import quarters, tone, video

SECRETS = {"title": "MyKitchen", "location": "+52.5200+013.4050/", "com.apple.quicktime.model": "SecretPhone",
           "comment": "filmed by Ada"}


def encode(source: Path, **more: Any) -> tuple[dict[str, Any], Path]:
    target = source.with_name(f"{source.stem}-made.mp4")
    return transcode({"path": str(source), "output": str(target), "repackage": True, **more}, lambda share: None), target


def pictures(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]


def moving(number: int) -> Any:
    return np.roll(quarters(), number * 3, axis=1)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_a_conforming_video_keeps_its_pictures_and_loses_its_metadata(tmp_path: Path, suffix: str) -> None:
    source = video(tmp_path / f"in.{suffix}", frames=30, fps=25, picture=moving, metadata=SECRETS, sounds=[tone(1.2)],
                   options={"bf": "0" if suffix == "mkv" else "2"}, tagged={"title": "MyKitchen", "handler_name": "SecretPhone"})
    found, path = encode(source)
    assert found["repackaged"] and found["audio"] and found["loudness"] == pytest.approx(-20, abs=1.5)
    assert (found["width"], found["height"], found["frames"]) == (64, 48, 30)
    assert found["duration"] == pytest.approx(1.2, abs=0.05)
    assert pictures(path) == pictures(source)
    data, before = path.read_bytes(), source.read_bytes()
    assert b"MyKitchen" in before and b"x264" in before
    for secret in (b"MyKitchen", b"52.52", b"SecretPhone", b"Ada", b"x264"):  # x264's settings stand in an SEI
        assert secret not in data, secret
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    with av.open(str(path)) as container:
        starts = [float(stream.start_time * stream.time_base) for stream in container.streams]
    assert abs(starts[0] - starts[1]) < 0.05


@pytest.mark.parametrize("why", [
    {"pix_fmt": "yuv422p"}, {"pix_fmt": "yuvj420p"}, {"codec": "mpeg4"}, {"aspect": Fraction(4, 3)}, {"degrees": 90},
    {"options": {"x264-params": "tff=1:interlaced=1:log-level=none"}}, {"size": (1922, 16)},
    {"times": [0, 0.1, 5.0, 5.1]}, {"sounds": [tone(1.0)], "sound_codec": "pcm_s16le"},
    {"sounds": [tone(1.0, 96_000)], "sound_rate": 96_000}, {"sounds": [tone(1.0)], "sound_starts": 0.5}])
def test_on_any_doubt_it_is_encoded(tmp_path: Path, why: dict[str, Any]) -> None:
    size = why.get("size", (64, 48))
    source = video(tmp_path / "in.mkv" if "sound_codec" in why else tmp_path / "in.mp4", **{
        "frames": 12, "picture": lambda number: quarters(*size), **why})
    assert not encode(source)[0]["repackaged"]


def test_what_is_to_be_changed_is_encoded(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", frames=12, sounds=[tone(1.0)])
    assert encode(source)[0]["repackaged"]
    assert not encode(source, mark={"text": "AI-generated", "seconds": 2.0})[0]["repackaged"]
    assert not encode(source, loudness_target=-16.0)[0]["repackaged"]
    assert not encode(source, repackage=False)[0]["repackaged"]


def test_a_damaged_one_is_never_kept(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", frames=60, picture=moving, container={"movflags": "+faststart"})
    data = bytearray(source.read_bytes())
    middle = data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2
    data[middle:middle + 400] = bytes(byte ^ 0x5A for byte in data[middle:middle + 400])
    source.write_bytes(data)
    assert not encode(source)[0]["repackaged"]
