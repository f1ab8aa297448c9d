"""HLS by byte range: where the fragments of a signed file lie, and the playlists that name them. No parser of strangers' files.

The offsets are those of the bytes that are served: the manifest that signing puts in front has moved everything.
Sources: ISO/IEC 14496-12 (boxes), RFC 8216 and its second edition (playlists).
"""
from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ..errors import FedisoraError

FILE: Final = "{file}"
"""Stands for the address of the file in a stored playlist."""
MASTER_TYPE: Final = "application/vnd.apple.mpegurl"
SEGMENT: Final = 2.0
"""Seconds of a segment, at least; our encoder puts whole pictures at this distance."""
_CONTAINERS: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mvex")
_MAX_INDEX: Final = 16 << 20
_RANGE: Final = re.compile(r"#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:(\d+)@")


@dataclass(frozen=True)
class Segment:
    """Bytes [start, start + length) that begin with a whole picture, and how many seconds they last."""

    start: int
    length: int
    seconds: float


@dataclass(frozen=True)
class Layout:
    """What a fragmented file consists of.

    Attributes:
        head: length of what comes before the fragments and is needed to read them.
        segments: in order.
        codecs: RFC 6381.
    """

    head: int
    segments: tuple[Segment, ...]
    codecs: str


def _boxes(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(type, offset, offset of its content, end) of the boxes between two offsets."""
    at = start
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        size, kind, content = int.from_bytes(head[:4], "big"), head[4:8], at + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16], "big"), at + 16
        elif size == 0:
            size = end - at
        if size < content - at or at + size > end:
            raise FedisoraError(cause=f"a box of {size} bytes at {at} does not fit")
        yield kind, at, content, at + size
        at += size


def _inside(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """(type, content) of all boxes without boxes inside, depth first."""
    for kind, _, content, stop in _boxes(file, start, end):
        if kind in _CONTAINERS:
            yield kind, b""
            yield from _inside(file, content, stop)
        elif stop - content <= _MAX_INDEX:
            file.seek(content)
            yield kind, file.read(stop - content)


def _wide(content: bytes, at: int) -> int:
    """A number of 32 bits, or of 64 where the version says so."""
    return int(struct.unpack_from(">Q" if content[0] == 1 else ">I", content, at)[0])


def codecs(path: Path) -> str:
    """RFC 6381 of one of our files: `avc1.PPCCLL`, with `mp4a.40.2` when it has sound.

    Raises:
        FedisoraError: not one of our files.
    """
    with path.open("rb") as file:
        for kind, _, content, end in _boxes(file, 0, path.stat().st_size):
            if kind == b"moov" and end - content <= _MAX_INDEX:
                file.seek(content)
                return _codecs(file.read(end - content))
    raise FedisoraError(cause="no index")


def _codecs(moov: bytes) -> str:
    at = moov.find(b"avcC")
    if at < 0:
        raise FedisoraError(cause="no H.264 in this file")
    return f"avc1.{moov[at + 5:at + 8].hex()}" + (",mp4a.40.2" if b"mp4a" in moov else "")


def layout(path: Path, seconds: float) -> Layout:
    """Where the fragments of a file lie.

    Args:
        path: a fragmented file of ours, as it is served.
        seconds: its length, for the end of the last segment.

    Raises:
        FedisoraError: not such a file.
    """
    clock, track, found = 1, 0, list[tuple[int, float]]()
    head, name, end = 0, "", path.stat().st_size
    with path.open("rb") as file:
        for kind, start, content, stop in _boxes(file, 0, end):
            if kind == b"moov":
                head = stop
                track, clock = _picture_track(file, content, stop)
                file.seek(content)
                name = _codecs(file.read(stop - content))
            elif kind == b"moof":
                found.append((start, _begins(file, content, stop, track) / clock))
    if not head or not found:
        raise FedisoraError(cause="no fragments in this file")
    return Layout(head, tuple(_segments(found, end, seconds)), name)


def _picture_track(file: IO[bytes], start: int, end: int) -> tuple[int, int]:
    """(number, ticks a second) of the video track."""
    number = clock = 0
    for kind, content in _inside(file, start, end):
        if kind == b"tkhd":
            number = int(struct.unpack_from(">I", content, 20 if content[0] == 1 else 12)[0])
        elif kind == b"mdhd":
            clock = int(struct.unpack_from(">I", content, 20 if content[0] == 1 else 12)[0])
        elif kind == b"hdlr" and content[8:12] == b"vide":
            return number, max(1, clock)
    raise FedisoraError(cause="no video track")


def _begins(file: IO[bytes], start: int, end: int, track: int) -> int:
    """When a fragment's pictures begin, in ticks."""
    number = 0
    for kind, content in _inside(file, start, end):
        if kind == b"tfhd":
            number = int(struct.unpack_from(">I", content, 4)[0])
        elif kind == b"tfdt" and number == track:
            return _wide(content, 4)
    raise FedisoraError(cause="a fragment without pictures")


def _segments(found: Sequence[tuple[int, float]], end: int, seconds: float) -> Iterator[Segment]:
    """Fragments put together until they last long enough: whole pictures also stand where the scene changes."""
    first = found[0][1]
    at, begins = found[0]
    for start, when in [*found[1:], (end, max(first + seconds, found[-1][1] + 0.01))]:
        if when - begins >= SEGMENT - 0.05 or start == end:
            yield Segment(at, start - at, when - begins)
            at, begins = start, when


def playlist(found: Layout) -> str:
    """The media playlist, with `FILE` where the file's address belongs."""
    longest = max(segment.seconds for segment in found.segments)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{max(1, math.ceil(longest - 0.5))}",
             "#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS",
             f'#EXT-X-MAP:URI="{FILE}",BYTERANGE="{found.head}@0"']
    for segment in found.segments:
        lines += [f"#EXTINF:{segment.seconds:.5f},", f"#EXT-X-BYTERANGE:{segment.length}@{segment.start}", FILE]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


@dataclass(frozen=True)
class Variant:
    """One line of a master playlist: an address and what it plays."""

    uri: str
    width: int
    height: int
    bitrate: int
    codecs: str
    playlist: str


def master(variants: Sequence[Variant]) -> str:
    """The master playlist; the first variant is what players begin with."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for item in variants:
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={max(peak(item.playlist), item.bitrate)},AVERAGE-BANDWIDTH={item.bitrate},"
                  f'RESOLUTION={item.width}x{item.height},CODECS="{item.codecs}"', item.uri]
    return "\n".join([*lines, ""])


def peak(text: str) -> int:
    """Bits per second of the heaviest segment of a playlist."""
    return max((math.ceil(int(length) * 8 / max(float(seconds), 0.1)) for seconds, length in _RANGE.findall(text)), default=0)
