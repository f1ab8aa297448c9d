"""A clip that somebody recorded of themselves: looked at, never changed. Browsers record without saying how long it became."""
from __future__ import annotations

from typing import Any, Final

import av

from ..errors import Invalid
from . import source
from .progress import Progress

MIMES: Final = ("video/webm", "video/mp4")
SHORTEST: Final = 1.0
"""Seconds: nobody says four words in less."""


def look(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Whether a clip can be shown to a moderator, and how long it is, by its packets.

    Args:
        request: {"path": file, "longest": seconds that are taken}.

    Returns:
        {"mime", "seconds", "width", "height", "audio": bool}

    Raises:
        Invalid: not a WebM or MP4 video, damaged, encrypted, too long or too short.
    """
    path, longest = str(request["path"]), float(request["longest"])
    kind = source.kind_of(path)
    if kind.mime not in MIMES:
        raise Invalid("A clip is a WebM or MP4 video. Record it on this page.")
    container = source.open_video(path, kind, longest=longest)
    try:
        stream = source.pictures(container)
        first: float | None = None
        last = 0.0
        pictures = 0
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None:
                continue
            source.refuse_encrypted(packet)
            at = float(packet.pts * packet.time_base)
            first = at if first is None else min(first, at)
            last = max(last, at + float((packet.duration or 0) * packet.time_base))
            if packet.stream is stream and not pictures:
                pictures += len(packet.decode())
            if last - first > longest + 1:
                break
        seconds = last - (first or 0.0)
        if seconds > longest + 1:
            raise Invalid(f"A clip is {longest:g} seconds long at most. Record it again.")
        if not pictures or seconds < SHORTEST:
            raise Invalid("Nothing can be seen in this clip. Record it again, with the camera open until you are done.")
        context = stream.codec_context
        return {"mime": kind.mime, "seconds": seconds, "width": context.width, "height": context.height,
                "audio": source.sounds(container) is not None}
    except av.error.FFmpegError as error:
        raise Invalid(source.UNREADABLE, cause=error) from error
    finally:
        container.close()
