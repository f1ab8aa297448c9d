"""The chain of filters that makes of any decoded picture what we encode: upright, progressive, square pixels, opaque, SDR, 4:2:0.

A picture that is all that already passes through untouched. Numbers of colour are those of ITU-T H.273.
"""
from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
from av.sidedata.sidedata import SideDataContainer

from .limits import OUT_LONG, OUT_SHORT

UNSPECIFIED: Final = 2
BT709, BT470BG, SMPTE170M, BT2020 = 1, 5, 6, 9
_MATRICES: Final = {BT709: "bt709", BT470BG: "bt470bg", SMPTE170M: "smpte170m", BT2020: "bt2020nc"}
_STANDARD: Final = (BT709, BT470BG, SMPTE170M)
"""Matrices and primaries of SDR video that are kept as they are: converting them costs time and quality for nothing."""
_HDR: Final = {16: "smpte2084", 18: "arib-std-b67"}
"""PQ and HLG."""
_FULL: Final = 2
_TURNS: Final = {
    (False, False, False): (), (False, True, True): ("hflip", "vflip"), (False, True, False): ("hflip",),
    (False, False, True): ("vflip",), (True, True, False): ("transpose=clock",), (True, False, True): ("transpose=cclock",),
    (True, False, False): ("transpose=cclock_flip",), (True, True, True): ("transpose=clock_flip",)}
"""Filters by (rows and columns change places, first axis reversed, second axis reversed)."""

Turn = tuple[bool, bool, bool]
UPRIGHT: Final[Turn] = (False, False, False)


