"""Fingerprints: equal to the reference implementations, alike for changed copies, apart for others."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import iscc_lib
import numpy as np
import pytest

from fedisora.errors import Invalid
from fedisora.media import fingerprint, frame_signature, pdq
from fedisora.media.fingerprint_index import CodeIndex
from fedisora.media.process import run_media_sync
from tests.support.clips import clip, luma

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "fingerprints" / "codes.json").read_text())


def codes(path: Path) -> dict[str, Any]:
    return fingerprint.fingerprint({"path": str(path)}, lambda share: None)


def apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def nearest(found: dict[str, Any], kept: dict[str, Any]) -> int:
    return min(apart(look["iscc"], code) for look in found["look"] for code in kept["keep"]["iscc"])


@pytest.mark.parametrize("vector", VECTORS["iscc"], ids=lambda vector: f"{vector['width']}x{vector['height']}")
def test_frame_signatures_and_the_iscc_are_those_of_the_reference(vector: dict[str, Any]) -> None:
    pictures = [luma(vector["seed"], number, vector["width"], vector["height"]) for number in range(vector["frames"])]
    found = frame_signature.signatures(np.array([frame_signature.averages(picture) for picture in pictures]))
    assert "".join(map(str, found[0])) == vector["first"]
    assert iscc_lib.gen_video_code_v0([tuple(map(int, row)) for row in found], 256).iscc == vector["iscc"]


@pytest.mark.parametrize("vector", VECTORS["pdq"], ids=lambda vector: f"{vector['width']}x{vector['height']}")
def test_pdq_is_that_of_the_reference(vector: dict[str, Any]) -> None:
    found, quality = pdq.coefficients(luma(vector["seed"], vector["number"], vector["width"], vector["height"]))
    assert (pdq.code(found).hex(), quality) == (vector["code"], vector["quality"])
    assert pdq.code(pdq.mirrored(found)).hex() == vector["mirror"]


def test_a_flat_picture_says_nothing() -> None:
    grey = np.full((64, 64), 90, np.uint8)
    assert pdq.coefficients(grey)[1] == 0
    signature = frame_signature.signatures(frame_signature.averages(grey)[None])[0]
    assert set(signature[32:]) == {1}, "no difference between equal averages, not even by rounding"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return codes(clip(tmp_path_factory.mktemp("clips") / "original.mp4"))


def test_the_child_answers_the_same(tmp_path: Path, original: dict[str, Any]) -> None:
    found = run_media_sync("fingerprint", {"path": str(clip(tmp_path / "a.mp4")), "watermark": True}, timeout=60)
    assert (found["iscc"], found["frames"], found["box"]) == (original["iscc"], 10, None)
    assert len(found["keep"]["iscc"]) == 1
    assert len(found["residue"]) > 100_000


@pytest.mark.parametrize(("name", "change"), [
    ("mirror", lambda picture: picture[:, ::-1]),
    ("borders", lambda picture: np.pad(picture, ((0, 0), (40, 40)), constant_values=16)),
    ("crop", lambda picture: picture[6:-6, 6:-6]),
    ("brighter", lambda picture: np.clip(picture * 1.1 + 9, 0, 255).astype(np.uint8))])
def test_a_changed_copy_is_near(tmp_path: Path, original: dict[str, Any], name: str, change: Any) -> None:
    found = codes(clip(tmp_path / "copy.mp4", crf=30, change=change))
    assert nearest(found, original) <= 32
    assert (found["box"] is not None) == (name == "borders")


def test_other_videos_are_far(tmp_path: Path, original: dict[str, Any]) -> None:
    other = codes(clip(tmp_path / "other.mp4", seed=9))
    assert nearest(other, original) > 64
    frames = [apart(code, kept) for look in other["look"] for _, code in look["pdq"] for _, kept in original["keep"]["pdq"]]
    assert min(frames) > 60


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(200))
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    for name in ("a.mp4", "b.png"):
        with pytest.raises(Invalid):
            codes(tmp_path / name)
    with pytest.raises(Invalid, match="too small"):
        codes(clip(tmp_path / "small.mp4", width=16, height=16, seconds=0.5))


def test_the_index_finds_what_is_near_and_nothing_else() -> None:
    chance = np.random.default_rng(1)
    rows = [chance.bytes(32) for _ in range(70_000)]
    index = CodeIndex()
    index.add(range(40_000), range(40_000), rows[:40_000])
    index.add(range(40_000, 70_000), range(40_000, 70_000), [*rows[40_000:], b"short"][:30_000])
    changed = bytearray(rows[55_555])
    changed[0] ^= 0b111
    changed[31] ^= 0b1
    hits = index.search([bytes(changed), rows[3]], 31)
    assert [(hit.query, hit.row_id, hit.media_id, hit.distance) for hit in hits] == [(1, 3, 3, 0), (0, 55_555, 55_555, 4)]
    assert index.search([], 31) == CodeIndex().search([rows[0]], 31) == []
