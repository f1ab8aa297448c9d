"""The gate for pictures that nobody may make or use here: their PDQ is compared with that of inputs and of frames."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final, Literal

from ...errors import Refused
from ...media.process import run_media
from ...media.sniff import sniff_file
from ...store import denied
from ...translations import Sentence
from .base import ALLOW, Stage, Subject, Surroundings, Verdict

SECONDS: Final = 28.0
_AT_ONCE: Final = 1 << 20
"""Pairs of codes that are compared in one go."""


async def codes_of(path: Path) -> list[tuple[int | None, bytes]]:
    """The codes of a picture, or of frames all over a video in every way in which it may have been changed (mirrored, framed,
    cropped): (milliseconds or None, 32 bytes). Worked out in a child process.

    Raises:
        Invalid: it cannot be read.
    """
    kind = await asyncio.to_thread(sniff_file, path)
    if kind is not None and kind.media == "image":
        found = await run_media("codes", {"path": str(path)}, timeout=SECONDS)
        return [(None, bytes.fromhex(code)) for code in found["codes"]]
    found = await run_media("fingerprint", {"path": str(path)}, timeout=SECONDS)
    return list({bytes.fromhex(code): (number * 200, bytes.fromhex(code)) for look in reversed(found["look"])
                 for number, code in look["pdq"]}.values())


async def codes_to_deny(path: Path) -> list[bytes]:
    """What to keep of a picture or a video so that it is known again: one code, or those of frames that differ.

    Raises:
        Invalid: it cannot be read.
    """
    kind = await asyncio.to_thread(sniff_file, path)
    if kind is not None and kind.media == "image":
        return [code for _, code in await codes_of(path)][:1]
    found = await run_media("fingerprint", {"path": str(path)}, timeout=SECONDS)
    return list(dict.fromkeys(bytes.fromhex(code) for _, code in found["keep"]["pdq"]))


def nearest(codes: Any, listed: Any) -> tuple[int, int, int]:
    """Which two are nearest: (index of the code, index in the list, bits between). Both (n, 4) uint64, neither empty."""
    import numpy as np

    best, step = (0, 0, 257), max(1, _AT_ONCE // len(codes))
    for first in range(0, len(listed), step):
        bits = np.bitwise_count(codes[:, None] ^ listed[None, first:first + step]).sum(axis=2, dtype=np.int64)
        place = int(bits.argmin())
        code, entry = divmod(place, bits.shape[1])
        if bits[code, entry] < best[2]:
            best = (code, first + entry, int(bits[code, entry]))
    return best


def as_numbers(codes: list[bytes]) -> Any:
    """(n, 4) uint64 of codes of 32 bytes. NumPy is loaded here: most servers deny no picture, and it takes 20 MB."""
    import numpy as np

    return np.frombuffer(b"".join(codes), np.uint64).reshape(-1, 4)


class Denylist:
    """Denies what is within FEDISORA_DENYLIST_DISTANCE bits of an entry. Without entries nothing is looked at."""

    name: Final = "denylist"
    stages: Final[frozenset[Stage]] = frozenset({"inputs", "frames"})
    when_broken: Final[Literal["open", "closed"]] = "closed"

    def __init__(self, surroundings: Surroundings) -> None:
        self._db, self._distance = surroundings.db, surroundings.settings.denylist_distance
        self._state: tuple[int, int] = (0, 0)
        self._ids: list[int] = []
        self._listed: Any = None

    async def _refresh(self) -> int:
        """Read the list again when it changed; how many entries it has."""
        state = await self._db.read(denied.state)
        if state != self._state:
            rows = await self._db.read(denied.codes)
            self._ids = [row_id for row_id, _ in rows]
            self._listed = as_numbers([code for _, code in rows]) if rows else None
            self._state = state
        return state[0]

    async def check(self, stage: Stage, subject: Subject) -> Verdict:
        """Compare every input, or the finished video."""
        files = subject.inputs if stage == "inputs" else (subject.output,) if subject.output is not None else ()
        if not files or not await self._refresh():
            return ALLOW
        for path in files:
            try:
                found = await codes_of(path)
            except Refused as error:
                return Verdict("hold", "not-readable", "This file could not be looked at. A moderator will decide.",
                               {"error": str(error)[:300]})
            verdict = await self._compare(found, "This picture may not be used here." if stage == "inputs" else
                                          Sentence("The video shows a picture that may not be made here."))
            if verdict is not ALLOW:
                return verdict
        return ALLOW

    async def _compare(self, found: list[tuple[int | None, bytes]], reason: str) -> Verdict:
        ids, listed = self._ids, self._listed
        if not found or not ids:
            return ALLOW
        code, entry, bits = await asyncio.to_thread(nearest, as_numbers([one for _, one in found]), listed)
        if bits > self._distance:
            return ALLOW
        row = await self._db.read(lambda session: denied.get(session, ids[entry]))
        at, seen = found[code]
        return Verdict("deny", "denied-picture", reason, {
            "distance": bits, "hash": seen.hex(), "at_seconds": at / 1000 if at is not None else None,
            "entry": str(ids[entry]), "source": row.source if row else "", "why": row.reason if row else ""})
