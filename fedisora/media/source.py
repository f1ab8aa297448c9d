"""Opening a file from outside: the demuxer is chosen by its first bytes, and nothing it names is opened."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from ..errors import Invalid
from .limits import MAX_DURATION, MAX_FPS, MAX_STREAMS, MAX_VIDEO_PIXELS, MAX_VIDEO_SIDE
from .sniff import Kind, is_sound, sniff_file

UNREADABLE = "This file cannot be read as a video or an image. Please export it as MP4, WebM, JPEG, PNG or WebP."
SOUND_ONLY = "This file is sound alone. Videos and pictures are taken here: put a picture to the sound and upload that."
ENCRYPTED = "This video is encrypted or in a format that cannot be read here. Please export it as MP4 (H.264)."
_ENCRYPTED = ("encv", "enca", "drmi")
"""What the sample entry of an encrypted track is called (ISO/IEC 23001-7)."""


def kind_of(path: str | Path) -> Kind:
    """What the file is.

    Raises:
        Invalid: none of the formats we take.
    """
    kind = sniff_file(path)
    if kind is None:
        raise Invalid(SOUND_ONLY if is_sound(path) else UNREADABLE, cause="unknown first bytes")
    return kind


def pictures(container: Any) -> Any:
    """The video stream that is shown: the default one, else the first; pictures attached as a cover do not count. None: none."""
    found = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    return next((stream for stream in found if stream.disposition & Disposition.default), found[0] if found else None)


def sounds(container: Any) -> Any:
    """The sound track that is heard: the default one, else the first; None: there is none."""
    found = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return next((stream for stream in found if stream.disposition & Disposition.default), found[0] if found else None)


def open_video(path: str | Path, kind: Kind, *, longest: float | None = MAX_DURATION) -> Any:
    """An av container, read with the one demuxer that fits.

    Args:
        longest: seconds; None takes any length (for who looks at a few places only).

    Raises:
        Invalid: not readable, or over a limit of `limits`.
    """
    try:
        container = av.open(str(path), mode="r", format=kind.demuxer, metadata_errors="replace",
                            options={"protocol_whitelist": "file", "max_streams": str(MAX_STREAMS + 1), "enable_drefs": "0",
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
    stream = pictures(container)
    if stream is None:
        raise Invalid(SOUND_ONLY if container.streams.audio else "This file has no picture.", cause="no video stream")
    context = stream.codec_context
    if context is None or "enc_key_id" in stream.metadata or context.codec_tag in _ENCRYPTED:
        raise Invalid(ENCRYPTED, cause=context.codec_tag if context is not None else "no decoder")
    check_size(context.width, context.height)
    seconds = duration(container)
    if longest is not None and seconds is not None and seconds > longest + 0.5:
        raise Invalid(f"This video is {seconds:.0f} seconds long. The most is {longest:.0f} seconds.")
    rate = stream.average_rate
    if rate is not None and rate > MAX_FPS + 1:
        raise Invalid(f"This video has {float(rate):.0f} frames a second. The most is {MAX_FPS}.")


def check_size(width: int, height: int) -> None:
    """Raises Invalid when a picture of a video is larger than we take, or none."""
    if not width or not height:
        raise Invalid(UNREADABLE, cause="no picture size")
    if max(width, height) > MAX_VIDEO_SIDE or width * height > MAX_VIDEO_PIXELS:
        raise Invalid(f"The picture is too large: {width}×{height}. The most is {MAX_VIDEO_SIDE} on the long side "
                      "(4K).")


def duration(container: Any) -> float | None:
    """Seconds, as the file says; None when it does not."""
    if container.duration and container.duration > 0:
        return float(container.duration / av.time_base)
    stream = pictures(container)
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None


def picture_seconds(container: Any) -> float | None:
    """Seconds of the picture alone, as the file says: its sound may go on for longer."""
    stream = pictures(container)
    if stream.duration and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    seconds = duration(container)
    late = float(max(0, stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
    return max(0.0, seconds - late) if seconds is not None else None


def decoder(stream: Any) -> Any:
    """The codec context that decodes a video stream: with two threads, and no picture larger than we take, whatever the
    container said. VP8 and VP9 with transparency are read by libvpx, the one decoder that sees it."""
    context = stream.codec_context
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    if tags.get("alpha_mode") == "1" and context.name in ("vp8", "vp9"):
        transparent = av.CodecContext.create("libvpx" if context.name == "vp8" else "libvpx-vp9", "r")
        transparent.extradata, context = context.extradata, transparent
    context.options = {"max_pixels": str(2 * MAX_VIDEO_PIXELS)}
    context.thread_count = 2
    if context is stream.codec_context:
        stream.thread_type = "AUTO"
    return context


def refuse_encrypted(packet: Any) -> None:
    """Raises Invalid for a packet that cannot be read without a key."""
    if packet.has_sidedata("encryption_info"):
        raise Invalid(ENCRYPTED, cause="encrypted packets")


def rotation(frame: Any) -> int:
    """Degrees clockwise by which a frame must be turned to stand upright: 0, 90, 180 or 270."""
    return round(-float(frame.rotation) / 90.0) * 90 % 360
