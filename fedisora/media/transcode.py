"""Any video we take → H.264/AAC in MP4 with the index in front: what every Fediverse server plays."""
from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
from av.video.frame import PictureType

from ..errors import Invalid
from . import repackage, source
from .limits import FASTSTART, MAX_DURATION, OUT_FPS, OUT_LONG, OUT_SHORT, most_frames
from .picture import UPRIGHT, Chain, Look, fitted
from .progress import Progress
from .sound import RATE, Level, Track, levelling, measure

if TYPE_CHECKING:
    from .mark import Mark

__all__ = ["DAMAGED", "GOP_SECONDS", "fitted", "transcode"]

GOP_SECONDS: Final = 2.0
"""A whole picture stands at every multiple of this: what HLS cuts at, the same in all sizes of a video."""
MAX_EARLY: Final = 2000
"""Sound frames kept until the first picture is decoded."""
AUDIO_BITS: Final = 128_000
MAX_BITS: Final = 6_000_000
"""Bits per second of the picture at 1920×1080; less for smaller ones."""
LEAST_TAIL: Final = 0.1
"""Seconds by which the sound must outlast the picture for the last one to be held."""
DAMAGED = "This video is damaged and cannot be read to its end."


@dataclass(frozen=True)
class Job:
    """What is asked for.

    Attributes:
        longest: seconds that are taken.
        short: longest short side of the encoded picture.
        target: LUFS that the sound is brought to; 0: as it is.
        copy_sound: take the AAC track as it is; for files that were encoded here.
        silent: leave the sound out.
        mark: words burnt into the start, and for how many seconds.
    """

    longest: float = MAX_DURATION
    short: int = OUT_SHORT
    target: float = 0.0
    copy_sound: bool = False
    silent: bool = False
    mark: tuple[str, float] = ("", 0.0)

    @classmethod
    def of(cls, request: dict[str, Any]) -> Job:
        """The job of a request to `transcode`."""
        mark = request.get("mark") or {}
        return cls(float(request.get("longest") or MAX_DURATION), int(request.get("short") or OUT_SHORT),
                   float(request.get("loudness_target") or 0), bool(request.get("copy_sound")),
                   bool(request.get("silent")), (str(mark.get("text", "")), float(mark.get("seconds", 0))))


