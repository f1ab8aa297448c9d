"""The visible mark: in the first two seconds, readable, and nowhere else."""
from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from fedisora.media.transcode import transcode
from tests.support.pictures import clip


def lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray()[:frame.height].astype(np.int16) for frame in file.decode(video=0)]


@pytest.mark.parametrize(("width", "height"), [(320, 180), (90, 160)])
def test_a_mark_is_burnt_into_the_first_two_seconds_only(tmp_path: Path, width: int, height: int) -> None:
    source = clip(tmp_path / "in.mp4", width=width, height=height, frames=30, fps=10)
    mark = {"text": "AI-generated", "seconds": 2.0}
    transcode({"path": str(source), "output": str(tmp_path / "plain.mp4")}, lambda share: None)
    transcode({"path": str(source), "output": str(tmp_path / "marked.mp4"), "mark": mark}, lambda share: None)
    plain, marked = lumas(tmp_path / "plain.mp4"), lumas(tmp_path / "marked.mp4")
    assert len(plain) == len(marked) == 30
    corner = np.s_[6:18, 6:60]
    for number in (0, 10, 19):
        difference = np.abs(plain[number][corner] - marked[number][corner])
        assert difference.mean() > 20
        assert marked[number][corner].max() > 180 and marked[number][corner].min() < 90  # light letters on a dark plate
        assert np.abs(plain[number][height // 2:] - marked[number][height // 2:]).mean() < 3
    for number in (21, 29):
        assert np.abs(plain[number] - marked[number]).mean() < 3
