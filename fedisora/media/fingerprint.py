"""The codes by which a video is recognised, in one pass: ISCC Video-Code, PDQ of frames, and what a watermark is read from.

Runs in children only. Sources: ISO 24138:2024 (ISCC), `frame_signature`, `pdq`, `watermark`.
"""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import av
import iscc_lib
import numpy as np

from ..errors import Invalid
from . import frame_signature, pdq, source, watermark
from .frame_signature import FPS
from .limits import MAX_DURATION, MAX_FRAMES
from .progress import Progress
from .sniff import sniff_file

GRID: Final = watermark.SIDE
LOOKED_AT: Final = 240
"""Frames whose code is looked for, at most: more than are kept, because a trimmed copy has its frames at other moments."""
CROPPED: Final = (0.05, 0.1)
"""Shares of the sides that may have been cut off around the middle. What is missing is replaced by the outermost lines."""
MARK_FRAMES: Final = 48
POINTS: Final = 40
"""Places looked at in a video that is longer than `MAX_DURATION`."""
GOOD: Final = 50
"""PDQ's quality from which a code counts."""
SAME: Final = 6
"""A frame this near the one before says nothing new."""
PARTS: Final = {"upper": (0, GRID * 3 // 4, 0, GRID), "lower": (GRID // 4, GRID, 0, GRID)}
"""What a bar, a caption or a logo at one edge leaves: (top, bottom, left, right) on the grid."""
_UNIFORM: Final = 20
"""Grey levels within which a border stays, all over and all the time."""
_SMALLEST: Final = 0.25
"""Share of a side that borders must leave."""


class _Pictures:
    """What is kept of the frames of a video."""

    def __init__(self) -> None:
        self.averages: list[Any] = []
        self.grids: list[Any] = []

    def add(self, frame: Any) -> None:
        luma = _luma(frame)
        if min(luma.shape) < frame_signature.GRID:
            raise Invalid("This picture is too small to be recognised again.", cause=luma.shape)
        small = av.VideoFrame.from_ndarray(luma, format="gray").reformat(GRID, GRID, interpolation="AREA")
        self.averages.append(frame_signature.averages(luma))
        self.grids.append(small.to_ndarray())

    def again(self) -> None:
        """The same picture once more."""
        self.averages.append(self.averages[-1])
        self.grids.append(self.grids[-1])


def _luma(frame: Any) -> Any:
    """(height, width) uint8, contiguous: the luma as it is coded, upright."""
    if frame.format.name not in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray"):
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:frame.height, :frame.width]
    return np.ascontiguousarray(np.rot90(luma, -(source.rotation(frame) // 90)))


def _all(container: Any, progress: Progress) -> _Pictures:
    """Five frames a second, as libavfilter's `fps=5` takes them: the last one whose rounded time has come."""
    pictures, stream = _Pictures(), source.pictures(container)
    stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
    total = source.duration(container) or MAX_DURATION
    last: Any = None
    first = ends = 0.0
    due = 0

    def emit(until: int) -> None:
        nonlocal due
        if last is not None and due < until:
            pictures.add(last)
            due += 1
            while due < until:
                pictures.again()
                due += 1

    for number, frame in enumerate(_decoded(container, stream)):
        if number > MAX_FRAMES:
            break
        when = float(frame.time) if frame.time is not None else ends
        if last is None:
            first = when
        at = int((when - first) * FPS + 0.5)
        emit(min(at, int(MAX_DURATION * FPS)))
        last, ends = frame, when + _lasts(frame, stream)
        if number % 48 == 0:
            progress((when - first) / total)
        if when - first > MAX_DURATION:
            break
    if last is not None:
        emit(max(1, min(int((ends - first) * FPS + 0.5), int(MAX_DURATION * FPS))))
    return pictures


def _lasts(frame: Any, stream: Any) -> float:
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    return float(1 / stream.average_rate) if stream.average_rate else 0.0


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames, past broken packets; what cannot be demuxed ends it."""
    try:
        for packet in container.demux(stream):
            with contextlib.suppress(av.error.InvalidDataError):  # one broken packet; the rest may do
                yield from packet.decode()
    except av.error.FFmpegError:
        return  # a file that ends early is recognised by what there is


def _points(container: Any, seconds: float) -> tuple[_Pictures, list[int]]:
    """Single frames all over a long video, and where they are in milliseconds."""
    pictures, stream, places = _Pictures(), source.pictures(container), []
    for point in range(POINTS):
        at = seconds * (point + 0.5) / POINTS
        try:
            container.seek(int(at * av.time_base), backward=True)
            frame = next(iter(container.decode(stream)), None)
        except av.error.FFmpegError:
            continue  # a damaged stretch
        if frame is None:
            continue
        place = int(float(frame.time or at) * 1000)
        if place not in places:
            pictures.add(frame)
            places.append(place)
    return pictures, places


def _open(path: str) -> Any:
    kind = sniff_file(path)
    if kind is None or kind.media != "video":
        raise Invalid(source.UNREADABLE, cause="not a video")
    return source.open_video(path, kind, longest=None)


def borders(grids: Any) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right) of the picture within borders of one colour, on the grid; None when there are none.

    Args:
        grids: (n, 256, 256) uint8.
    """
    highest, lowest = grids.max(axis=0).astype(int), grids.min(axis=0).astype(int)
    top, bottom = _inside(highest.max(axis=1) - lowest.min(axis=1))
    left, right = _inside(highest[top:bottom].max(axis=0) - lowest[top:bottom].min(axis=0))
    least = int(GRID * _SMALLEST)
    if bottom - top < least or right - left < least or (bottom - top, right - left) == (GRID, GRID):
        return None
    return top, bottom, left, right


def _inside(ranges: Any) -> tuple[int, int]:
    lively = np.flatnonzero(ranges > _UNIFORM)
    if not len(lively):
        return 0, len(ranges)
    first, last = int(lively[0]), int(lively[-1]) + 1
    # The line where border and picture meet is a mixture of both.
    return (first + 1 if first else 0), (last - 1 if last < len(ranges) else last)


def _iscc(averages: Any) -> tuple[str, bytes]:
    """The ISCC Video-Code of 256 bits, as text and as its 32 bytes."""
    found = [tuple(map(int, row)) for row in frame_signature.signatures(averages)]
    return iscc_lib.gen_video_code_v0(found, 256).iscc, bytes(iscc_lib.soft_hash_video_v0(found, 256))


def _cut(lines: int, first: int, last: int) -> Any:
    """(256, lines): the lines from `first` to `last` over the whole side; beyond the edges the outermost line goes on."""
    edges = np.linspace(first, last, GRID + 1)
    number = np.arange(lines)
    covered = np.clip(np.minimum(edges[1:, None], number + 1) - np.maximum(edges[:-1, None], number), 0, None)
    covered[:, 0] += np.clip(np.minimum(edges[1:], 0) - edges[:-1], 0, None)
    covered[:, -1] += np.clip(edges[1:] - np.maximum(edges[:-1], lines), 0, None)
    return (covered / np.diff(edges)[:, None]).astype(np.float32)


class _View:
    """One way to look at the pictures: as they are, within their borders, or as if what was cut off were there."""

    def __init__(self, grids: Any, averages: Any = None, box: tuple[int, int, int, int] | None = None) -> None:
        self._grids = grids
        self._cuts = (_cut(GRID, box[0], box[1]), _cut(GRID, box[2], box[3]).T) if box is not None else None
        self._averages = averages
        if averages is None:
            side = frame_signature.GRID
            self._averages = np.array([
                self._picture(index).reshape(side, GRID // side, side, GRID // side).mean(axis=(1, 3), dtype=np.float64)
                for index in range(len(grids))])

    def _picture(self, index: int) -> Any:
        grid = self._grids[index]
        return self._cuts[0] @ grid.astype(np.float32) @ self._cuts[1] if self._cuts is not None else grid

    def iscc(self, *, mirror: bool = False) -> tuple[str, bytes]:
        """The ISCC, as text and as bytes."""
        return _iscc(self._averages[:, :, ::-1] if mirror else self._averages)

    def frames(self, indices: Any) -> list[tuple[int, bytes, bytes]]:
        """(index, code, code in a mirror) of the frames that say something."""
        found = []
        for index in indices:
            values, quality = pdq.coefficients(self._picture(index))
            if quality >= GOOD:
                found.append((int(index), pdq.code(values), pdq.code(pdq.mirrored(values))))
        return found


def _parts(grids: Any, every: int) -> list[dict[str, str]]:
    """The ISCC of parts of the picture in which there is something to see in most frames."""
    found = []
    for box in PARTS.values():
        view, looked = _View(grids, box=box), range(0, len(grids), every)
        if 2 * len(view.frames(looked)) > len(looked):
            found.append({"plain": view.iscc()[1].hex(), "mirror": view.iscc(mirror=True)[1].hex()})
    return found


def _kept(frames: list[tuple[int, bytes, bytes]], places: list[int]) -> list[list[Any]]:
    """[[milliseconds, hex]] without those that look like the one before."""
    kept: list[list[Any]] = []
    before = 0
    for index, code, _ in frames:
        number = int.from_bytes(code, "big")
        if not kept or (number ^ before).bit_count() > SAME:
            before = number
            kept.append([places[index], code.hex()])
    return kept


def fingerprint(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The codes of a video: those to keep, and those to look for (it may be mirrored, framed or cropped).

    Args:
        request: {"path": file, "watermark": also prepare the reading of a mark}.

    Returns:
        {"iscc": "ISCC:…" or None for a video longer than `MAX_DURATION`;
        "keep": {"iscc": [hex of the whole, of what is within borders], "part": [hex], "pdq": [[milliseconds, hex]]};
        "look": [{"view", "mirror": bool, "iscc": hex or None, "pdq": [[number, hex]], "every": how far apart the numbers are}];
        "parts": [{"plain", "mirror": ISCC of the upper or lower three quarters}];
        "box": [left, top, right, bottom] of the picture within borders in shares, or None;
        "residue": see `watermark.Reader`; "frames": how many were read}

    Raises:
        Invalid: not a video that can be read, or smaller than 32 pixels.
    """
    container = _open(str(request["path"]))
    with contextlib.closing(container):
        seconds = source.duration(container)
        long = seconds is not None and seconds > MAX_DURATION + 0.5
        if long:
            pictures, places = _points(container, float(seconds or 0))
        else:
            pictures = _all(container, progress)
            places = [number * 1000 // FPS for number in range(len(pictures.grids))]
    if not pictures.grids:
        raise Invalid(source.UNREADABLE, cause="no frame")
    grids, count = np.array(pictures.grids), len(pictures.grids)
    box = borders(grids)
    views = {"whole": _View(grids, np.array(pictures.averages))}
    if box is not None:
        views["inner"] = _View(grids, box=box)
    for share in CROPPED:
        more = round(GRID * share / (1 - share) / 2)
        views[f"cropped {share:.0%}"] = _View(grids, box=(-more, GRID + more, -more, GRID + more))
    kept = range(0, count, 1 if long else pdq.stride(count))
    every = 1 if long else pdq.stride(count, LOOKED_AT, 1)
    keep: dict[str, list[Any]] = {"iscc": [], "pdq": []}
    look = []
    for name, view in views.items():
        frames = view.frames(range(0, count, every))
        for mirror in (False, True):
            look.append({
                "view": name, "mirror": mirror, "iscc": None if long else view.iscc(mirror=mirror)[1].hex(),
                "pdq": [[index, (turned if mirror else code).hex()] for index, code, turned in frames], "every": every})
        if name in ("whole", "inner"):
            keep["pdq"] += _kept(view.frames(kept), places)
            keep["iscc"] += [] if long else [view.iscc()[1].hex()]
    parts = [] if long else _parts(grids, pdq.stride(count))
    keep["part"] = [part["plain"] for part in parts]
    reader = watermark.Reader()
    if request.get("watermark"):
        for index in np.unique(np.linspace(0, count - 1, MARK_FRAMES).astype(int)):
            reader.add(grids[index])
    return {"iscc": None if long else views["whole"].iscc()[0], "keep": keep, "look": look, "parts": parts,
            "box": [box[2] / GRID, box[0] / GRID, box[3] / GRID, box[1] / GRID] if box else None,
            "residue": reader.residue(), "frames": count}
