"""Sealed files open with their own key and place only, and never lie where files are served."""
from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fedisora.errors import ConfigurationError, FedisoraError, NotFound
from fedisora.storage.private import CLIPS, LIKENESSES, PrivateStore, open_private
from fedisora.vault import Vault

SECRET = b"a lighthouse in fog" * 100


@pytest.fixture
def store(tmp_path: Path) -> PrivateStore:
    return open_private(str(tmp_path / "private"), Vault(bytes(32)), str(tmp_path / "media"))


def test_a_file_opens_with_its_key_and_nothing_else(store: PrivateStore, tmp_path: Path) -> None:
    one, other = store.put(CLIPS, 7, SECRET, tmp_path), store.put(CLIPS, 7, SECRET, tmp_path)
    assert store.get(one.key, one.secret) == SECRET and one.size == len(SECRET)
    path, foreign = tmp_path / "private" / one.key, tmp_path / "private" / other.key
    assert SECRET[:19] not in path.read_bytes() and path.read_bytes() != foreign.read_bytes()
    with pytest.raises(FedisoraError):
        store.get(one.key, other.secret)
    with pytest.raises(ConfigurationError):
        open_private(str(tmp_path / "private"), Vault(b"1" * 32)).get(one.key, one.secret)
    sealed = path.read_bytes()
    foreign.write_bytes(sealed)
    with pytest.raises(FedisoraError):
        store.get(other.key, one.secret)  # moved to another place
    for at in (0, 12, len(sealed) - 1):
        path.write_bytes(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1:])
        with pytest.raises(FedisoraError):
            store.get(one.key, one.secret)
    store.delete(one.key)
    store.delete(one.key)
    assert not store.exists(one.key) and store.exists(other.key)
    with pytest.raises(NotFound):
        store.get(one.key, one.secret)


def test_kinds_are_apart_and_what_a_killed_process_left_is_swept(store: PrivateStore, tmp_path: Path) -> None:
    clip, picture = store.put(CLIPS, 1, SECRET, tmp_path), store.put(LIKENESSES, 2, SECRET, tmp_path)
    assert store.keys(CLIPS) == [clip.key] and store.keys(LIKENESSES) == [picture.key], "and the tag is no clip"
    with pytest.raises(ValueError, match="not a kind"):
        store.put("avatars", 3, SECRET, tmp_path)
    (tmp_path / "private" / "clips" / ".half.sealed.0a").write_bytes(b"half")
    assert store.sweep_partial(dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)) == 0
    assert store.sweep_partial(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)) == 1
    assert store.keys(CLIPS) == [clip.key]
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("inside", ["media", "media/private", "media/../media/x"])
def test_a_private_storage_in_the_served_one_is_refused(tmp_path: Path, inside: str) -> None:
    with pytest.raises(ConfigurationError, match="FEDISORA_PRIVATE_STORAGE_URL"):
        open_private(str(tmp_path / inside), Vault(bytes(32)), str(tmp_path / "media"))
    for bucket in ("s3://bucket/files", "s3://bucket/files/", "s3://bucket/files/private"):
        with pytest.raises(ConfigurationError):
            open_private(bucket, Vault(bytes(32)), "s3://bucket/files")


def test_an_unwritable_private_storage_is_called_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="FEDISORA_PRIVATE_STORAGE_URL"):
        open_private(str(tmp_path / "file" / "private"), Vault(bytes(32)), str(tmp_path / "media"))
