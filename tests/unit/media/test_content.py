"""What a player sees of a file is one digest: the same after signing, another one for every trick with the index."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fedisora.errors import Invalid
from fedisora.media.content import C2PA, content
from tests.support.clips import clip
from tests.support.credentials import Authority

pytestmark = pytest.mark.xdist_group("content")  # its tests go through one scene


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("content") / "plain.mp4"
    clip(path, seconds=0.5)
    return path


def digest(path: Path) -> str:
    return str(content({"path": str(path)}, print)["digest"])


def box(kind: bytes, body: bytes = b"") -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def changed(plain: Path, tmp_path: Path, change: Callable[[bytes], bytes]) -> Path:
    path = tmp_path / "changed.mp4"
    path.write_bytes(change(plain.read_bytes()))
    return path


def test_signing_changes_nothing_that_is_seen(plain: Path, tmp_path: Path) -> None:
    signed = Authority().sign(plain, tmp_path / "signed.mp4", None)
    assert signed.read_bytes() != plain.read_bytes()
    assert digest(signed) == digest(plain)


@pytest.mark.parametrize("change", [
    lambda data: data.replace(b"mvhd", b"xvhd", 1),                                  # another index
    lambda data: data[:-1] + bytes([data[-1] ^ 1]),                                  # one bit of the pictures
    lambda data: data.replace(b"elst", b"free", 1) if b"elst" in data else data.replace(b"edts", b"free", 1),
    lambda data: data.replace(b"isom", b"qt  ", 1),
])
def test_every_change_of_index_or_data_is_another_digest(plain: Path, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = changed(plain, tmp_path, change)
    if path.read_bytes() == plain.read_bytes():
        pytest.skip("this file has no such box")
    assert digest(path) != digest(plain)


@pytest.mark.parametrize("change", [
    lambda data: data + box(b"moov"), lambda data: data + box(b"moof"), lambda data: data + box(b"mdat"),
    lambda data: data + box(b"uuid", b"x" * 16), lambda data: data + box(b"meta"), lambda data: data[:-10],
    lambda data: data + b"\0\0\0\4junk", lambda data: b"", lambda data: box(b"ftyp", b"isom"),
    lambda data: data + (b"\xff" * 4 + b"free"), lambda data: data.replace(b"stbl", b"mvex", 1)])
def test_what_could_change_what_is_shown_is_refused(plain: Path, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Invalid):
        digest(changed(plain, tmp_path, change))


def test_offsets_that_lead_elsewhere_are_refused_or_seen(plain: Path, tmp_path: Path) -> None:
    data = plain.read_bytes()
    at = data.index(b"stco") + 12
    other = data[:at] + (int.from_bytes(data[at:at + 4], "big") + 8).to_bytes(4, "big") + data[at + 4:]
    assert digest(changed(plain, tmp_path, lambda _: other)) != digest(plain)
    outside = data[:at] + (3).to_bytes(4, "big") + data[at + 4:]
    with pytest.raises(Invalid):
        digest(changed(plain, tmp_path, lambda _: outside))


def test_a_manifest_and_free_space_do_not_count(plain: Path, tmp_path: Path) -> None:
    path = changed(plain, tmp_path, lambda data: data + box(b"free", b"x" * 40) + box(b"uuid", C2PA + b"y" * 20))
    assert digest(path) == digest(plain)
