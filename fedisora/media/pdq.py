"""PDQ: 256 bits by which one picture is recognised.

Source: "PDQ & TMK+PDQF", Facebook 2019, and its reference implementation. Tent filter and reduction to 64×64, 16×16 of the DCT,
each bit says whether a coefficient is above their median. All of it is linear up to the median: two matrix products a picture.
"""
from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np

BITS: Final = 256
SIDE: Final = 64
KEPT: Final = 16
FRAMES: Final = 120
"""Frames of a video whose code is kept, at most; five in two seconds of a short one."""
_WINDOWS: Final = 128
"""A side holds that many box filters' windows."""
_GRADIENT: Final = 90
"""The reference divides the sum of gradients by this for a quality of 0 to 100."""


@functools.cache
def _dct() -> Any:
    """(16, 64) float32: the second to seventeenth rows of the DCT; the first, the mean, says nothing."""
    rows, columns = np.arange(1, KEPT + 1)[:, None], np.arange(SIDE)[None]
    return (np.sqrt(2 / SIDE) * np.cos(np.pi / (2 * SIDE) * rows * (2 * columns + 1))).astype(np.float32)


@functools.lru_cache(maxsize=64)
def _reduction(size: int) -> Any:
    """(64, size) float32: two box filters, which make a tent, and the samples that are kept."""
    window = (size + _WINDOWS - 1) // _WINDOWS
    ahead = (window + 2) // 2 - 1
    behind = window - ahead - 1
    box = np.zeros((size, size))
    for row in range(size):
        left, right = max(0, row - behind), min(size, row + ahead + 1)
        box[row, left:right] = 1 / (right - left)
    kept = ((np.arange(SIDE) + 0.5) * size / SIDE).astype(int)
    return (box[kept] @ box).astype(np.float32)


def coefficients(luma: Any) -> tuple[Any, int]:
    """What the bits are made of, and how much there is to see.

    Args:
        luma: (height, width), 0 … 255.

    Returns:
        ((16, 16) float32, quality 0 … 100). Under a quality of 50 the code says little.
    """
    height, width = luma.shape
    small = _reduction(height) @ np.asarray(luma, np.float32) @ _reduction(width).T
    steps = [np.trunc(np.diff(small, axis=axis) * (100 / 255)) for axis in (0, 1)]
    quality = int(sum(np.abs(step).sum() for step in steps)) // _GRADIENT
    return _dct() @ small @ _dct().T, min(100, quality)


def code(found: Any) -> bytes:
    """The 32 bytes of PDQ from its coefficients, in the order of its hexadecimal form."""
    flat = found.ravel()
    middle = np.partition(flat, BITS // 2 - 1)[BITS // 2 - 1]
    return np.packbits((flat > middle)[::-1]).tobytes()


def mirrored(found: Any) -> Any:
    """The coefficients of the picture seen in a mirror."""
    signs = np.where(np.arange(1, KEPT + 1) % 2, -1, 1).astype(np.float32)
    return found * signs


def stride(count: int, most: int = FRAMES, least: int = 2) -> int:
    """Every how many of `count` frames (five a second) one has a code."""
    return max(least, -(-count // most))
