"""A strip of small pictures of a video, all in one JPEG: what a player shows while somebody looks for a moment."""
from __future__ import annotations

import contextlib
import math
from typing import Any

from ..errors import Invalid
from . import source
from .process import Progress

SIDE = 160
"""Pixels of a picture's longer side."""
MOST = 100
"""Pictures in a strip."""
COLUMNS = 10
QUALITY = 70


def layout(seconds: float, width: int, height: int) -> dict[str, int]:
    """{"width", "height": of one picture, "columns", "rows", "count", "interval": whole seconds, which is what PeerTube reads}"""
    interval = max(1, math.ceil(seconds / MOST))
    count = max(1, math.ceil(round(seconds / interval, 3)))
    columns = min(COLUMNS, count)
    scale = SIDE / max(width, height)
    return {"width": max(2, round(width * scale)), "height": max(2, round(height * scale)), "columns": columns,
            "rows": math.ceil(count / columns), "count": count, "interval": interval}


def storyboard(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write the strip of a video. Picture n is what is seen at n × interval, as nearly as its key frames tell.

    Args:
        request: {"path": video, "output": where the JPEG is written}.

    Returns:
        See `layout`.

    Raises:
        Invalid: no picture can be read, or the video does not say how long it is.
    """
    from PIL import Image

    path = str(request["path"])
    container = source.open_video(path, source.kind_of(path), longest=None)
    with contextlib.closing(container):
        stream = container.streams.video[0]
        # the picture's own length: sound often goes on for a moment
        seconds = float(stream.duration * stream.time_base) if stream.duration else source.duration(container)
        if not seconds:
            raise Invalid(source.UNREADABLE, cause="no duration")
        strip = layout(seconds, stream.codec_context.width, stream.codec_context.height)
        size, count, interval = (strip["width"], strip["height"]), strip["count"], strip["interval"]
        # our own encoder sets a key frame every two seconds: the rest need not be decoded for a coarser strip
        stream.codec_context.skip_frame = "NONREF" if interval == 1 else "NONKEY"
        sheet, done, last = Image.new("RGB", (size[0] * strip["columns"], size[1] * strip["rows"])), 0, None
        try:
            for frame in container.decode(video=0):
                if (frame.time or 0.0) < done * interval - 0.02 and last is not None:
                    continue
                last = frame.reformat(width=size[0], height=size[1], format="rgb24").to_image()
                while done < count and (frame.time or 0.0) >= done * interval - 0.02:
                    _place(sheet, last, done, strip)
                    done += 1
                if done >= count:
                    break
                progress(done / count)
        except Exception as error:  # libav's errors are of many types; a strip of what could be read is good enough
            if last is None:
                raise Invalid(source.UNREADABLE, cause=error) from error
    if last is None:
        raise Invalid(source.UNREADABLE, cause="no frame")
    for number in range(done, count):  # after the last key frame
        _place(sheet, last, number, strip)
    sheet.save(str(request["output"]), "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return dict(strip)


def _place(sheet: Any, picture: Any, number: int, strip: dict[str, int]) -> None:
    row, column = divmod(number, strip["columns"])
    sheet.paste(picture, (column * strip["width"], row * strip["height"]))
