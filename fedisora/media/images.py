"""Still pictures: upright, without metadata, not larger than needed, with a blurhash."""
from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import blurhash
from PIL import ExifTags, Image, ImageOps

from ..errors import Invalid
from . import source
from .limits import MAX_IMAGE_PIXELS, OUT_IMAGE_SIDE
from .progress import Progress

POSTER_QUALITY = 84
QUALITY = 88
Image.MAX_IMAGE_PIXELS = MAX_IMAGE_PIXELS


def load(path: str | Path) -> Image.Image:
    """The first picture of an image file, decoded and upright.

    Raises:
        Invalid: not readable, or too large.
    """
    kind = source.kind_of(path)
    if kind.pillow is None:
        raise Invalid(source.UNREADABLE, cause=f"{kind.mime} is not a picture")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=[kind.pillow]) as image:
                image.load()
                upright = ImageOps.exif_transpose(image)
                transparent = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
                return upright.convert("RGBA" if transparent else "RGB")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise Invalid("This picture is too large.", cause=error) from error
        except MemoryError:
            raise
        except Exception as error:  # Pillow reports damage in many types
            raise Invalid(source.UNREADABLE, cause=error) from error


def shrunk(image: Image.Image, side: int) -> Image.Image:
    """The picture with its longer side at most `side` pixels."""
    if max(image.size) <= side:
        return image
    scale = side / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS)


def blurhash_of(image: Image.Image) -> str:
    """A blurhash of 4×3 components (3×4 for portrait), made from a 32-pixel thumbnail."""
    small = shrunk(image, 32).convert("RGB")
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    buffer.seek(0)
    across, down = (4, 3) if image.width >= image.height else (3, 4)
    return str(blurhash.encode(buffer, x_components=across, y_components=down))


def image(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Encode an uploaded picture again, as JPEG, or as PNG when parts are transparent: every peer shows both.

    Args:
        request: {"path": file, "output": where it is written, without suffix, "side"?: longer side in pixels at most,
            "as_is"?: `output` is the whole path, of a file in memory}.

    Returns:
        {"path", "mime", "width", "height", "blurhash", "turned": whether it was turned upright}
    """
    turned = _turned(request["path"])
    picture = shrunk(load(request["path"]), min(OUT_IMAGE_SIDE, int(request.get("side") or OUT_IMAGE_SIDE)))
    clear = picture.mode == "RGBA"
    path = str(request["output"]) + ("" if request.get("as_is") else ".png" if clear else ".jpg")
    if clear:
        mime = "image/png"
        picture.save(path, "PNG", optimize=True)
    else:
        mime = "image/jpeg"
        picture.save(path, "JPEG", quality=QUALITY, progressive=True, optimize=True)
    return {"path": path, "mime": mime, "width": picture.width, "height": picture.height, "blurhash": blurhash_of(picture),
            "turned": turned}


def _turned(path: str | Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.getexif().get(ExifTags.Base.Orientation, 1) not in (0, 1)
    except Exception:  # Pillow reports damage in many types
        return False  # `load` says what is wrong with it


def thumbnail(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """A small WebP, for avatars and headers.

    Args:
        request: {"path": file, "output": WebP file, "width", "height": the box that is filled, cropped to the middle}.

    Returns:
        {"width", "height"}
    """
    box = (int(request["width"]), int(request["height"]))
    picture = ImageOps.fit(load(request["path"]), box, Image.Resampling.LANCZOS)
    picture.save(str(request["output"]), "WEBP", quality=POSTER_QUALITY, method=4)
    return {"width": picture.width, "height": picture.height}
