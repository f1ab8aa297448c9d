"""The frame signature of MPEG-7's video signature: 380 ternary values of one picture, the input of the ISCC Video-Code.

Source: ISO/IEC 15938-3:2002/Amd 4:2010, with the arithmetic of its free implementation (libavfilter's `signature`), which the
ISCC (ISO 24138) names as its reader. Each element is a difference of averages over rectangles of a 32×32 grid, so the whole
signature is one matrix product. Compared with that implementation in docs/decisions/0007.
"""
from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import numpy as np

GRID: Final = 32
ELEMENTS: Final = 380
FPS: Final = 5
"""Frames a second from which the ISCC Video-Code is made."""
_TABLE: Final = Path(__file__).with_name("video_signature.txt")
_AVERAGE: Final = 128
"""What the elements of the categories `a…`, plain averages, are compared with."""
_QUIET: Final = 0.333
"""Share of a category's elements that count as "neither"."""
_PLACES: Final = 9
"""Decimals kept: the reference calculates with fractions, and equal averages must stay equal."""


def _rectangles(text: str) -> Any:
    """The mean over some rectangles as weights on the grid: (1024,) float64 that sum up to 1."""
    weights = np.zeros((GRID, GRID))
    for rectangle in filter(None, (part.strip() for part in text.split(","))):
        left, top, right, bottom = map(int, rectangle.split())
        weights[top:bottom + 1, left:right + 1] += 1
    return (weights / weights.sum()).ravel()


@functools.cache
def _table() -> tuple[Any, Any, list[slice]]:
    """(380×1024 weights, 380 offsets, the slice of each category)."""
    weights, offsets, categories = np.zeros((ELEMENTS, GRID * GRID)), np.zeros(ELEMENTS), []
    lines = [line for line in _TABLE.read_text("ascii").splitlines() if not line.startswith("#")]
    begins = 0
    for number, line in enumerate(lines):
        category, _, rest = line.partition(" ")
        plus, _, minus = rest.partition("-")
        weights[number] = _rectangles(plus)
        if minus:
            weights[number] -= _rectangles(minus)
        else:
            offsets[number] = _AVERAGE
        if number + 1 == len(lines) or lines[number + 1].partition(" ")[0] != category:
            categories.append(slice(begins, number + 1))
            begins = number + 1
    return weights, offsets, categories


def averages(luma: Any) -> Any:
    """The 32×32 averages of a picture, exact also where its size is not divisible by 32.

    Args:
        luma: (height, width) uint8, at least 32 either way.

    Returns:
        (32, 32) float64.
    """
    height, width = luma.shape
    rows, columns = (-(-np.arange(GRID + 1) * size // GRID) for size in (height, width))
    sums = np.add.reduceat(np.add.reduceat(luma, rows[:-1], axis=0, dtype=np.uint32), columns[:-1], axis=1, dtype=np.int64)
    return sums / np.outer(np.diff(rows), np.diff(columns))


def signatures(grids: Any) -> Any:
    """Frame signatures of pictures.

    Args:
        grids: (n, 32, 32) averages.

    Returns:
        (n, 380) int of 0 (darker), 1 (neither) and 2 (brighter).
    """
    weights, offsets, categories = _table()
    values = np.round(np.asarray(grids, np.float64).reshape(-1, GRID * GRID) @ weights.T - offsets, _PLACES)
    found = np.ones(values.shape, np.int64)
    for category in categories:
        part = values[:, category]
        sizes = np.sort(np.abs(part), axis=1)
        threshold = sizes[:, [int(part.shape[1] * _QUIET)]]
        found[:, category] += (part > threshold).astype(np.int64) - (part < -threshold)
    return found
