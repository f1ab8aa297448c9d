"""Photos of nothing in particular: with enough in them to be known again, and with what cameras write into files."""
from __future__ import annotations

import io

import numpy as np
from PIL import Image

PLACE = b"52.5200 N 13.4050 E"
"""Stands in the metadata of every photo: it must not come out again."""


def photo(seed: int = 1, *, width: int = 640, height: int = 480, kind: str = "JPEG") -> bytes:
    """A picture of soft shapes; the same seed gives the same one."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    picture = small.resize((width, height), Image.Resampling.BICUBIC)
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = PLACE.decode()
    picture.save(out, kind, exif=exif, **({"quality": 92} if kind != "PNG" else {}))
    return out.getvalue()


def changed(data: bytes, *, mirrored: bool = False, cut: float = 0.0, width: int = 500) -> bytes:
    """The same picture after somebody has saved it anew: mirrored, with a share of its edges cut off, in another size."""
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if cut:
        picture = picture.crop((round(picture.width * cut), round(picture.height * cut),
                                round(picture.width * (1 - cut)), round(picture.height * (1 - cut))))
    picture = picture.resize((width, round(picture.height * width / picture.width)))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=70)
    return out.getvalue()
