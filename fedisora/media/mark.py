"""A visible mark burnt into the first seconds of a video: it stays when metadata is stripped."""
from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

DARK, LIGHT, GREY = 16, 235, 128
"""Luma of black and white, and chroma without colour, in limited range."""
SHADE = 0.72


class Mark:
    """Words in the upper left corner, light on a dark plate.

    Args:
        text: what it says.
        width, height: of the frames, even.
    """

    def __init__(self, text: str, width: int, height: int) -> None:
        size = max(12, min(width, height) // 18)
        font = ImageFont.load_default(size)
        left, top, right, bottom = (round(edge) for edge in ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), text, font))
        padding, margin = size // 2, (size // 2) & ~1
        wide = min((right - left + 2 * padding + 1) & ~1, width - margin)
        high = min((bottom - top + 2 * padding + 1) & ~1, height - margin)
        plate = Image.new("L", (wide, high), 0)
        ImageDraw.Draw(plate).text((padding - left, padding - top), text, fill=255, font=font)
        self._letters = np.asarray(plate, np.float32) / 255
        self._rows, self._columns = slice(margin, margin + high), slice(margin, margin + wide)

    def applied(self, frame: Any) -> Any:
        """A copy of a yuv420p frame with the mark."""
        import av

        height, width = frame.height, frame.width
        planes = frame.to_ndarray()
        luma = planes[:height]
        below = luma[self._rows, self._columns] * (1 - SHADE) + DARK * SHADE
        luma[self._rows, self._columns] = np.round(below + (LIGHT - below) * self._letters)
        rows, columns = (slice(part.start // 2, part.stop // 2) for part in (self._rows, self._columns))
        for number in (0, 1):
            start = height * width + number * (height // 2) * (width // 2)
            chroma = planes.reshape(-1)[start:start + (height // 2) * (width // 2)].reshape(height // 2, width // 2)
            chroma[rows, columns] = GREY
        marked = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        marked.colorspace, marked.color_range = frame.colorspace, frame.color_range
        return marked
