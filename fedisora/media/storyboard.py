"""A strip of small pictures of a video, all in one JPEG: what a player shows while somebody looks for a moment."""
from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..errors import Invalid
from . import source
from .progress import Progress

SIDE = 160
"""Pixels of a picture's longer side."""
MOST = 100
"""Pictures in a strip."""
COLUMNS = 10
QUALITY = 70
EARLY = 0.02
"""Seconds by which a picture may be too early."""
FAR = 700
"""Pictures that are decoded for one place at most: ten seconds at 60 a second, which is how far key frames may be apart here."""


def layout(seconds: float, width: int, height: int) -> dict[str, int]:
    """{"width", "height": of one picture, "columns", "rows", "count", "interval": whole seconds, which is what PeerTube reads}"""
    interval = max(1, math.ceil(seconds / MOST))
    count = max(1, math.ceil(round(seconds / interval, 3)))
    columns = min(COLUMNS, count)
    scale = SIDE / max(width, height)
    return {"width": max(2, round(width * scale)), "height": max(2, round(height * scale)), "columns": columns,
            "rows": math.ceil(count / columns), "count": count, "interval": interval}


def storyboard(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write the strip of a video. Picture n is what is seen at n × interval.

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
        stream.codec_context.skip_frame = "NONREF"  # half of the decoding, and a picture more or less does not matter
        pictures = _in_a_row(container) if interval == 1 else _by_seeking(container, stream, count, interval)
        sheet, done, last = Image.new("RGB", (size[0] * strip["columns"], size[1] * strip["rows"])), 0, None
        try:
            for when, frame in pictures:
                if when < done * interval - EARLY and last is not None:
                    continue
                last = frame.reformat(width=size[0], height=size[1], format="rgb24").to_image()
                while done < count and when >= done * interval - EARLY:
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
    for number in range(done, count):  # after the last picture
        _place(sheet, last, number, strip)
    sheet.save(str(request["output"]), "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return dict(strip)


def _in_a_row(container: Any) -> Iterator[tuple[float, Any]]:
    """(seconds, picture) of every picture that is decoded."""
    for frame in container.decode(video=0):
        yield float(frame.time or 0.0), frame


def _by_seeking(container: Any, stream: Any, count: int, interval: int) -> Iterator[tuple[float, Any]]:
    """(seconds, picture) for each place of a coarse strip: from the key frame before it on, and never far."""
    for number in range(count):
        wanted = number * interval
        container.seek(int(wanted / stream.time_base) + (stream.start_time or 0), stream=stream, backward=True)
        frame = None
        for frame in islice(container.decode(video=0), FAR):
            if (frame.time or 0.0) >= wanted - EARLY:
                break
        if frame is None:
            return
        yield float(wanted), frame


def _place(sheet: Any, picture: Any, number: int, strip: dict[str, int]) -> None:
    row, column = divmod(number, strip["columns"])
    sheet.paste(picture, (column * strip["width"], row * strip["height"]))
