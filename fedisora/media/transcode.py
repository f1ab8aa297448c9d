"""Any video we take → H.264/AAC in MP4 with the index in front: what every Fediverse server plays."""
from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import av

from ..errors import Invalid
from . import source
from .limits import MAX_DURATION, MAX_FRAMES, OUT_FPS, OUT_LONG, OUT_SHORT
from .mark import Mark
from .process import Progress

AUDIO_RATE = 48_000
MAX_EARLY = 2000
"""Sound frames kept until the first picture is decoded."""
DAMAGED = "This video is damaged and cannot be read to its end."


def fitted(width: int, height: int) -> tuple[int, int]:
    """The size of the encoded picture: within 1920×1080 either way, even, never enlarged."""
    long, short = max(width, height), min(width, height)
    scale = min(1.0, OUT_LONG / long, OUT_SHORT / short)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def transcode(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Decode all of a video and encode it again; metadata of the original (place, device) does not survive.

    Args:
        request: {"path": file, "output": where the MP4 is written, "mark"?: {"text", "seconds"}: words burnt into its start}.

    Returns:
        {"width", "height", "duration": seconds, "frames", "audio": bool, "turned": whether the picture was turned upright}

    Raises:
        Invalid: unreadable, damaged, or longer than we take.
    """
    path = str(request["path"])
    container = source.open_video(path, source.kind_of(path))
    with contextlib.closing(container), contextlib.closing(av.open(
            str(request["output"]), "w", format="mp4", options={"movflags": "+faststart"})) as output:
        try:
            return _Encoder(container, output, progress, request.get("mark") or {}).run()
        except av.error.FFmpegError as error:
            raise Invalid(DAMAGED, cause=error) from error


class _Encoder:
    """One pass over one file."""

    def __init__(self, container: Any, output: Any, progress: Progress, mark: dict[str, Any]) -> None:
        self._in, self._out, self._progress = container, output, progress
        self._mark_text, self._mark_seconds = str(mark.get("text", "")), float(mark.get("seconds", 0))
        self._mark: Mark | None = None
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = 2
        rate = self._stream.average_rate or Fraction(25)
        self._rate = min(max(rate, Fraction(1)), Fraction(OUT_FPS)).limit_denominator(1001)
        self._video: Any = None
        self._graph: Any = None
        self._audio_in = container.streams.audio[0] if container.streams.audio else None
        self._audio: Any = None
        self._resampler: Any = None
        self._next_sample = 0
        self._early: list[Any] = []
        self._frames = 0
        self._decoded = 0
        self._first: float | None = None
        self._last: Any = None
        self._total = source.duration(container) or MAX_DURATION

    def run(self) -> dict[str, Any]:
        streams = [self._stream] + ([self._audio_in] if self._audio_in is not None else [])
        for packet in self._in.demux(streams):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # one broken packet; a file of which too little is left is refused below
            for frame in frames:
                if packet.stream is self._stream:
                    self._picture(frame)
                else:
                    self._sound(frame)
        self._finish()
        expected = source.duration(self._in)
        seconds = float(self._frames / self._rate)
        if not self._frames or (expected and expected > 1 and seconds < expected * 0.5):
            raise Invalid(DAMAGED, cause=f"{self._frames} frames, {seconds:.1f} of {expected} s")
        return {"width": self._video.width, "height": self._video.height, "duration": round(seconds, 3),
                "frames": self._frames, "audio": self._audio is not None, "turned": self._graph is not None}

    def _picture(self, frame: Any) -> None:
        self._decoded += 1
        if self._decoded > MAX_FRAMES:
            raise Invalid("This video has too many frames.", cause=self._decoded)
        when = float(frame.time) if frame.time is not None else self._decoded / float(self._rate)
        if self._first is None:
            self._first = when
        when -= self._first
        if when > MAX_DURATION + 0.5:
            raise Invalid(f"This video is longer than {MAX_DURATION:.0f} seconds.", cause=when)
        if self._video is None:
            self._open(frame)
            for sound in self._early:
                self._sound(sound)
            self._early.clear()
        picture = self._turned(frame)
        # A constant frame rate: repeat the former picture where one is missing, drop where there are too many.
        due = int(when * float(self._rate) + 0.5)
        while self._last is not None and self._frames < due:
            self._encode(self._last)
        self._last = picture
        if self._frames <= due:
            self._encode(picture)

    def _open(self, frame: Any) -> None:
        turn = source.rotation(frame)
        size = (frame.height, frame.width) if turn in (90, 270) else (frame.width, frame.height)
        width, height = fitted(*size)
        self._video = self._out.add_stream("libx264", rate=self._rate, options={
            "preset": "veryfast", "crf": "21", "profile": "high", "maxrate": "6M", "bufsize": "12M", "colorprim": "bt709",
            "colormatrix": "bt709"})
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        self._video.codec_context.gop_size = max(1, round(float(self._rate) * 2))
        self._video.time_base = 1 / self._rate
        if self._mark_text:
            self._mark = Mark(self._mark_text, width, height)
        if self._audio_in is not None:
            self._audio = self._out.add_stream("aac", rate=AUDIO_RATE, bit_rate=128_000, layout="stereo")
            self._resampler = av.AudioResampler("fltp", "stereo", AUDIO_RATE)
        if turn:
            graph = av.filter.Graph()
            nodes = [graph.add_buffer(template=self._stream, time_base=self._stream.time_base)]
            chain = {90: [("transpose", "clock")], 180: [("hflip", ""), ("vflip", "")], 270: [("transpose", "cclock")]}[turn]
            nodes += [graph.add(name, options) if options else graph.add(name) for name, options in chain]
            nodes.append(graph.add("buffersink"))
            graph.link_nodes(*nodes).configure()
            self._graph = graph

    def _turned(self, frame: Any) -> Any:
        if self._graph is not None:
            self._graph.push(frame)
            frame = self._graph.pull()
        return frame.reformat(width=self._video.width, height=self._video.height, format="yuv420p")

    def _encode(self, picture: Any) -> None:
        if self._mark is not None and self._frames < self._mark_seconds * self._rate:
            picture = self._mark.applied(picture)
        picture.pts, picture.time_base = self._frames, 1 / self._rate
        picture.pict_type = av.video.frame.PictureType.NONE
        self._frames += 1
        self._out.mux(self._video.encode(picture))
        if self._frames % 12 == 0:
            self._progress(self._frames / float(self._rate) / self._total)

    def _sound(self, frame: Any) -> None:
        if self._video is None:  # every stream must be there before the first packet is written
            if len(self._early) < MAX_EARLY:
                self._early.append(frame)
            return
        if float(self._next_sample) / AUDIO_RATE > MAX_DURATION + 1:
            return
        frame.pts = None
        for piece in self._resampler.resample(frame):
            self._sample(piece)

    def _sample(self, piece: Any) -> None:
        piece.pts, piece.time_base = self._next_sample, Fraction(1, AUDIO_RATE)
        self._next_sample += piece.samples
        self._out.mux(self._audio.encode(piece))

    def _finish(self) -> None:
        if self._video is None:
            return
        if self._audio is not None:
            for piece in self._resampler.resample(None):
                self._sample(piece)
            self._out.mux(self._audio.encode(None))
        self._out.mux(self._video.encode(None))
