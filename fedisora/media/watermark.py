"""An invisible mark in the pictures of generated videos: a 32-bit id, read back when the record has been stripped.

Spread spectrum on the DCT of the luma, seen as a 256×256 grid whatever the size: 48 bits (the id and a CRC-16), each spread over
coefficients and signs that follow from the instance's key, the same in every picture. Without the key the mark can neither be
read nor forged; with it, it could be removed. Measured ranges: docs/operate/durable.md; the choice: docs/decisions/0007.

Reading is split: `Reader` (fed by the decoder of hostile bytes, in a child) averages what is not picture content; `read` needs
the key and runs where no file is parsed.
"""
from __future__ import annotations

import base64
import functools
import hashlib
import zlib
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

SIDE: Final = 256
BITS: Final = 48
PREFIX: Final = "fs-wm:"
STRENGTH: Final = 1.75
"""Standard deviation of the pattern in grey levels, before the mask."""
_LOW, _HIGH = 4, 40
_NEAREST, _FARTHEST = 10, 60
"""Coefficients (u, v) with u, v in 4 … 39 and 10 ≤ u + v ≤ 60: what small sizes and strong compression keep."""
_QUIETEST, _LOUDEST = 0.6, 2.0
"""The mask: where there is nothing to hide behind, and where there is much."""
_BLOCK: Final = 16
_MASK_EVERY: Final = 4
"""Pictures that share a mask."""
_ENOUGH: Final = 1.35
"""How much stronger than chance the bits must be: mean magnitude over what noise would give."""
CROPS: Final = tuple(share / 100 for share in range(21))
"""Shares of the sides that a centred crop may have taken."""


def soft_binding(mark: int) -> str:
    """The mark as a soft binding: `fs-wm:` and eight hex digits."""
    return f"{PREFIX}{mark:08x}"


def _bits(mark: int) -> Any:
    value = (mark << 16) | (zlib.crc32(mark.to_bytes(4, "big")) & 0xFFFF)
    return np.array([(value >> (BITS - 1 - place)) & 1 for place in range(BITS)])


@functools.lru_cache(maxsize=4)
def _places(key: bytes) -> tuple[Any, Any, Any]:
    """(rows, columns, signs), each (48, n): the coefficients of every bit. From SHAKE-256, so the same everywhere for ever."""
    free = [(u, v) for u in range(_LOW, _HIGH) for v in range(_LOW, _HIGH) if _NEAREST <= u + v <= _FARTHEST]
    stream = hashlib.shake_256(b"fedisora watermark 1\0" + key).digest(len(free) * 9)
    ranks = np.frombuffer(stream[:len(free) * 8], ">u8")
    signs = np.where(np.frombuffer(stream[len(free) * 8:], np.uint8) & 1, 1, -1)
    each = len(free) // BITS
    order = np.argsort(ranks, kind="stable")[:each * BITS]
    chosen = np.array(free)[order].reshape(BITS, each, 2)
    return chosen[..., 0], chosen[..., 1], signs[:each * BITS].reshape(BITS, each)


def _basis(count: int, size: int) -> Any:
    """(count, size) float32: rows of the orthonormal DCT, sampled at `size` points."""
    rows, columns = np.arange(count)[:, None], np.arange(size)[None]
    return (np.sqrt(2 / size) * np.cos(np.pi / (2 * size) * rows * (2 * columns + 1))).astype(np.float32)


def _stretch(size: int, blocks: int) -> Any:
    """(size, blocks) float32: linear interpolation between the middles of blocks."""
    at = np.clip((np.arange(size) + 0.5) / _BLOCK - 0.5, 0, blocks - 1)
    below = np.minimum(at.astype(int), max(0, blocks - 2))
    weights = np.zeros((size, blocks), np.float32)
    weights[np.arange(size), below] = 1 - (at - below)
    if blocks > 1:
        weights[np.arange(size), below + 1] = at - below
    return weights


