"""What a player sees of an MP4, as one digest that signing does not change.

A C2PA signature adds a `uuid` box and moves the media data; the index (`moov`) then differs in its chunk offsets alone. So the
digest is over the index with its offsets counted from the media data, and over the media data: the same digest means the same
packets, times, codec data, size, rotation and edit lists. Whatever else could change what is shown (a second index, fragments,
boxes nobody knows) is refused. Source: ISO/IEC 14496-12; C2PA 2.x, "BMFF-based assets".
"""
from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from ..errors import Invalid
from .progress import Progress

OTHER: Final = "This file is not laid out like the video that it is compared with."
C2PA: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""`usertype` of the box that carries a manifest."""
IDLE: Final = (b"free", b"skip")
CONTAINERS: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
MOST_INDEX: Final = 64 << 20
MOST_BOXES: Final = 64
CHUNK: Final = 1 << 20


def content(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The digest of what a player sees.

    Args:
        request: {"path": an MP4}.

    Returns:
        {"digest": SHA-256 in hex}

    Raises:
        Invalid: no plain MP4: fragmented, two indexes, boxes that could change what is shown.
    """
    path = Path(request["path"])
    with path.open("rb") as file:
        boxes = list(_boxes(file, path.stat().st_size))
        index, data, brand = (_one(boxes, kind) for kind in (b"moov", b"mdat", b"ftyp"))
        for kind, start, header, size in boxes:
            file.seek(start + header)
            if kind not in (b"moov", b"mdat", b"ftyp", *IDLE) and not (kind == b"uuid" and size >= 24 and file.read(16) == C2PA):
                raise Invalid(OTHER, cause=f"box {kind!r}")
        if index[3] > MOST_INDEX:
            raise Invalid(OTHER, cause="the index is too large")
        start = data[1] + data[2]
        seen = hashlib.sha256(b"fedisora content 1\0")
        for box in (brand, index):
            file.seek(box[1] + box[2])
            body = file.read(box[3] - box[2])
            if box is index:
                body = b"".join(_relative(body, start, data[1] + data[3], 0))
            seen.update(len(body).to_bytes(8, "big") + body)
        left = data[3] - data[2]
        seen.update(left.to_bytes(8, "big"))
        file.seek(start)
        while left:
            piece = file.read(min(CHUNK, left))
            if not piece:
                raise Invalid(OTHER, cause="the media data end early")
            seen.update(piece)
            left -= len(piece)
    return {"digest": seen.hexdigest()}


def _boxes(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(kind, start, length of its header, length) of the boxes of a file."""
    at = 0
    for _ in range(MOST_BOXES):
        if at == size:
            return
        file.seek(at)
        head = file.read(16)
        kind, length, header = head[4:8], int.from_bytes(head[:4], "big"), 8
        if length == 1 and len(head) == 16:
            length, header = int.from_bytes(head[8:16], "big"), 16
        elif length == 0:
            length = size - at
        if len(head) < 8 or length < header or at + length > size:
            raise Invalid(OTHER, cause=f"a broken box at {at}")
        yield kind, at, header, length
        at += length
    raise Invalid(OTHER, cause="too many boxes")


def _one(boxes: list[tuple[bytes, int, int, int]], kind: bytes) -> tuple[bytes, int, int, int]:
    found = [box for box in boxes if box[0] == kind]
    if len(found) != 1:
        raise Invalid(OTHER, cause=f"{len(found)} boxes {kind!r}")
    return found[0]


def _relative(body: bytes, start: int, end: int, depth: int) -> Iterator[bytes]:
    """The boxes of an index, its chunk offsets counted from the media data; each has to lie in them."""
    at = 0
    while at < len(body):
        length, kind = int.from_bytes(body[at:at + 4], "big"), body[at + 4:at + 8]
        if length < 8 or at + length > len(body) or depth > 8 or kind == b"mvex":
            raise Invalid(OTHER, cause=f"a broken index at {kind!r}")
        inner = body[at + 8:at + length]
        yield length.to_bytes(4, "big") + kind
        if kind in CONTAINERS:
            yield from _relative(inner, start, end, depth + 1)
        elif kind in (b"stco", b"co64"):
            wide = 4 if kind == b"stco" else 8
            count = int.from_bytes(inner[4:8], "big")
            if len(inner) != 8 + count * wide:
                raise Invalid(OTHER, cause="a broken list of chunks")
            yield inner[:8]
            for number in range(count):
                offset = int.from_bytes(inner[8 + number * wide:8 + (number + 1) * wide], "big")
                if not start <= offset <= end:
                    raise Invalid(OTHER, cause="a chunk outside the media data")
                yield (offset - start).to_bytes(8, "big")
        else:
            yield inner
        at += length
