"""What stands on the horizon: mountains, dunes, trees, houses, each as a line of heights over the picture's width."""
from __future__ import annotations

import numpy as np

from .palette import Field, field, profile

LENGTH = 4096


def mountains(rng: np.random.Generator, near: float) -> Field:
    """A ridge in -1 … 1: soft far away, craggy near (`near` in 0 … 1)."""
    line = profile(rng, 1.62 - 0.18 * near, LENGTH)
    return (line + 0.35 * np.abs(profile(rng, 1.2, LENGTH)) * (1 - near) ** 2).astype(np.float32)


def dunes(rng: np.random.Generator, near: float) -> Field:
    """Long waves with a sharp lee side."""
    line = profile(rng, 2.2, LENGTH, highest=60)
    return (line + 0.4 * np.abs(profile(rng, 2.0, LENGTH, highest=40)) - 0.2).astype(np.float32)


def trees(rng: np.random.Generator, near: float) -> Field:
    """Spruces side by side on a gentle slope, larger when near; tiers of branches make the edge."""
    line = 0.35 * profile(rng, 2.0, LENGTH, highest=30)
    at = np.arange(LENGTH, dtype=np.float32)
    count = int(150 - 95 * near)
    for position in np.sort(rng.uniform(0, LENGTH, count)):
        tall = rng.uniform(0.45, 1.0) * (0.5 + 0.75 * near)
        wide = tall * rng.uniform(34, 52) * (0.6 + 0.9 * near)
        away = np.abs((at - position + LENGTH / 2) % LENGTH - LENGTH / 2)
        inside = np.clip(1 - away / wide, 0, 1)
        tiers = 1 + 0.16 * ((inside * rng.integers(6, 10)) % 1.0 - 0.5)
        line = np.where(inside > 0, np.maximum(line, -0.4 + tall * 1.5 * inside ** 0.92 * tiers), line)
    return line.astype(np.float32)


def houses(rng: np.random.Generator, near: float) -> Field:
    """A skyline: blocks of different heights, some with a spire."""
    line = np.full(LENGTH, -0.35, np.float32)
    at = 0
    while at < LENGTH:
        wide = int(rng.uniform(34, 88) * (0.7 + 0.6 * near))
        tall = float(rng.beta(1.6, 3.2)) * 1.7 * (1 - 0.45 * near) - 0.3
        line[at:at + wide] = tall
        if wide > 30 and rng.random() < 0.3:
            line[at + wide // 5:at + wide - wide // 5] = tall + 0.10
        if rng.random() < 0.14:
            line[at + wide // 2:at + wide // 2 + 3] = tall + 0.34
        at += wide + (int(rng.uniform(0, 8)) if rng.random() < 0.4 else 0)
    return line


def across(line: Field, start: float, width: int, step: float) -> Field:
    """Heights of `width` columns from the float position `start` on, `step` apart; interpolated."""
    at = start + np.arange(width, dtype=np.float32) * step
    low = np.floor(at)
    part = (at - low).astype(np.float32)
    index = low.astype(np.int64) % LENGTH
    return field(line[index] * (1 - part) + line[(index + 1) % LENGTH] * part)
