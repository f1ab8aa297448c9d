"""Vouches whose givers went in a way that nobody noticed: an account that was deleted, suspended or disabled."""
from __future__ import annotations

from typing import TYPE_CHECKING

from fedisora.services.verification.methods import vouching

if TYPE_CHECKING:
    from fedisora.app import House

BATCH = 200


async def sweep(house: House) -> None:
    """Look at everybody who is verified by vouching, a few in each transaction."""
    after: int | None = 0
    while after is not None:
        after = await house.db.write(lambda uow, start=after: vouching.look_through(uow, start, BATCH))  # type: ignore[misc]
