"""A picture that stands for a video, and its blurhash."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import av
import numpy as np

from ..errors import Invalid
from . import source
from .images import POSTER_QUALITY, blurhash_of, shrunk
from .limits import POSTER_SIDE
from .progress import Progress

LOOKED_AT: Final = 24
"""Pictures that are compared."""
SHORT: Final = 12.0
"""Seconds up to which a video is read through; in a longer one whole pictures are looked up."""
SPAN: Final = 0.6
"""Share of a long video that is looked at: ends give stories away."""
MOST_FRAMES: Final = 1500
_SIDE: Final = 160
_DARK, _LIGHT = 20, 238


def poster(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write a frame of a video as WebP: of those looked at the one with most to see, neither black nor blank nor blurred, and
    rather an early one.

    Args:
        request: {"path": video, "output": where the picture is written}.

    Returns:
        {"width", "height", "blurhash"}

    Raises:
        Invalid: no frame can be read.
    """
    path = str(request["path"])
    container = source.open_video(path, source.kind_of(path), longest=None)
    best: Any = None
    most = -1.0
    with contextlib.closing(container):
        seconds = source.duration(container) or 1.0
        try:
            for frame in _candidates(container, seconds):
                found = interest(frame) * (1 - 0.25 * min(1.0, float(frame.time or 0) / seconds))
                if found > most:
                    best, most = frame, found
        except Exception as error:  # libav's errors are of many types; a frame that was read is enough
            if best is None:
                raise Invalid(source.UNREADABLE, cause=error) from error
    if best is None:
        raise Invalid(source.UNREADABLE, cause="no frame")
    picture = shrunk(best.to_image(), POSTER_SIDE)
    picture.save(str(request["output"]), "WEBP", quality=POSTER_QUALITY, method=4)
    return {"width": picture.width, "height": picture.height, "blurhash": blurhash_of(picture)}


def _candidates(container: Any, seconds: float) -> Iterator[Any]:
    """Frames all over a short video, whole pictures of the first part of a long one."""
    stream = source.pictures(container)
    stream.codec_context.thread_count = 2
    if seconds <= SHORT:
        every = max(1, round(seconds * float(stream.average_rate or 25) / LOOKED_AT))
        for number, frame in enumerate(container.decode(stream)):
            if number % every == 0:
                yield frame
            if number > MOST_FRAMES:
                return
        return
    stream.codec_context.skip_frame = "NONKEY"
    for point in range(LOOKED_AT):
        container.seek(int(seconds * SPAN * (point + 0.5) / LOOKED_AT * av.time_base), backward=True)
        frame = next(iter(container.decode(stream)), None)
        if frame is not None:
            yield frame


def interest(frame: Any) -> float:
    """How much there is to see in a frame: contrast, edges and colour of a small copy; next to nothing when all is dark or
    white."""
    scale = _SIDE / max(frame.width, frame.height)
    small = frame.reformat(max(2, round(frame.width * scale)), max(2, round(frame.height * scale)), "rgb24").to_ndarray()
    pixels = small.astype(np.float32)
    luma = pixels @ np.array((0.2126, 0.7152, 0.0722), np.float32)
    edges = np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean()
    colour = (pixels.max(axis=2) - pixels.min(axis=2)).mean()
    found = float(luma.std() + 1.5 * edges + 0.3 * colour)
    return found if _DARK < luma.mean() < _LIGHT else found * 0.2
