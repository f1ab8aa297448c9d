"""A picture that stands for a video, and its blurhash."""
from __future__ import annotations

import contextlib
from typing import Any

from ..errors import Invalid
from . import source
from .images import POSTER_QUALITY, blurhash_of, shrunk
from .limits import POSTER_SIDE
from .process import Progress


def poster(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write a frame of a video as WebP: the first that is neither black nor blank, near the first second.

    Args:
        request: {"path": video, "output": where the picture is written}.

    Returns:
        {"width", "height", "blurhash"}

    Raises:
        Invalid: no frame can be read.
    """
    path = str(request["path"])
    container = source.open_video(path, source.kind_of(path))
    best: Any = None
    with contextlib.closing(container):
        try:
            for number, frame in enumerate(container.decode(video=0)):
                if number % 8 == 0:
                    image = frame.to_image()
                    if best is None or _contrast(image) > 12:
                        best = image
                    if (frame.time or 0) >= 0.9 and _contrast(best) > 12:
                        break
                if number > 240:
                    break
        except Exception as error:  # libav's errors are of many types; a frame that was read is enough
            if best is None:
                raise Invalid(source.UNREADABLE, cause=error) from error
    if best is None:
        raise Invalid(source.UNREADABLE, cause="no frame")
    picture = shrunk(best, POSTER_SIDE)
    picture.save(str(request["output"]), "WEBP", quality=POSTER_QUALITY, method=4)
    return {"width": picture.width, "height": picture.height, "blurhash": blurhash_of(picture)}


def _contrast(image: Any) -> float:
    from PIL import ImageStat

    return float(ImageStat.Stat(image.resize((64, 36)).convert("L")).stddev[0])
