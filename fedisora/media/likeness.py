"""Whether two videos are the same by their codes: the rules, and nothing else.

Rules and the measurements they rest on: docs/operate/durable.md.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from .frame_signature import FPS
from .pdq import stride

CANDIDATE: Final = 48
"""Bits of the ISCC within which two videos may be the same."""
FRAME: Final = 31
"""Bits of PDQ within which two frames are the same."""
NEAR: Final = 32
NEAR_FRAME: Final = 60
"""The second rule, for copies with something cut off or laid over: a nearer ISCC, and frames that are only alike. Frames of
unrelated videos, also of the same scene by the same generator, are 86 or more apart."""
PART: Final = 16
"""Bits of the ISCC within which the upper or lower three quarters of two videos are the same, whatever the rest shows. Parts with
little to see have no code: all of them would be alike."""
SHARE: Final = 0.5
"""Share of the frames that must be so."""
FEWEST: Final = 2
"""Frames without which nothing is said."""


@dataclass(frozen=True)
class Likeness:
    """`distance` of the ISCC in bits (256: there is none), `frames`: share of the frames that are the same, `part`: bits between
    parts of the picture (256: not alike), `same`: both are the same video."""

    distance: int
    frames: float
    part: int
    same: bool


def compare(codes: dict[str, Any], kept: Mapping[str, Sequence[bytes]], seconds: float | None) -> Likeness:
    """A video against one whose codes are kept.

    Args:
        codes: of the one, by `fingerprint.fingerprint`.
        kept: of the other, by kind (`iscc`, `part`, `pdq`).
        seconds: length of the other.
    """
    distance = min(distances(codes, kept.get("iscc", ())), default=256)
    same, near = alike(codes, list(kept.get("pdq", ())), stride(round((seconds or 0) * FPS)))
    looks = [int(part[name], 16) for part in codes["parts"] for name in ("plain", "mirror")]
    part = min(((look ^ int.from_bytes(code, "big")).bit_count() for look in looks for code in kept.get("part", ())), default=256)
    return Likeness(distance, same, part, same >= SHARE or (distance <= NEAR and near >= SHARE) or part <= PART)


def distances(codes: dict[str, Any], kept: Iterable[bytes]) -> list[int]:
    """Bits between the ISCC of every view and every one that is kept."""
    numbers = [int.from_bytes(code, "big") for code in kept]
    return [(int(look["iscc"], 16) ^ number).bit_count() for look in codes["look"] if look["iscc"] for number in numbers]


def alike(codes: dict[str, Any], kept: list[bytes], every: int) -> tuple[float, float]:
    """Shares of the frames that are the same, and that are alike, each in the view that fits best.

    The frames of a trimmed copy lie between those that are kept of the original: only those that are as far apart as the kept
    ones are counted together, and of these groups the best.
    """
    if not kept:
        return 0.0, 0.0
    stored = np.frombuffer(b"".join(kept), np.uint64).reshape(-1, 4)
    same = near = 0.0
    for look in codes["look"]:
        if len(look["pdq"]) < FEWEST:
            continue
        numbers = np.array([number for number, _ in look["pdq"]]) // look["every"]
        frames = np.frombuffer(bytes.fromhex("".join(code for _, code in look["pdq"])), np.uint64).reshape(-1, 4)
        nearest = np.bitwise_count(frames[:, None] ^ stored[None]).sum(axis=2, dtype=np.int64).min(axis=1)
        groups = max(1, every // look["every"])
        for first in range(groups):
            group = nearest[numbers % groups == first]
            if len(group) >= FEWEST or groups == 1:
                same = max(same, float((group <= FRAME).mean()))
                near = max(near, float((group <= NEAR_FRAME).mean()))
    return same, near
