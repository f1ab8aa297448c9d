"""The sound of a video on its way to AAC: stereo at 48 kHz, in step with the picture, measured, and levelled when asked for.

Loudness is that of EBU R 128 (ITU-R BS.1770-5: K-weighting, gates at −70 LUFS and −10 LU), by libavfilter's `ebur128`.
"""
from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av

RATE: Final = 48_000
FRAME: Final = 1024
"""Samples of one AAC frame."""
QUIETEST: Final = -69.9
"""LUFS at and below which nothing was heard: the absolute gate of BS.1770."""
CEILING: Final = -1.5
"""dBTP that levelled sound never goes over."""
MOST_GAIN: Final = 20.0
"""dB by which quiet sound is raised at most: more would only raise its noise."""
_LOUDEST: Final = 4.0
"""Twelve decibels over full scale; samples beyond it are nonsense."""
_FLOATS: Final = {"flt": "float32", "fltp": "float32", "dbl": "float64", "dblp": "float64"}


@dataclass(frozen=True)
class Level:
    """What was measured.

    Attributes:
        loudness: integrated, in LUFS; None: silence.
        peak: true peak in dBTP, as far as it was asked for.
    """

    loudness: float | None
    peak: float = -math.inf


def levelling(level: Level, target: float) -> list[str]:
    """Filters that bring sound of this level to `target` LUFS; a limiter works where true peaks show."""
    if level.loudness is None:
        return []
    gain = min(target - level.loudness, MOST_GAIN)
    steps = [f"volume={gain:.2f}dB"]
    if level.peak + gain > CEILING:
        limit = 10 ** (CEILING / 20)
        steps += [f"aresample={4 * RATE}", f"alimiter=level=disabled:limit={limit:.4f}:attack=5:release=80", f"aresample={RATE}"]
    return steps


class Track:
    """One sound track on its way: decoded frames go in, frames of 1024 samples for the encoder come out.

    Args:
        frame: the first one, which says what the track is like.
        steps: more filters, `levelling`.
        peaks: measure true peaks too (slower).
    """

    def __init__(self, frame: Any, steps: list[str] | None = None, *, peaks: bool = False) -> None:
        self._like = _likeness(frame)
        self._graph = av.filter.Graph()
        nodes = [self._graph.add_abuffer(sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout,
                                         time_base=Fraction(1, frame.sample_rate))]
        # async=1 fills gaps with silence and cuts what overlaps; first_pts=0 begins with the picture
        chain = [f"aresample={RATE}:async=1:min_hard_comp=0.05:first_pts=0", "aformat=sample_fmts=fltp:channel_layouts=stereo",
                 *(steps or ()), "aformat=sample_fmts=fltp:channel_layouts=stereo",
                 f"ebur128=metadata=1:peak={'true' if peaks else 'none'}", "aformat=sample_fmts=fltp:channel_layouts=stereo",
                 "abuffersink"]
        for step in chain:
            name, _, options = step.partition("=")
            nodes.append(self._graph.add(name, options) if options else self._graph.add(name))
        self._graph.link_nodes(*nodes).configure()
        self._graph.set_audio_frame_size(FRAME)
        self._loudness, self._peak = -math.inf, -math.inf

    def put(self, frame: Any | None, when: float = 0.0) -> Iterator[Any]:
        """What comes out when a frame goes in that is heard `when` seconds after the first picture; None: the rest."""
        if frame is not None:
            if _likeness(frame) != self._like:
                return  # a track that changes in the middle: what the encoder was not opened for is left out
            frame = _sane(frame)
            frame.pts, frame.time_base = round(when * frame.sample_rate), Fraction(1, frame.sample_rate)
        self._graph.push(frame)
        while True:
            try:
                piece = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._note(piece.metadata)
            yield piece

    def _note(self, said: Any) -> None:
        loudness = said.get("lavfi.r128.I")
        if loudness is not None:
            self._loudness = float(loudness)
            peak = float(said.get("lavfi.r128.true_peak", 0))
            self._peak = 20 * math.log10(peak) if peak > 0 else -math.inf

    @property
    def level(self) -> Level:
        """What was heard so far."""
        heard = math.isfinite(self._loudness) and self._loudness > QUIETEST
        return Level(round(self._loudness, 2) if heard else None, self._peak)


def _likeness(frame: Any) -> tuple[Any, ...]:
    return frame.sample_rate, frame.format.name, frame.layout.name


def _sane(frame: Any) -> Any:
    """The frame with numbers the filters and the encoder can bear: hostile files hold NaN and 1e30."""
    kind = _FLOATS.get(frame.format.name)
    if kind is None:
        return frame
    import numpy as np  # only here: it costs as much to start as libav

    for plane in frame.planes:
        values = np.frombuffer(plane, kind)
        if not np.abs(values).max(initial=0) <= _LOUDEST:  # also true of NaN
            frame.make_writable()
            for mended in (np.frombuffer(part, kind) for part in frame.planes):
                mended[...] = np.clip(np.nan_to_num(mended, nan=0.0, posinf=0.0, neginf=0.0), -_LOUDEST, _LOUDEST)
            break
    return frame


def measure(container: Any, stream: Any, longest: float) -> Level:
    """The level of a whole track.

    Args:
        container, stream: opened for this alone; it is read to its end.
        longest: seconds that count.
    """
    track: Track | None = None
    heard = 0
    with contextlib.suppress(av.error.FFmpegError):  # damage is spoken of by who decodes the picture
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                track = track or Track(frame, peaks=True)
                for _ in track.put(frame, heard / frame.sample_rate):
                    pass
                heard += frame.samples
                if heard > longest * frame.sample_rate:
                    return track.level
    if track is None:
        return Level(None)
    for _ in track.put(None):
        pass
    return track.level
