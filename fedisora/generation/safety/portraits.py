"""Pictures that somebody enrolled as their likeness are not what somebody else's video starts from.

Codes of pictures are compared, not faces: the same photo is known again, another photo of the same person is not.
"""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from ...db import Database
from ...errors import Refused
from ...store import likenesses
from .base import ALLOW, Subject, Verdict
from .denylist import as_numbers, codes_of, nearest

CODE: Final = "somebodys-likeness"
REASON: Final = "This is a picture that somebody enrolled as their likeness. Ask them for a cameo instead of using it."


class Portraits:
    """Compares inputs with the enrolled pictures of everybody but the author; without any nothing is looked at."""

    def __init__(self, db: Database, distance: int) -> None:
        self._db, self._distance = db, distance
        self._state: tuple[int, int] = (0, 0)
        self._rows: list[tuple[int, int, bytes]] = []

    async def _others(self, actor_id: int) -> list[tuple[int, int, bytes]]:
        """Codes of others, read again when they changed."""
        state = await self._db.read(likenesses.codes_state)
        if state != self._state:
            self._rows, self._state = await self._db.read(likenesses.codes), state
        return [row for row in self._rows if row[1] != actor_id]

    async def check(self, subject: Subject) -> Verdict:
        """Deny what is within the distance of a picture that somebody else enrolled."""
        others = await self._others(subject.actor_id) if subject.inputs else []
        listed = as_numbers([code for _, _, code in others]) if others else None
        for path in subject.inputs if others else ():
            verdict = await self._compare(path, others, listed)
            if verdict is not ALLOW:
                return verdict
        return ALLOW

    async def _compare(self, path: Path, others: list[tuple[int, int, bytes]], listed: Any) -> Verdict:
        try:
            found = await codes_of(path)
        except Refused as error:
            return Verdict("hold", "not-readable", "This file could not be looked at. A moderator will decide.",
                           {"error": str(error)[:300]})
        if not found:
            return ALLOW
        _, entry, bits = await asyncio.to_thread(nearest, as_numbers([code for _, code in found]), listed)
        if bits > self._distance:
            return ALLOW
        return Verdict("deny", CODE, REASON, {"distance": bits, "likeness": str(others[entry][0])})
