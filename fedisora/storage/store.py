"""One API for a folder and for S3-compatible stores (obstore). Keys are relative paths such as `ab/123-x.mp4`.

All methods block: call them in a thread. A file is written beside its place and renamed, so nobody sees half of it.
"""
from __future__ import annotations

import datetime as dt
import os
import re
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, Malformed, NotFound

KEY = re.compile(r"(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+(?:\.[A-Za-z0-9]+)?\Z")


def new_key(row_id: int, suffix: str) -> str:
    """A fresh, unguessable key: files of drafts are served by it before they are published."""
    return f"{row_id % 256:02x}/{row_id}-{secrets.token_hex(8)}{suffix}"


def check_key(key: str) -> str:
    """Raises Malformed for anything that is not one of our keys (no dots-dots, no absolute paths)."""
    if len(key) > 200 or not KEY.match(key):
        raise Malformed("This is not the name of a file here.")
    return key


@dataclass(frozen=True)
class Stored:
    """A stored file: its key, its bytes, and when it was written."""

    key: str
    size: int
    modified: dt.datetime


class Store(ABC):
    """Where media files live."""

    @abstractmethod
    def put_file(self, key: str, path: Path, *, move: bool = False) -> None:
        """Store a file; `move` may take the source away."""

    @abstractmethod
    def path_for(self, key: str) -> Path | None:
        """The file's path, when it lies on this machine; else None."""

    @abstractmethod
    def get_to(self, key: str, path: Path) -> None:
        """Copy a stored file to `path`.

        Raises:
            NotFound
        """

    @abstractmethod
    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes [start, end) of a stored file.

        Raises:
            NotFound
        """

    @abstractmethod
    def size(self, key: str) -> int:
        """Length in bytes.

        Raises:
            NotFound
        """

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Remove files; missing ones are no error."""

    @abstractmethod
    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        """Every stored file whose key begins with `prefix` and is greater than `after`, in the order of keys."""

    def sweep_partial(self, before: dt.datetime) -> int:
        """Remove what a killed process left half written before a moment; how many files that were."""
        return 0

    def put_bytes(self, key: str, data: bytes, scratch: Path) -> None:
        """Store bytes, through a file in `scratch`."""
        temporary = scratch / secrets.token_hex(8)
        temporary.write_bytes(data)
        self.put_file(key, temporary, move=True)


class LocalStore(Store):
    """A folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_file(self, key: str, path: Path, *, move: bool = False) -> None:
        target = self.root / check_key(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            if move and path.stat().st_dev == target.parent.stat().st_dev:
                os.replace(path, beside)
            else:
                shutil.copyfile(path, beside)
                if move:
                    path.unlink()
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)

    def path_for(self, key: str) -> Path | None:
        path = self.root / check_key(key)
        return path if path.is_file() else None

    def _found(self, key: str) -> Path:
        path = self.path_for(key)
        if path is None:
            raise NotFound("This file is not here.")
        return path

    def get_to(self, key: str, path: Path) -> None:
        shutil.copyfile(self._found(key), path)

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        with self._found(key).open("rb") as file:
            file.seek(start)
            return file.read(None if end is None else end - start)

    def size(self, key: str) -> int:
        return self._found(key).stat().st_size

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            (self.root / check_key(key)).unlink(missing_ok=True)


    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        yield from self._walk(self.root, "", prefix, after)

    def _walk(self, folder: Path, base: str, prefix: str, after: str) -> Iterator[Stored]:
        try:
            # a folder stands where its files' keys do: "ab/1" comes after "ab-1"
            found = sorted((f"{base}{entry.name}{'/' if entry.is_dir() else ''}", entry) for entry in os.scandir(folder))
        except FileNotFoundError:
            return
        for key, entry in found:
            if entry.name.startswith("."):
                continue
            if key.endswith("/"):
                if (key.startswith(prefix) or prefix.startswith(key)) and (key > after or after.startswith(key)):
                    yield from self._walk(folder / entry.name, key, prefix, after)
            elif key.startswith(prefix) and key > after:
                try:
                    facts = entry.stat()
                except FileNotFoundError:
                    continue  # removed meanwhile
                yield Stored(key, facts.st_size, dt.datetime.fromtimestamp(facts.st_mtime, dt.UTC))

    def sweep_partial(self, before: dt.datetime) -> int:
        gone = 0
        for path in self.root.rglob(".*"):
            try:
                if path.is_file() and path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    gone += 1
            except FileNotFoundError:
                continue  # another process sweeps too
        return gone


class ObjectStore(Store):
    """S3, Google Cloud Storage or Azure, through obstore; credentials come from the usual environment variables."""

    def __init__(self, url: str) -> None:
        from obstore.store import from_url  # 30 MiB that local installations never load

        self._store: Any = from_url(url)

    def put_file(self, key: str, path: Path, *, move: bool = False) -> None:
        import obstore

        obstore.put(self._store, check_key(key), path)
        if move:
            path.unlink()

    def path_for(self, key: str) -> Path | None:
        return None

    def get_to(self, key: str, path: Path) -> None:
        import obstore

        try:
            with path.open("wb") as file:
                for chunk in obstore.get(self._store, check_key(key)):
                    file.write(chunk)
        except FileNotFoundError as error:
            raise NotFound("This file is not here.") from error

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        import obstore

        try:
            if end is None:
                end = self.size(key)
            return bytes(obstore.get_range(self._store, check_key(key), start=start, end=end))
        except FileNotFoundError as error:
            raise NotFound("This file is not here.") from error

    def size(self, key: str) -> int:
        import obstore

        try:
            return int(obstore.head(self._store, check_key(key))["size"])
        except FileNotFoundError as error:
            raise NotFound("This file is not here.") from error

    def delete(self, keys: Iterable[str]) -> None:
        import obstore

        for key in keys:
            try:
                obstore.delete(self._store, check_key(key))
            except FileNotFoundError:
                continue


    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        import obstore

        # obstore matches whole parts of a path: the rest of the prefix is compared here
        whole = prefix.rpartition("/")[0] or None
        found = obstore.list(self._store, prefix=whole, offset=after or None)
        for item in (item for chunk in found for item in chunk):
            key = str(item["path"])
            if key.startswith(prefix) and key > after:
                yield Stored(key, int(item["size"]), item["last_modified"])


def open_store(url: str, setting: str = "FEDISORA_STORAGE_URL") -> Store:
    """The store of a storage URL: a folder (made when missing), or s3://, gs://, az://.

    Args:
        setting: which setting the URL comes from, for the error.

    Raises:
        ConfigurationError: the folder is not writable or the URL is not understood.
    """
    if "://" in url and not url.startswith("file://"):
        try:
            return ObjectStore(url)
        except Exception as error:
            raise ConfigurationError(f"{setting} cannot be used: {error}. Use a folder, s3://bucket/prefix, "
                                     "gs://… or az://….", cause=error) from error
    root = Path(url.removeprefix("file://"))
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f".probe-{secrets.token_hex(4)}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(f"{root} cannot hold files: {error.strerror}. Make it writable or set {setting}.",
                                 cause=error) from error
    return LocalStore(root)
