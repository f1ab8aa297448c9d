"""A slow move over a picture, with light of its palette passing over it: the procedural start from a picture."""
from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from ....errors import Invalid
from .palette import Field, field

MARGIN = 1.22
"""How much more than the picture that is shown there is to move over."""
MOST_PIXELS = 64_000_000


class Drift:
    """Pans and zooms over a picture. The same picture, prompt, seed and size give the same frames."""

    def __init__(self, path: str, stops: Field, rng: np.random.Generator, width: int, height: int) -> None:
        """
        Raises:
            Invalid: it is no picture that can be read.
        """
        from PIL import Image, ImageOps

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(Path(path), formats=["JPEG", "PNG", "WEBP"]) as opened:
                    if opened.width * opened.height > MOST_PIXELS:
                        raise Invalid("The picture is too large.")
                    picture = ImageOps.exif_transpose(opened).convert("RGB")
        except Invalid:
            raise
        except Exception as error:  # Pillow reports damage in many types
            raise Invalid("The picture to start from cannot be read.", cause=error) from error
        self._size, shape = (width, height), width / height
        cut = (picture.width, round(picture.width / shape)) if picture.width / picture.height < shape else (
            round(picture.height * shape), picture.height)
        left, top = (picture.width - cut[0]) / 2, (picture.height - cut[1]) / 2
        whole = (round(width * MARGIN), round(height * MARGIN))
        self._picture = picture.resize(whole, Image.Resampling.LANCZOS, box=(left, top, left + cut[0], top + cut[1]))
        self._filter = Image.Resampling.BICUBIC
        self._from, self._to = rng.uniform(-1, 1, 2), rng.uniform(-1, 1, 2)
        self._inwards = bool(rng.integers(2))
        self._tint = stops[4] / max(1e-3, float(stops[4].max()))
        yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
        angle = float(rng.uniform(0, 2 * np.pi))
        self._along = field((np.cos(angle) * (xx / width - .5) + np.sin(angle) * (yy / height - .5)) + .5)

    def frame(self, u: float) -> Field:
        """See `Scene`."""
        ease = u * u * (3 - 2 * u)
        zoom = .5 + .5 * (ease if self._inwards else 1 - ease)
        width, height = (side * (1 + (MARGIN - 1) * (1 - zoom)) for side in self._size)
        slack_x, slack_y = self._picture.width - width, self._picture.height - height
        at = self._from + (self._to - self._from) * ease
        left, top = slack_x * (.5 + .5 * float(at[0])), slack_y * (.5 + .5 * float(at[1]))
        seen = self._picture.resize(self._size, self._filter, box=(left, top, left + width, top + height))
        shown = field(np.asarray(seen)) / 255
        curve = shown * shown
        light = .8 * curve / (1.3 - .6 * curve)  # what the finish makes the picture's own light of again
        glow = np.exp(-((self._along - (u * 1.6 - .3)) / .28) ** 2)[..., None]
        return field(light * (1 + .3 * glow * self._tint))