def transcode(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Decode all of a video and encode it again, or repackage it where that is all it needs; metadata of the original (place,
    device) does not survive either way.

    Args:
        request: {"path": file, "output": where the MP4 is written, "mark"?: {"text", "seconds"}: words burnt into its start,
            "longest"?: seconds, "short"?: most lines of the short side (1080), "loudness_target"?: LUFS (0: as it is),
            "copy_sound"?: take AAC as it is, "silent"?: leave the sound out, "repackage"?: whether what conforms already may be
            left as it is coded}.

    Returns:
        {"width", "height", "duration": seconds, "frames", "audio": bool, "loudness": LUFS or None (silent, none, not measured),
        "levelled": whether the sound was brought to the target, "turned": whether the picture was turned upright, "hdr":
        whether it was brought from HDR to SDR, "repackaged": whether it was not encoded again}

    Raises:
        Invalid: unreadable, damaged, or longer than we take.
    """
    path, target, job = str(request["path"]), str(request["output"]), Job.of(request)
    kind = source.kind_of(path)
    if request.get("repackage") and not job.mark[0] and not job.target:
        found = repackage.repackage(path, target, kind, job.longest, progress)
        if found is not None:
            return found
    level = Level(None)
    if job.target:
        with contextlib.closing(source.open_video(path, kind, longest=job.longest)) as container:
            track = source.sounds(container)
            level = measure(container, track, job.longest) if track is not None else level
    container = source.open_video(path, kind, longest=job.longest)
    with contextlib.closing(container), contextlib.closing(av.open(target, "w", format="mp4", options=FASTSTART)) as output:
        try:
            return _Encoder(container, output, progress, job, levelling(level, job.target)).run()
        except av.error.FFmpegError as error:
            raise Invalid(DAMAGED, cause=error) from error


def frame_rate(stream: Any) -> Fraction:
    """The constant rate a stream is encoded at: its own, between 1 and 60; the finer one where it varies."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    base = stream.base_rate
    if base and rate < base <= OUT_FPS and base <= rate * 4:
        rate = base
    return min(max(Fraction(rate), Fraction(1)), Fraction(OUT_FPS)).limit_denominator(1001)


class _Encoder:
    """One pass over one file. Pictures have slots: moments at a constant rate, filled by the picture nearest to them."""

    def __init__(self, container: Any, output: Any, progress: Progress, job: Job, levels: list[str]) -> None:
        self._in, self._out, self._progress, self._job, self._levels = container, output, progress, job, levels
        self._stream = source.pictures(container)
        self._decoder = source.decoder(self._stream)
        self._sound_in = None if job.silent else source.sounds(container)
        self._copies = job.copy_sound and self._sound_in is not None and self._sound_in.codec_context.name == "aac"
        self._rate = frame_rate(self._stream)
        self._gop = max(1, round(self._rate * GOP_SECONDS))
        self._video: Any = None
        self._audio: Any = None
        self._mark: Mark | None = None
        self._chain: Chain | None = None
        self._look: Look | None = None
        self._track: Track | None = None
        self._early: list[Any] = []
        self._decoded = self._frames = self._slot = self._samples = 0
        self._first: float | None = None
        self._when = self._ends = self._heard = 0.0
        self._last: Any = None
        self._waits: Any = None
        self._turned = self._hdr = False
        self._total = source.duration(container) or job.longest

    def run(self) -> dict[str, Any]:
        streams = [self._stream] + ([self._sound_in] if self._sound_in is not None else [])
        for packet in self._in.demux(streams):
            source.refuse_encrypted(packet)
            if packet.stream is not self._stream and self._copies:
                self._sound(packet)
                continue
            for frame in self._frames_of(packet):
                if packet.stream is self._stream:
                    self._picture(frame)
                else:
                    self._sound(frame)
        self._finish()
        seconds = float(self._frames / self._rate)
        expected = source.picture_seconds(self._in)
        shown = max(min(seconds, self._ends), self._samples / RATE)
        if not self._frames or (expected and expected > 1 and shown < expected * 0.5):
            raise Invalid(DAMAGED, cause=f"{self._frames} frames, {shown:.1f} of {expected} s")
        level = self._track.level if self._track is not None else Level(None)
        return {"width": self._video.width, "height": self._video.height, "duration": round(seconds, 3),
                "frames": self._frames, "audio": self._audio is not None, "loudness": level.loudness,
                "levelled": bool(self._levels), "turned": self._turned, "hdr": self._hdr, "repackaged": False}

    def _frames_of(self, packet: Any) -> Iterator[Any]:
        try:
            yield from self._decoder.decode(packet) if packet.stream is self._stream else packet.decode()
        except av.error.InvalidDataError:
            return  # one broken packet; a file of which too little is left is refused in the end

    def _picture(self, frame: Any) -> None:
        self._decoded += 1
        if self._decoded > most_frames(self._job.longest):
            raise Invalid("This video has too many frames.", cause=self._decoded)
        source.check_size(frame.width, frame.height)
        if self._first is None and frame.is_corrupt:
            return  # what comes before the first whole picture
        at = float(frame.time) if frame.time is not None else (self._first or 0.0) + self._ends
        if self._first is None:
            self._first = at
        self._when = max(self._when, at - self._first)  # time that runs backwards stands still
        if self._when > self._job.longest + 0.5:
            raise Invalid(f"This video is longer than {self._job.longest:.0f} seconds.", cause=self._when)
        lasts = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
        self._ends = self._when + max(lasts, float(1 / self._rate))
        slot = int(self._when * float(self._rate) + 0.5)
        if slot != self._slot:  # of several pictures in one slot the last is shown
            self._next()
        self._waits, self._slot = frame, slot

    def _next(self) -> None:
        """The picture that waits has its slot for itself."""
        if self._waits is not None:
            frame, self._waits = self._waits, None
            self._through(frame, self._slot)

    def _through(self, frame: Any, slot: int) -> None:
        """Send a picture through the filters that one of its look needs."""
        look = Look.of(frame, self._stream)
        if self._look is not None and look.format == self._look.format and self._look.interlaced:
            look = Look(**{**vars(look), "interlaced": True})  # mixed material: the filter looks at every picture itself
        if self._video is None:
            self._open(look)
        if look != self._look or self._chain is None:
            self._drain()
            self._look = look
            self._chain = Chain(look, (self._video.width, self._video.height), 1 / self._rate)
        frame.pts, frame.time_base = slot, 1 / self._rate
        for picture in self._chain.put(frame):
            self._emit(picture)

    def _drain(self) -> None:
        if self._chain is not None:
            for picture in self._chain.put(None):
                self._emit(picture)
            self._chain = None

    def _open(self, look: Look) -> None:
        width, height = fitted(*look.shown, self._job.short)
        most = round(MAX_BITS * min(1.0, width * height / (OUT_LONG * OUT_SHORT)) ** 0.75)
        self._video = self._out.add_stream("libx264", rate=self._rate, options={
            "preset": "veryfast", "crf": "21", "profile": "high", "maxrate": str(most), "bufsize": str(2 * most),
            "forced-idr": "1", "a53cc": "0"})
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        context = self._video.codec_context
        context.gop_size, context.thread_count, context.thread_type = self._gop, 2, "FRAME"  # not slices, which cost quality
        context.colorspace, context.color_primaries, context.color_trc = look.colours()
        context.color_range = 1
        self._video.time_base = 1 / self._rate
        self._turned, self._hdr = look.turn != UPRIGHT, look.hdr
        if self._job.mark[0]:
            from .mark import Mark  # few videos have one, and it brings Pillow

            self._mark = Mark(self._job.mark[0], width, height)
        if self._sound_in is not None:
            self._audio = (self._out.add_stream_from_template(self._sound_in) if self._copies else
                           self._out.add_stream("aac", rate=RATE, bit_rate=AUDIO_BITS, layout="stereo"))
        early, self._early = self._early, []
        for sound in early:
            self._sound(sound)

    def _emit(self, picture: Any) -> None:
        """Encode a picture at its slot, and the one before until then."""
        slot = round(float(picture.pts * picture.time_base) * float(self._rate))
        self._hold(slot)
        self._last = picture
        self._encode(picture)

    def _hold(self, until: int) -> None:
        while self._last is not None and self._frames < until:
            self._encode(self._last)

    def _encode(self, picture: Any) -> None:
        if self._mark is not None and self._frames < self._job.mark[1] * self._rate:
            picture = self._mark.applied(picture)
        picture.pts, picture.time_base = self._frames, 1 / self._rate
        picture.pict_type = PictureType.I if self._frames % self._gop == 0 else PictureType.NONE
        self._frames += 1
        self._out.mux(self._video.encode(picture))
        if self._frames % 12 == 0:
            self._progress(self._frames / float(self._rate) / self._total)

    def _sound(self, sound: Any) -> None:
        """Take a decoded frame, or a packet that is copied."""
        if self._video is None:  # every stream must be there before the first packet is written
            if len(self._early) < MAX_EARLY:
                self._early.append(sound)
            return
        if self._copies:
            if sound.dts is not None:
                sound.stream = self._audio
                self._out.mux(sound)
            return
        when = float(sound.time) - (self._first or 0.0) if sound.time is not None else self._heard
        self._heard = when + sound.samples / sound.sample_rate
        if self._heard <= 0 or when > self._job.longest or self._samples / RATE > self._job.longest + 1:
            return
        self._track = self._track or Track(sound, self._levels)
        self._pieces(self._track.put(sound, when))

    def _pieces(self, pieces: Iterator[Any]) -> None:
        for piece in pieces:
            piece.pts, piece.time_base = self._samples, Fraction(1, RATE)
            self._samples += piece.samples
            self._out.mux(self._audio.encode(piece))

    def _finish(self) -> None:
        self._next()
        if self._video is None:
            return
        self._drain()
        self._hold(min(round(self._ends * float(self._rate)), math.ceil(self._job.longest * float(self._rate))))
        if self._track is not None:
            self._pieces(self._track.put(None))
        if self._audio is not None and not self._copies:
            self._out.mux(self._audio.encode(None))
        if self._samples / RATE > self._frames / float(self._rate) + LEAST_TAIL:  # the last picture, while the sound goes on
            self._hold(math.ceil(min(self._samples / RATE, self._job.longest) * float(self._rate)))
        self._out.mux(self._video.encode(None))
