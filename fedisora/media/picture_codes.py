"""PDQ of a still picture, for who looks for it in a list. Runs in children only. Videos: `fingerprint`."""
from __future__ import annotations

from typing import Any, Final

import numpy as np

from . import images, pdq
from .fingerprint import GOOD
from .progress import Progress

_LARGEST: Final = 1024
"""Longer side at which a picture is looked at: the code has 16 waves across at most."""


def codes(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The code of a picture, as it is and as a mirror shows it.

    Args:
        request: {"path": file}.

    Returns:
        {"codes": [hex, hex], or [] when there is too little to see (PDQ quality under 50); "quality": 0 … 100}

    Raises:
        Invalid: not a picture that can be read.
    """
    picture = images.shrunk(images.load(request["path"]), _LARGEST).convert("RGB").convert("L")
    values, quality = pdq.coefficients(np.asarray(picture))
    found = [pdq.code(values).hex(), pdq.code(pdq.mirrored(values)).hex()] if quality >= GOOD else []
    return {"codes": found, "quality": quality}