class Marker:
    """Puts one id into the pictures of one video."""

    def __init__(self, key: bytes, mark: int, width: int, height: int) -> None:
        rows, columns, signs = _places(key)
        spread = np.zeros((_HIGH, _HIGH), np.float32)
        spread[rows, columns] = signs * (_bits(mark)[:, None] * 2 - 1)
        pattern = _basis(_HIGH, height).T @ spread @ _basis(_HIGH, width)
        self._pattern = pattern * np.float32(STRENGTH / pattern.std())
        self._blocks = (max(1, height // _BLOCK), max(1, width // _BLOCK))
        self._down, self._across = _stretch(height, self._blocks[0]), _stretch(width, self._blocks[1]).T.copy()
        self._masked, self._sum = np.empty_like(pattern), np.empty_like(pattern)
        self._number = 0

    def __call__(self, luma: Any) -> None:
        """Mark one picture in place: (height, width) uint8."""
        if self._number % _MASK_EVERY == 0:
            self._mask(luma)
        self._number += 1
        np.add(self._masked, luma, out=self._sum)
        np.rint(self._sum, out=self._sum)
        np.clip(self._sum, 0, 255, out=self._sum)
        luma[...] = self._sum

    def _mask(self, luma: Any) -> None:
        """More where there is texture. Looks at every fourth pixel of every fourth line."""
        high, wide = self._blocks
        step = _BLOCK // 4
        sample = luma[:high * _BLOCK:4, :wide * _BLOCK:4].astype(np.float32)
        if sample.shape != (high * step, wide * step):  # smaller than a block
            strength = np.full(self._blocks, _QUIETEST, np.float32)
        else:
            tiles = sample.reshape(high, step, wide, step)
            activity = np.abs(tiles - tiles.mean(axis=(1, 3), keepdims=True)).mean(axis=(1, 3))
            strength = np.clip(_QUIETEST + activity / 8, _QUIETEST, _LOUDEST).astype(np.float32)
        np.multiply(self._pattern, self._down @ (strength @ self._across), out=self._masked)

    def frame(self, frame: Any) -> None:
        """Mark the luma of an `av.VideoFrame` (yuv420p) in place."""
        plane = frame.planes[0]
        self(np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:frame.height, :frame.width])


@functools.cache
def _blur(reach: int, *, gaussian: bool) -> Any:
    """(256, 256) float32: a blur along one side; `reach` is the sigma, or half a box's window."""
    away = np.abs(np.arange(SIDE)[:, None] - np.arange(SIDE)[None])
    weights = np.exp(-(away / reach) ** 2 / 2) * (away <= 4 * reach) if gaussian else (away <= reach).astype(float)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class Reader:
    """Averages what many pictures have in common apart from their content."""

    def __init__(self) -> None:
        self._sum, self._count = np.zeros((SIDE, SIDE), np.float32), 0

    def add(self, grid: Any) -> None:
        """One picture as a (256, 256) grid: its fine structure, in units of how busy its surroundings are."""
        smooth, box = _blur(3, gaussian=True), _blur(7, gaussian=False)
        picture = np.asarray(grid, np.float32)
        fine = picture - smooth @ picture @ smooth.T
        self._sum += fine / (np.sqrt(np.maximum(box @ (fine * fine) @ box.T, 0)) + 1.5)
        self._count += 1

    def residue(self) -> str:
        """The average for `read`, as base64 of float16; empty when there was no picture."""
        return base64.b64encode((self._sum / self._count).astype("<f2").tobytes()).decode() if self._count else ""


@functools.lru_cache(maxsize=256)
def _seen(begins: float, ends: float) -> Any:
    """(40, 256) float32: DCT of the whole side when a picture shows it only from `begins` to `ends` (shares; below 0: more)."""
    width = ends - begins
    at = begins + (np.arange(SIDE) + 0.5) / SIDE * width
    basis = np.sqrt(2 / SIDE) * np.cos(np.pi * np.arange(_HIGH)[:, None] * at[None]) * width
    return np.where((at >= 0) & (at <= 1), basis, 0).astype(np.float32)


def _windows(box: Iterable[float] | None) -> Iterable[tuple[float, float, float, float]]:
    """(left, top, right, bottom) of what a file shows, in shares of the picture that was marked."""
    for crop in CROPS:
        half = crop / 2
        yield half, half, 1 - half, 1 - half
    if box is not None:  # borders were added: the marked picture is the part within them
        left, top, right, bottom = box
        across, down = right - left, bottom - top
        yield -left / across, -top / down, (1 - left) / across, (1 - top) / down


def read(residue: str, key: bytes, box: Iterable[float] | None = None) -> int | None:
    """The id in a video, None when it carries no mark made with this key.

    Args:
        residue: by `Reader.residue`.
        box: (left, top, right, bottom) of the picture within borders, as shares.
    """
    raw = base64.b64decode(residue)
    if len(raw) != SIDE * SIDE * 2:
        return None
    # No honest average comes near this; the numbers come from a child that has read a stranger's file.
    whole = np.clip(np.nan_to_num(np.frombuffer(raw, "<f2").astype(np.float32)), -16, 16).reshape(SIDE, SIDE)
    rows, columns, signs = _places(key)
    for left, top, right, bottom in _windows(list(box) if box is not None else None):
        spectrum = _seen(top, bottom) @ whole @ _seen(left, right).T
        for mirror in (1.0, -1.0):
            seen = spectrum * np.where(np.arange(_HIGH) % 2, mirror, 1.0).astype(np.float32)
            found = _decode(seen, rows, columns, signs)
            if found is not None:
                return found
    return None


def _decode(spectrum: Any, rows: Any, columns: Any, signs: Any) -> int | None:
    usable = np.add.outer(np.arange(_HIGH), np.arange(_HIGH))
    band = (usable >= _NEAREST) & (usable <= _FARTHEST)
    band[:_LOW], band[:, :_LOW] = False, False
    scale = np.sqrt(_local(np.where(band, spectrum, 0) ** 2) / np.maximum(_local(band.astype(np.float32)), 1e-6)) + 1e-6
    soft = np.tanh(spectrum / scale)
    sums = (soft[rows, columns] * signs).sum(axis=1)
    chance = np.sqrt((soft[rows, columns] ** 2).sum(axis=1)) * np.sqrt(2 / np.pi)
    if np.abs(sums).mean() < _ENOUGH * chance.mean():
        return None
    value = int("".join("1" if total > 0 else "0" for total in sums), 2)
    mark = value >> 16
    return mark if (zlib.crc32(mark.to_bytes(4, "big")) & 0xFFFF) == value & 0xFFFF else None


def _local(values: Any) -> Any:
    """Means over 7×7 of a (40, 40) array, as sums of the neighbours that are there."""
    box = _blur(3, gaussian=False)[:_HIGH, :_HIGH]
    return box @ values @ box.T
