"""Verified humans: clips that go, credentials that run out, status lists signed again, others' credentials looked at."""
from __future__ import annotations

from typing import TYPE_CHECKING

from . import attestations, clips, credentials, vouches
from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House


async def sweep(house: House) -> None:
    """Every hour: what ran out, what has to be signed again, what has to be looked at again."""
    await clips.sweep(house)
    await credentials.sweep(house)
    await vouches.sweep(house)
    await attestations.plan(house)


HOUSEKEEPING: dict[str, Handler] = {"delete_clip": clips.delete_clip, "purge_clip": clips.purge_clip, **attestations.HOUSEKEEPING}
FEDERATION: dict[str, Handler] = {**attestations.FEDERATION}
