"""Digest and size of a file's bytes, in chunks."""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

CHUNK: Final = 1 << 20


def file_digest(path: str | Path) -> tuple[bytes, int]:
    """(SHA-256, size in bytes) of a file, read in 1 MiB chunks."""
    digest, size = hashlib.sha256(), 0
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.digest(), size
