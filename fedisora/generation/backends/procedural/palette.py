"""Colours and textures: palettes chosen by words, noise that tiles, light that adds up (everything is linear RGB)."""
from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
SIZE = 1024
"""Side of a noise texture; it tiles."""

PALETTES: dict[str, tuple[str, str]] = {
    "ember": ("fire lava volcano dragon autumn desert anger hot red canyon", "0b0410 3b0a2a 8c1d3f e2562c ffb347 fff1c9"),
    "ocean": ("sea ocean water wave waves rain blue river fish whale ice glacier", "020617 06264d 0b5d8f 18a6b8 8be3d0 f3fff7"),
    "forest": ("forest tree trees green jungle grass spring garden plant moss fern", "03100b 0b3323 1e6b3c 6fae4a d3d977 fdfbe0"),
    "rose": ("love flower pink rose cat kitten sweet dream cherry blossom candy", "12051c 4a1247 a32a6a f0688a ffb8a8 fff3e6"),
    "night": ("night star stars space galaxy moon aurora cosmic dark city midnight", "03030f 15124a 3d2a8c 7d5be0 52d6c8 f2fbff"),
    "gold": ("sun sunset dawn beach gold golden summer morning light honey", "1a0b2e 5b1f5e b7435d f28a4b ffd27a fffbe8"),
    "mist": ("fog mist winter snow grey silver calm quiet pale cold frost", "0a1018 22303f 4d6478 8fa5b3 cfdbe0 fafdff"),
}
"""Name → (words, stops from dark to light)."""


def field(value: Any) -> Field:
    """An array as 32-bit floats."""
    made: Field = np.asarray(value, np.float32)
    return made


def words_of(prompt: str) -> frozenset[str]:
    """The lower-case words of a prompt."""
    return frozenset(re.findall(r"[a-z]+", prompt.lower()))


def generator_for(prompt: str, seed: int) -> np.random.Generator:
    """The random numbers of one video: the same for the same prompt and seed."""
    digest = hashlib.sha256(f"{prompt}|{seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def choose(words: frozenset[str], rng: np.random.Generator) -> str:
    """The palette that most words ask for; a random one when none does."""
    scores = {name: len(words & frozenset(keys.split())) for name, (keys, _) in PALETTES.items()}
    best = max(scores.values())
    names = sorted(PALETTES)
    return names[int(rng.integers(len(names)))] if best == 0 else next(name for name in names if scores[name] == best)


def stops_of(name: str) -> Field:
    """(6, 3) linear colours of a palette, dark to light."""
    colours = [[int(item[at:at + 2], 16) / 255 for at in (0, 2, 4)] for item in PALETTES[name][1].split()]
    return field(np.array(colours, np.float32) ** 2.2)


def ramp(stops: Field, steps: int = 1024) -> Field:
    """(steps, 3) colours along the stops, smooth between them."""
    at = np.linspace(0, len(stops) - 1, steps, dtype=np.float32)
    low = np.minimum(at.astype(int), len(stops) - 2)
    part = (at - low)[:, None]
    part = part * part * (3 - 2 * part)
    return field(stops[low] * (1 - part) + stops[low + 1] * part)


def noise(rng: np.random.Generator, beta: float, cutoff: float = 0.0) -> Field:
    """A tiling 1/f^beta texture of `SIZE`², zero mean, unit variance; frequencies above `cutoff` are damped."""
    square = np.fft.fftfreq(SIZE)[:, None] ** 2 + np.fft.rfftfreq(SIZE)[None] ** 2
    square[0, 0] = 1
    amplitude = square ** (-beta / 2)
    amplitude[0, 0] = 0
    if cutoff:
        amplitude *= np.exp(-square / cutoff ** 2)
    made = np.fft.irfft2(amplitude * np.exp(2j * np.pi * rng.random(square.shape)), s=(SIZE, SIZE)).astype(np.float32)
    return field((made - made.mean()) / made.std())


def sample(texture: Field, x: Any, y: Any) -> Field:
    """A texture at float pixel positions, bilinear, tiling."""
    left, top = np.floor(x), np.floor(y)
    across, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
    mask = SIZE - 1
    x0, y0 = left.astype(np.int32) & mask, (top.astype(np.int32) & mask) * SIZE
    x1, y1 = (x0 + 1) & mask, (y0 + SIZE) & (SIZE * SIZE - 1)
    flat = texture.ravel()
    upper = flat.take(y0 + x0)
    upper += (flat.take(y0 + x1) - upper) * across
    lower = flat.take(y1 + x0)
    lower += (flat.take(y1 + x1) - lower) * across
    upper += (lower - upper) * down
    found: Field = upper
    return found


def profile(rng: np.random.Generator, beta: float, length: int, *, lowest: int = 3, highest: int = 700) -> Field:
    """A tiling 1-D 1/f^beta line in -1 … 1."""
    frequency = np.fft.rfftfreq(length)
    frequency[0] = 1
    amplitude = frequency ** -beta
    amplitude[:lowest] = 0
    amplitude[highest:] = 0
    line = np.fft.irfft(amplitude * np.exp(2j * np.pi * rng.random(len(frequency))), length)
    return field(line / np.abs(line).max())
