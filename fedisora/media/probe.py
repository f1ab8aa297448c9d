"""What an uploaded file is: kind, size, length; refuses what we do not take before anything is decoded in earnest."""
from __future__ import annotations

import itertools
import warnings
from typing import Any

import av

from ..errors import Invalid
from . import source
from .limits import MAX_DURATION, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE
from .progress import Progress
from .sniff import Kind


def probe(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Look at a file.

    Args:
        request: {"path": file, "longest"?: seconds that are taken}.

    Returns:
        {"kind": "video"|"image", "mime", "width", "height"} and for a video {"seconds": float|None, "audio": bool}.

    Raises:
        Invalid: not a file we take.
    """
    path = str(request["path"])
    kind = source.kind_of(path)
    if kind.demuxer is None or (kind.pillow is not None and not _moves(path, kind.pillow)):
        return _image(path, kind)
    container = source.open_video(path, kind, longest=float(request.get("longest") or MAX_DURATION))
    try:
        stream = source.pictures(container)
        context = stream.codec_context
        for packet in itertools.islice(container.demux(stream), kind.media == "video"):
            source.refuse_encrypted(packet)
        found = {"kind": "video", "mime": kind.mime, "width": context.width, "height": context.height,
                 "seconds": source.duration(container), "audio": source.sounds(container) is not None}
        return found
    except av.error.FFmpegError as error:
        raise Invalid(source.UNREADABLE, cause=error) from error
    finally:
        container.close()


def _moves(path: str, pillow: str) -> bool:
    """Whether a GIF has a second picture: one without is a picture, with the limits of pictures."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=[pillow]) as image:
                return bool(getattr(image, "is_animated", False))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return False  # `_image` says what is wrong with it


def _image(path: str, kind: Kind) -> dict[str, Any]:
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=[kind.pillow or ""]) as image:
                width, height = image.size
        except Image.DecompressionBombError as error:
            raise Invalid(f"The picture is too large. The most is {MAX_IMAGE_PIXELS // 1_000_000} megapixels.",
                          cause=error) from error
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            raise Invalid(source.UNREADABLE, cause=error) from error
    if max(width, height) > MAX_IMAGE_SIDE or width * height > MAX_IMAGE_PIXELS:
        raise Invalid(f"The picture is too large: {width}×{height}. The most is {MAX_IMAGE_PIXELS // 1_000_000} megapixels, and "
                      f"{MAX_IMAGE_SIDE} on the long side.")
    return {"kind": "image", "mime": kind.mime, "width": width, "height": height}
