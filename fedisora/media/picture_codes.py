"""PDQ of a still picture, for who looks for it in a list. Runs in children only. Videos: `fingerprint`."""
from __future__ import annotations

from typing import Any, Final

import numpy as np
from PIL import Image

from . import images, pdq
from .fingerprint import GOOD
from .progress import Progress

_LARGEST: Final = 1024
"""Longer side at which a picture is looked at: the code has 16 waves across at most."""

CUTS: Final = (
    *((cut, cut, cut, cut) for cut in (.05, .1, .15)),
    *(tuple(cut if side == number else 0.0 for number in range(4)) for side in range(4) for cut in (.1, .2, .3)),
    *((cut, 0.0, cut, 0.0) for cut in (.1, .2)), *((0.0, cut, 0.0, cut) for cut in (.1, .2)))
"""Shares that are cut off (left, top, right, bottom): a code stands for a whole picture and does not survive much cutting."""


def codes(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The code of a picture, as it is and as a mirror shows it.

    Args:
        request: {"path": file, "cuts"?: also of the picture with a part of its edges cut off, as it is cut before it is used}.

    Returns:
        {"codes": [hex, hex, …], or [] when there is too little to see (PDQ quality under 50); "quality": 0 … 100}

    Raises:
        Invalid: not a picture that can be read.
    """
    found, quality = codes_of(images.load(request["path"]), cuts=bool(request.get("cuts")))
    return {"codes": found, "quality": quality}


def codes_of(image: Image.Image, *, cuts: bool) -> tuple[list[str], int]:
    """The same of a decoded picture: its codes in hex, and its quality."""
    picture = images.shrunk(image, _LARGEST).convert("RGB").convert("L")
    found, quality = _both(np.asarray(picture))
    if found and cuts:
        width, height = picture.size
        for left, top, right, bottom in CUTS:
            box = (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
            found += _both(np.asarray(picture.crop(box)))[0]
    return list(dict.fromkeys(found)), quality


def _both(picture: Any) -> tuple[list[str], int]:
    """Codes as it is and mirrored, none when there is too little to see; and the quality."""
    values, quality = pdq.coefficients(picture)
    return ([pdq.code(values).hex(), pdq.code(pdq.mirrored(values)).hex()] if quality >= GOOD else []), int(quality)
