"""A video that is already what we would encode keeps its coded pictures: it gets a new container, and its metadata ends here.

Every picture is decoded once all the same: a file is only kept as it is coded when nothing about it is in doubt. Everything but
slices and parameter sets is taken out of the stream (captions, x264's settings, whatever a device wrote: ITU-T H.264 §7.4.1).
"""
from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.bitstream import BitStreamFilterContext

from . import source
from .limits import FASTSTART, OUT_FPS, OUT_LONG, OUT_SHORT, most_frames
from .picture import UPRIGHT, Look
from .progress import Progress
from .sniff import Kind
from .sound import RATE, Level, Track

MOST_BITS: Final = 8_000_000
"""Bits per second over which encoding again saves more than it costs."""
KEYFRAMES: Final = 10.0
"""Seconds between whole pictures, at most: players seek to them."""
APART: Final = 0.15
"""Seconds between the starts of picture and sound, at most."""
_PROFILES: Final = ("Constrained Baseline", "Baseline", "Main", "High")
_KEPT: Final = "filter_units=pass_types=1|5|7|8"
"""NAL units of the coded pictures: slices, instantaneous refreshes, sequence and picture parameter sets."""


class _Doubt(Exception):
    """The file is encoded instead. Never seen outside of this module."""


def repackage(path: str, target: str, kind: Kind, longest: float, progress: Progress) -> dict[str, Any] | None:
    """Write a conforming file into a new MP4.

    Returns:
        What `transcode` returns; None when the file has to be encoded (nothing is left at `target` then).

    Raises:
        Invalid: a file that we do not take.
    """
    container = source.open_video(path, kind, longest=longest)
    with contextlib.closing(container):
        try:
            _conforms(container, path, kind)
            with contextlib.closing(av.open(target, "w", format="mp4", options=FASTSTART)) as output:
                return _Copy(container, output, longest, progress).run()
        except (_Doubt, av.error.FFmpegError, ValueError):
            Path(target).unlink(missing_ok=True)
            return None


def _conforms(container: Any, path: str, kind: Kind) -> None:
    """Raises _Doubt by what the headers say; nothing is decoded yet."""
    stream, track = source.pictures(container), source.sounds(container)
    context, seconds = stream.codec_context, source.duration(container)
    wanted = [
        kind.demuxer in ("mov", "matroska"), context.name == "h264", context.profile in _PROFILES, context.pix_fmt == "yuv420p",
        context.width % 2 == context.height % 2 == 0,
        max(context.width, context.height) <= OUT_LONG and min(context.width, context.height) <= OUT_SHORT,
        Fraction(1, 2) < (stream.average_rate or 0) <= OUT_FPS, bool(seconds),
        bool(seconds) and Path(path).stat().st_size * 8 / (seconds or 1) <= MOST_BITS]
    if track is not None:
        sound = track.codec_context
        wanted += [sound.name == "aac", sound.profile == "LC", sound.sample_rate in (44_100, RATE),
                   sound.layout.nb_channels in (1, 2), abs(_start(track) - _start(stream)) <= APART]
    if not all(wanted):
        raise _Doubt


def _start(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)


class _Copy:
    """One pass over one file: packets go to the new one, and all are decoded to see that they can be."""

    def __init__(self, container: Any, output: Any, longest: float, progress: Progress) -> None:
        self._in, self._out, self._longest, self._progress = container, output, longest, progress
        self._stream, self._sound = source.pictures(container), source.sounds(container)
        self._decoder = source.decoder(self._stream)
        self._video = output.add_stream_from_template(self._stream)
        self._audio = output.add_stream_from_template(self._sound) if self._sound is not None else None
        for made in filter(None, (self._video, self._audio)):
            made.metadata.clear()
        self._filter = BitStreamFilterContext(_KEPT, self._stream, self._video)
        self._look: Look | None = None
        self._track: Track | None = None
        self._frames = self._heard = 0
        self._last = self._key = -1.0
        self._ends = 0.0

    def run(self) -> dict[str, Any]:
        total = source.duration(self._in) or self._longest
        for packet in self._in.demux([self._stream] + ([self._sound] if self._sound is not None else [])):
            video = packet.stream is self._stream
            if not packet.size:  # the end of a stream: what its decoder holds back
                for frame in self._decoder.decode(packet) if video else packet.decode():
                    self._seen(frame) if video else self._measured(frame)
                continue
            self._trusted(packet, video)
            for frame in self._decoder.decode(packet) if video else packet.decode():
                self._seen(frame) if video else self._measured(frame)
            if not video:
                packet.stream = self._audio
                self._out.mux(packet)
                continue
            self._progress(min(1.0, max(0.0, self._last) / total))
            for part in self._filter.filter(packet):
                part.stream = self._video
                self._out.mux(part)
        for part in self._filter.filter(None):
            part.stream = self._video
            self._out.mux(part)
        look = self._look
        if look is None or self._frames < 2:
            raise _Doubt
        level = Level(None)
        if self._track is not None:
            for _ in self._track.put(None):
                pass
            level = self._track.level
        seconds = self._ends - _start(self._stream)
        return {"width": look.width, "height": look.height, "duration": round(seconds, 3), "frames": self._frames,
                "audio": self._audio is not None, "loudness": level.loudness, "levelled": False, "turned": False,
                "hdr": False, "repackaged": True}

    def _trusted(self, packet: Any, video: bool) -> None:
        """Raises _Doubt about a packet: one without times (Matroska with B frames), one that an edit list cuts, a damaged one, or
        whole pictures too far apart."""
        if packet.is_corrupt or packet.pts is None or packet.dts is None or (video and packet.is_discard):
            raise _Doubt
        when = float(packet.pts * packet.time_base)
        if video and packet.is_keyframe:
            if self._key >= 0 and when - self._key > KEYFRAMES:
                raise _Doubt
            self._key = max(when, 0.0)
        elif video and self._key < 0:
            raise _Doubt

    def _seen(self, frame: Any) -> None:
        """Raises _Doubt about a decoded picture."""
        look = Look.of(frame, self._stream)
        if frame.is_corrupt or frame.time is None or (self._look is not None and look != self._look):
            raise _Doubt
        if not look.plain or look.interlaced or look.turn != UPRIGHT or look.aspect != 1:
            raise _Doubt
        when = float(frame.time)
        if self._frames and not 0 < when - self._last <= 2.0:
            raise _Doubt
        self._look, self._last = look, when
        self._frames += 1
        lasts = float(frame.duration * frame.time_base) if frame.duration else 0.0
        self._ends = when + (lasts or float(1 / self._stream.average_rate))
        if self._frames > most_frames(self._longest) or when - _start(self._stream) > self._longest + 0.5:
            raise _Doubt  # the encoder says what is wrong

    def _measured(self, frame: Any) -> None:
        self._track = self._track or Track(frame)
        for _ in self._track.put(frame, self._heard / frame.sample_rate):
            pass
        self._heard += frame.samples
