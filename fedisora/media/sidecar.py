"""Whether a linked manifest (`manifest`, `application/c2pa`) is the one inside the file. Runs in children only.

A manifest store is one run of bytes in a file; only JPEG cuts it into APP11 segments (C2PA 2.x §A.3, ISO/IEC 19566-5).
"""
from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final

MAX_SIDECAR: Final = 16 << 20
_APP11: Final = 0xEB
_HEAD: Final = 8
"""`JP`, box instance and sequence number, before each segment's part of the box."""


def _from_jpeg(data: bytes) -> bytes:
    """The JUMBF boxes of a JPEG, put together again; later segments of a box repeat its length and type."""
    at, found = 2, []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        size = struct.unpack_from(">H", data, at + 2)[0]
        if size < 2:
            break
        body = data[at + 4:at + 2 + size]
        if data[at + 1] == _APP11 and body[:2] == b"JP" and len(body) > _HEAD:
            first = struct.unpack_from(">I", body, 4)[0] == 1
            found.append(body[_HEAD:] if first else body[_HEAD + 8:])
        at += 2 + size
    return b"".join(found)


def same_manifest(path: Path, mime: str, sidecar: Path) -> bool:
    """Whether the bytes of `sidecar` are the manifest store inside the file."""
    if not 0 < sidecar.stat().st_size <= MAX_SIDECAR or not path.stat().st_size:
        return False
    store = sidecar.read_bytes()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if mime == "image/jpeg":
            return store in _from_jpeg(bytes(data))
        return data.find(store) >= 0