def fitted(width: int, height: int, short: int = OUT_SHORT) -> tuple[int, int]:
    """The size of the encoded picture: even, never enlarged, within 1920×1080 either way, its short side at most `short`."""
    scale = min(1.0, OUT_LONG / max(width, height), short / min(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def turn_of(frame: Any) -> Turn:
    """How a picture has to be turned or mirrored to stand as its author saw it; what is askew is brought to the nearest axis.

    Source: ISO/IEC 14496-12 §8.3.2 (the matrix of a track), which libav hands on with every frame.
    """
    # Not `frame.side_data`: that ties the frame into a circle, and hundreds of pictures wait for the collector of garbage.
    found = SideDataContainer(frame)  # type: ignore[call-arg]  # PyAV's stub does not name it
    matrix = next((bytes(data) for data in found if data.type.name == "DISPLAYMATRIX"), b"")
    if len(matrix) < 36:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


@dataclass(frozen=True)
class Look:
    """What of a decoded picture decides the chain: another one in the middle of a file gets another chain.

    Attributes:
        width, height: as coded.
        format: libav's pixel format.
        aspect: width of a pixel by its height.
        turn: see `turn_of`.
        interlaced: two fields.
        matrix, primaries, transfer, full: its colours; `full` is the range 0…255.
    """

    width: int
    height: int
    format: str
    aspect: Fraction
    turn: Turn
    interlaced: bool
    matrix: int
    primaries: int
    transfer: int
    full: bool

    @classmethod
    def of(cls, frame: Any, stream: Any) -> Look:
        """The look of a frame of a stream."""
        aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
        if not aspect or not Fraction(1, 8) <= aspect <= 8:
            aspect = Fraction(1)
        matrix = int(frame.colorspace)
        transfer = int(frame.color_trc)
        if matrix in (UNSPECIFIED, 3) or matrix < 0:  # what players take it for
            matrix = BT2020 if transfer in _HDR else BT709 if frame.width >= 1280 or frame.height > 576 else SMPTE170M
        return cls(frame.width, frame.height, frame.format.name, Fraction(aspect), turn_of(frame), bool(frame.interlaced_frame),
                   matrix, int(frame.color_primaries), transfer,
                   int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj"))

    @property
    def shown(self) -> tuple[int, int]:
        """(width, height) as it is seen, in square pixels."""
        width, height = max(2, round(self.width * self.aspect)), self.height
        return (height, width) if self.turn[0] else (width, height)

    @property
    def hdr(self) -> bool:
        """Brighter than SDR can show."""
        return self.transfer in _HDR

    @property
    def wide(self) -> bool:
        """Colours outside of BT.709."""
        return self.hdr or self.primaries not in (*_STANDARD, UNSPECIFIED, 0, 7)

    @property
    def plain(self) -> bool:
        """Coded as we encode it: only its size may have to change."""
        return self.format == "yuv420p" and not self.full and not self.wide and self.matrix in _STANDARD

    def colours(self) -> tuple[int, int, int]:
        """(matrix, primaries, transfer) of the encoded picture."""
        if not self.plain:
            return BT709, BT709, BT709
        return self.matrix, self.primaries if self.primaries in _STANDARD else BT709, BT709

    def chain(self, size: tuple[int, int]) -> list[str]:
        """Filters in libavfilter's notation, for a picture of this size; one of other proportions gets borders."""
        steps = []
        if self.interlaced:
            steps.append("bwdif=mode=send_frame:deint=interlaced")
        alpha = _has_alpha(self.format)
        if alpha:  # on black: what a transparent video is seen on where there is no page behind it
            steps += ["format=gbrap", "premultiply=inplace=1", "format=gbrp"]
        rgb = alpha or self.format.startswith(("gbr", "rgb", "bgr", "pal", "0rgb", "0bgr", "x2"))
        width, height = self._inside(size)
        if self.turn[0]:
            width, height = height, width
        if not self.plain or (width, height) != (self.width, self.height):
            matrix = self.colours()[0]
            wanted = [f"scale={width}:{height}", f"out_color_matrix={_MATRICES[matrix]}", "out_range=tv"]
            if not rgb:
                wanted += [f"in_color_matrix={_MATRICES.get(self.matrix, 'auto')}", f"in_range={'pc' if self.full else 'tv'}"]
            if self.wide:
                if self.hdr:
                    primaries_in = self.primaries if self.primaries != UNSPECIFIED else BT2020
                    steps.append(f"setparams=color_primaries={primaries_in}:color_trc={self.transfer}")
                wanted += ["out_primaries=bt709", "out_transfer=bt709", "intent=perceptual"]
            steps += [":".join(wanted), "format=yuv420p"]
        steps += _TURNS[self.turn]
        if self._inside(size) != size:
            steps.append(f"pad={size[0]}:{size[1]}:-1:-1")
        return [*steps, "setsar=1", "sidedata=mode=delete"]  # captions and matrices of the original end here

    def _inside(self, size: tuple[int, int]) -> tuple[int, int]:
        """The largest even size of these proportions that fits; all of it when what is left over could not be seen."""
        width, height = self.shown
        scale = min(size[0] / width, size[1] / height)
        inside = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
        return size if abs(inside[0] - size[0]) <= 2 and abs(inside[1] - size[1]) <= 2 else inside


def _has_alpha(name: str) -> bool:
    return name in ("pal8", "ya8", "ya16le", "ya16be", "rgba", "bgra", "argb", "abgr", "ayuv") or name.startswith(
        ("yuva", "gbrap", "rgba", "bgra", "ayuv", "ya8", "ya16"))


class Chain:
    """A chain at work: pictures go in one by one and come out, perhaps one later."""

    def __init__(self, look: Look, size: tuple[int, int], time_base: Fraction) -> None:
        self._graph = av.filter.Graph()
        self._graph.threads = 2
        nodes = [self._graph.add_buffer(width=look.width, height=look.height, format=av.VideoFormat(look.format),
                                        time_base=time_base)]
        for step in look.chain(size):
            name, _, options = step.partition("=")
            nodes.append(self._graph.add(name, options) if options else self._graph.add(name))
        nodes.append(self._graph.add("buffersink"))
        self._graph.link_nodes(*nodes).configure()

    def put(self, frame: Any | None) -> Iterator[Any]:
        """What comes out when a picture goes in; None: the rest."""
        self._graph.push(frame)
        while True:
            try:
                yield self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
