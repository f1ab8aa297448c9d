"""Loudness as EBU Tech 3341 wants it measured, and as the operator wants it."""
from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fedisora.media.sound import CEILING, Level, levelling, measure
from fedisora.media.transcode import transcode
from tests.support.odd_videos import tone, video


def measured(path: Path) -> Level:
    with contextlib.closing(av.open(str(path))) as container:
        return measure(container, container.streams.audio[0], 60)


def clip(path: Path, wave: Any) -> Path:
    return video(path, frames=12, sounds=[wave], sound_rate=48_000, sound_codec="pcm_f32le")


def sine(decibels: float, seconds: float = 2.0) -> Any:
    return tone(seconds, 48_000, amplitude=10 ** (decibels / 20), hertz=1000)


@pytest.mark.parametrize(("wave", "wanted"), [
    (sine(-23), -23.0), (sine(-33), -33.0),  # Tech 3341, cases 1 and 2
    (np.concatenate([sine(-36, 1), sine(-23, 6), sine(-36, 1)], axis=1), -23.0),  # case 3: the relative gate
    (np.concatenate([sine(-72, 1), sine(-36, 1), sine(-23, 6), sine(-36, 1), sine(-72, 1)], axis=1), -23.0)])  # case 4
def test_the_cases_of_ebu_tech_3341(tmp_path: Path, wave: Any, wanted: float) -> None:
    # shorter than theirs: the edges count for more
    assert measured(clip(tmp_path / "in.mkv", wave)).loudness == pytest.approx(wanted, abs=0.25)


def encode(source: Path, **more: Any) -> tuple[dict[str, Any], Path]:
    target = source.with_name("out.mp4")
    return transcode({"path": str(source), "output": str(target), **more}, lambda share: None), target


def test_uploads_keep_their_loudness_and_it_is_known(tmp_path: Path) -> None:
    found, path = encode(clip(tmp_path / "in.mkv", sine(-27)))
    assert (found["loudness"], found["levelled"]) == (pytest.approx(-27, abs=0.3), False)
    assert measured(path).loudness == pytest.approx(-27, abs=0.3)


@pytest.mark.parametrize("before", [-30.0, -5.0])
def test_a_target_is_met(tmp_path: Path, before: float) -> None:
    found, path = encode(clip(tmp_path / "in.mkv", sine(before)), loudness_target=-16.0)
    assert found["levelled"] and found["loudness"] == pytest.approx(-16, abs=0.3)
    assert measured(path).loudness == pytest.approx(-16, abs=0.5)


def test_no_peak_goes_over_the_ceiling(tmp_path: Path) -> None:
    quiet = sine(-35, 3.0)
    quiet[:, ::12_000] = 0.7  # clicks, which raising would clip
    found, path = encode(clip(tmp_path / "in.mkv", quiet), loudness_target=-16.0)
    assert found["levelled"]
    assert measured(path).peak < CEILING + 1.0  # AAC may overshoot a little


def test_what_is_nearly_silent_is_not_raised_to_noise() -> None:
    assert levelling(Level(-60.0, -50.0), -16.0) == ["volume=20.00dB"]
    assert levelling(Level(None), -16.0) == []
