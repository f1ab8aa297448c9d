"""Videos as they come from strangers: any codec, shape, clock and number of tracks, tiny, made while the test runs."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def quarters(width: int = 64, height: int = 48) -> Any:
    """(height, width, 3) uint8: red, green / blue, white, so that every way of turning it shows."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:height // 2, :width // 2] = (220, 20, 20)
    picture[:height // 2, width // 2:] = (20, 220, 20)
    picture[height // 2:, :width // 2] = (20, 20, 220)
    picture[height // 2:, width // 2:] = (230, 230, 230)
    return picture


def tone(seconds: float, rate: int = 44_100, channels: int = 2, amplitude: float = 0.1, hertz: float = 997.0) -> Any:
    """(channels, samples) float32: a sine in all channels."""
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    return np.repeat(wave[None].astype(np.float32), channels, axis=0)


def video(path: Path, *, codec: str = "libx264", pix_fmt: str = "yuv420p", size: tuple[int, int] = (64, 48), frames: int = 12,
          fps: Fraction | int = 12, times: Sequence[float] | None = None, options: dict[str, str] | None = None,
          picture: Callable[[int], Any] | None = None, sounds: Iterable[Any] = (), sound_rate: int = 44_100,
          sound_codec: str = "aac", layout: str = "stereo", sound_starts: float = 0.0, aspect: Fraction | None = None,
          degrees: int | None = None, matrix: Sequence[int] | None = None, colours: tuple[int, int, int, int] | None = None,
          metadata: dict[str, str] | None = None, container: dict[str, str] | None = None, format: str | None = None,
          tagged: dict[str, str] | None = None) -> Path:
    """Write a video.

    Args:
        times: seconds at which pictures are shown; evenly spaced when not given.
        picture: (height, width, …) of a picture by its number, as rgb24, or in `pix_fmt` when it is an `av.VideoFrame`.
        sounds: tracks, each (channels, samples) float32.
        degrees, matrix: how it is to be turned.
        colours: (matrix, primaries, transfer, range), H.273.
        tagged: metadata of the video track.
    """
    draw = picture or (lambda number: quarters(*size))
    with av.open(str(path), "w", format=format, options={"movflags": "use_metadata_tags", **(container or {})}) as out:
        out.metadata.update(metadata or {})
        stream = out.add_stream(codec, rate=Fraction(fps), options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.metadata.update(tagged or {})
        clock = Fraction(1, 1000) if times is not None else 1 / Fraction(fps)
        stream.codec_context.time_base = clock
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if degrees is not None:
            stream.set_display_rotation(degrees)
        if matrix is not None:
            stream.set_display_matrix(list(matrix))
        context = stream.codec_context
        if colours is not None:
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = colours
        tracks = []
        for sound in sounds:
            track = out.add_stream(sound_codec, rate=sound_rate, layout=layout)
            tracks.append((track, sound))
        for number in range(len(times) if times is not None else frames):
            drawn = draw(number)
            frame = drawn if isinstance(drawn, av.VideoFrame) else av.VideoFrame.from_ndarray(
                np.ascontiguousarray(drawn), format="rgba" if drawn.shape[2] == 4 else "rgb24")
            if frame.format.name != pix_fmt:
                frame = frame.reformat(format=pix_fmt, dst_colorspace="ITU709" if colours and colours[0] == 1 else None)
            if colours is not None:
                frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = colours
            frame.pts, frame.time_base = (round(times[number] * 1000) if times is not None else number), clock
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for track, sound in tracks:
            _sound(out, track, sound, sound_rate, layout, sound_starts)
    return path


def _sound(out: Any, track: Any, samples: Any, rate: int, layout: str, starts: float) -> None:
    resampler = av.AudioResampler(track.codec_context.format, layout, rate, frame_size=1024)
    for at in range(0, samples.shape[1], 1024):
        piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, at:at + 1024]), format="fltp", layout=layout)
        piece.sample_rate, piece.pts, piece.time_base = rate, at + round(starts * rate), Fraction(1, rate)
        for frame in resampler.resample(piece):
            out.mux(track.encode(frame))
    out.mux(track.encode(None))


def corners(path: Path, number: int = 0) -> str:
    """The colours of the four quarters of a picture, as letters in reading order: `rgbw` for `quarters` as it was drawn."""
    with av.open(str(path)) as container:
        frame = next(frame for index, frame in enumerate(container.decode(video=0)) if index == number)
        pixels = frame.to_ndarray(format="rgb24").astype(int)
    height, width = pixels.shape[:2]
    found = ""
    for down in (height // 4, height * 3 // 4):
        for across in (width // 4, width * 3 // 4):
            red, green, blue = (value > 128 for value in pixels[down, across])
            found += {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w", (0, 0, 0): "k"}.get(
                (int(red), int(green), int(blue)), "?")
    return found
