"""The procedural start from a picture: a slow move over it, the same each time, and labelled as composed."""
from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from fedisora.errors import Invalid
from fedisora.generation.backends.base import Request
from fedisora.generation.backends.procedural import Procedural
from fedisora.provenance.digital_source import COMPOSITE
from tests.support.cameos import portrait


def render(folder: Path, picture: Path, name: str, seed: int = 1) -> tuple[Path, str]:
    output = folder / name
    made = Procedural().render(Request("1", "fog", seed, 96, 128, 0.5, 12, str(output), task="image", image=str(picture)),
                               lambda *_: None, lambda: False)
    return output, str(made["digital_source_type"])


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_it_moves_over_the_picture_and_is_the_same_each_time(tmp_path: Path) -> None:
    picture = tmp_path / "a.webp"
    picture.write_bytes(portrait())
    one, source = render(tmp_path, picture, "one.mp4")
    two, _ = render(tmp_path, picture, "two.mp4")
    other, _ = render(tmp_path, picture, "other.mp4", seed=2)
    assert source == COMPOSITE
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()
    first, *_, last = frames(one)
    assert first.shape == (128, 96, 3)
    assert np.abs(first.astype(int) - last.astype(int)).mean() > 1
    # what is seen is the picture: red grows to the right, green downwards
    assert last[:, 80:, 0].mean() > last[:, :16, 0].mean() + 40
    assert last[110:, :, 1].mean() > last[:18, :, 1].mean() + 40


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(40), portrait()[:60], b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_is_refused(tmp_path: Path, data: bytes) -> None:
    picture = tmp_path / "bad.webp"
    picture.write_bytes(data)
    with pytest.raises(Invalid):
        render(tmp_path, picture, "out.mp4")
