"""Whether a video flashes more than three times a second: WCAG 2.3.1, "Three Flashes or Below Threshold".

Source: WCAG 2.2, definitions of "general flash and red flash thresholds" and of relative luminance. Runs in children only.

The picture is looked at as it is seen at 1024 × 768, in squares of 16 pixels. In every square the luminance is followed from one
extreme to the next; a change of a tenth of the greatest luminance in the other direction than the one before, with the darker
side below 0.80, is a transition, and two of them are a flash. Squares with more than six transitions in a second flash too often;
it counts when they take a quarter of a rectangle of 341 × 256 pixels anywhere, which is a quarter of ten degrees of sight. A
pattern finer than the squares is averaged, as WCAG leaves fine, balanced patterns out.
"""
from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ..errors import Invalid
from . import source
from .limits import most_frames
from .progress import Progress

SCREEN: Final = (1024, 768)
CELL: Final = 16
FIELD: Final = (341, 256)
SHARE: Final = 0.25
CHANGE: Final = 0.1
BRIGHT: Final = 0.8
MOST: Final = 6
"""Transitions in one second: three flashes."""
RED: Final = 0.8
"""R / (R + G + B) of a saturated red, linear values."""
COLOUR: Final = 0.2
"""Distance in the CIE 1976 UCS diagram between the two sides of a red flash."""
_BLACK: Final = 0.02
"""Under this R + G + B a square has no colour: it counts as grey."""
_GREY: Final = (0.1978, 0.4683)
_WEIGHTS: Final = (0.2126, 0.7152, 0.0722)


def _linear() -> Any:
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def grid_of(width: int, height: int) -> tuple[int, int]:
    """(columns, rows) of the squares of a picture, shown as large as fits on the screen."""
    scale = min(SCREEN[0] / width, SCREEN[1] / height)
    return max(1, round(width * scale / CELL)), max(1, round(height * scale / CELL))


class _Luminance:
    """General flashes: transitions of relative luminance, square by square."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._low = np.full(shape, np.inf, np.float32)
        self._high = np.full(shape, -np.inf, np.float32)
        self._way = np.zeros(shape, np.int8)

    def take(self, light: Any) -> Any:
        """Which squares make a transition in this frame. light: (rows, columns, 3), linear, 0 … 1."""
        now = light @ np.array(_WEIGHTS, np.float32)
        np.minimum(self._low, now, out=self._low)
        np.maximum(self._high, now, out=self._high)
        down = (self._way >= 0) & (self._high - now >= CHANGE) & (now < BRIGHT)
        up = (self._way <= 0) & (now - self._low >= CHANGE) & (self._low < BRIGHT) & ~down
        # From here on only what comes after this extreme counts.
        self._way[down], self._way[up] = -1, 1
        turned = down | up
        self._low[turned] = self._high[turned] = now[turned]
        return turned


class _Reds:
    """Red flashes: transitions to and from a saturated red."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._red = np.zeros(shape, bool)
        self._from = np.full((*shape, 2), np.nan, np.float32)
        """Colour of the present side."""

    def take(self, light: Any) -> Any:
        """Which squares make a transition in this frame. light: (rows, columns, 3), linear, 0 … 1."""
        total = light.sum(axis=2)
        red = (light[..., 0] >= RED * total) & (total > _BLACK)
        now = _colour(light, total)
        first = np.isnan(self._from[..., 0])
        self._from[first], self._red[first] = now[first], red[first]
        far = ((now - self._from) ** 2).sum(axis=2) > COLOUR ** 2
        turned = far & (red != self._red)
        # A redder red, or what is farther from it, is the side that the next change is measured from.
        deeper = np.where(self._red, now[..., 0] > self._from[..., 0], now[..., 0] < self._from[..., 0]) & (red == self._red)
        moved = turned | deeper
        self._from[moved] = now[moved]
        self._red[turned] = red[turned]
        return turned


def _colour(light: Any, total: Any) -> Any:
    """(rows, columns, 2): u′ and v′; black is grey."""
    x, y, z = (light @ np.array(row, np.float32) for row in (
        (0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
    below = np.maximum(x + 15 * y + 3 * z, 1e-6)
    return np.where((total > _BLACK)[..., None], np.stack([4 * x / below, 9 * y / below], axis=2), np.array(_GREY, np.float32))


@dataclass
class _Counter:
    """Transitions of the last second, and the worst moment."""

    sense: _Luminance | _Reds
    shape: tuple[int, int]
    recent: deque[tuple[float, Any]] = field(default_factory=deque)
    rate: float = 0.0
    at: float | None = None

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.shape, np.int16)
        columns, rows = (min(side, round(size / CELL)) for side, size in zip(reversed(self.shape), FIELD, strict=True))
        self._box = (rows, columns)
        self._needed = SHARE * FIELD[0] * FIELD[1] / CELL ** 2

    def take(self, when: float, light: Any) -> None:
        """One frame at `when` seconds."""
        while self.recent and when - self.recent[0][0] >= 1.0 - 1e-6:
            self.counts -= self.recent.popleft()[1]
        turned = self.sense.take(light)
        if not turned.any():
            return
        self.recent.append((when, turned))
        self.counts += turned
        often = self.counts > MOST
        if often.sum() < self._needed or not self._together(often):
            return
        rate = float(np.median(self.counts[often])) / 2
        self.at = self.recent[0][0] if self.at is None else self.at
        self.rate = max(self.rate, rate)

    def _together(self, often: Any) -> bool:
        """Whether a quarter of the field of sight flashes, wherever it is."""
        rows, columns = self._box
        sums = np.pad(often.astype(np.int32).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        inside = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
        return bool(inside.max() >= self._needed)

    def said(self) -> dict[str, Any] | None:
        """What was found."""
        return None if self.at is None else {"at": round(self.at, 3), "flashes_per_second": round(self.rate, 1)}


def flashes(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Look at every frame of a video.

    Args:
        request: {"path": file}.

    Returns:
        {"general": {"at": seconds, "flashes_per_second": within the worst second} or None, "red": the same, "frames": how many}

    Raises:
        Invalid: not a video that can be read.
    """
    path = str(request["path"])
    container = source.open_video(path, source.kind_of(path))
    with contextlib.closing(container):
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        # Edges of blocks matter to nobody here, and smoothing them is a third of the work.
        stream.codec_context.options = {"skip_loop_filter": "all"}
        columns, rows = grid_of(stream.codec_context.width, stream.codec_context.height)
        counters = (_Counter(_Luminance((rows, columns)), (rows, columns)), _Counter(_Reds((rows, columns)), (rows, columns)))
        linear, total, number = _linear(), source.duration(container) or 0.0, 0
        try:
            for number, frame in enumerate(container.decode(stream), 1):
                if number > most_frames():
                    break
                when = float(frame.time if frame.time is not None else number / float(stream.average_rate or 25))
                light = linear[frame.reformat(columns, rows, "rgb24", interpolation="AREA").to_ndarray()]
                for counter in counters:
                    counter.take(when, light)
                if total and number % 48 == 0:
                    progress(min(1.0, when / total))
        except Exception as error:  # libav's errors are of many types
            raise Invalid(source.UNREADABLE, cause=error) from error
    if not number:
        raise Invalid(source.UNREADABLE, cause="no frame")
    return {"general": counters[0].said(), "red": counters[1].said(), "frames": number}
