"""Opening a file from outside: the demuxer is chosen by its first bytes, and nothing it names is opened."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from ..errors import Invalid
from .limits import MAX_DURATION, MAX_FPS, MAX_STREAMS, MAX_VIDEO_PIXELS, MAX_VIDEO_SIDE
from .sniff import Kind, sniff_file

UNREADABLE = "This file cannot be read as a video or an image. Please export it as MP4, WebM, JPEG, PNG or WebP."


def kind_of(path: str | Path) -> Kind:
    """What the file is.

    Raises:
        Invalid: none of the formats we take.
    """
    kind = sniff_file(path)
    if kind is None:
        raise Invalid(UNREADABLE, cause="unknown first bytes")
    return kind


def open_video(path: str | Path, kind: Kind, *, longest: float | None = MAX_DURATION) -> Any:
    """An av container, read with the one demuxer that fits.

    Args:
        longest: seconds; None takes any length (for who looks at a few places only).

    Raises:
        Invalid: not readable, or over a limit of `limits`.
    """
    try:
        container = av.open(str(path), mode="r", format=kind.demuxer, metadata_errors="replace",
                            options={"protocol_whitelist": "file", "max_streams": str(MAX_STREAMS), "enable_drefs": "0",
                                     "use_absolute_path": "0"})
    except (av.error.FFmpegError, ValueError) as error:
        raise Invalid(UNREADABLE, cause=error) from error
    try:
        check(container, longest)
    except BaseException:
        container.close()
        raise
    return container


def check(container: Any, longest: float | None = MAX_DURATION) -> None:
    """Raises Invalid when a video is larger, longer or stranger than we take."""
    if len(container.streams) > MAX_STREAMS:
        raise Invalid("This file has too many tracks.", cause=len(container.streams))
    if not container.streams.video:
        raise Invalid("This file has no picture.", cause="no video stream")
    stream = container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if not width or not height:
        raise Invalid(UNREADABLE, cause="no picture size")
    if max(width, height) > MAX_VIDEO_SIDE or width * height > MAX_VIDEO_PIXELS:
        raise Invalid(f"The picture is too large: {width}×{height}. The most is {MAX_VIDEO_SIDE} on the long side "
                      "(4K).")
    seconds = duration(container)
    if longest is not None and seconds is not None and seconds > longest + 0.5:
        raise Invalid(f"This video is {seconds:.0f} seconds long. The most is {longest:.0f} seconds.")
    rate = stream.average_rate
    if rate is not None and rate > MAX_FPS + 1:
        raise Invalid(f"This video has {float(rate):.0f} frames a second. The most is {MAX_FPS}.")


def duration(container: Any) -> float | None:
    """Seconds, as the file says; None when it does not."""
    if container.duration:
        return float(container.duration / av.time_base)
    stream = container.streams.video[0]
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None


def rotation(frame: Any) -> int:
    """Degrees clockwise by which a frame must be turned to stand upright: 0, 90, 180 or 270."""
    return round(-float(frame.rotation) / 90.0) * 90 % 360
