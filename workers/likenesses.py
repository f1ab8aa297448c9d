"""Sealed files of likenesses that nobody needs any more."""
from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError
from fedisora.services.likenesses.enrolling import publish_policy
from fedisora.storage.private import LIKENESSES
from fedisora.store import likenesses

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

ORPHAN_AGE = dt.timedelta(hours=1)
"""A file comes before its row: so long a new one is left alone."""


async def delete_private(house: House, payload: dict[str, Any]) -> None:
    """Remove sealed files that lost their keys; safe to repeat.

    Raises:
        FedisoraError: one is still there; the job is tried again.
    """
    for key in map(str, payload["keys"]):
        if not key.startswith(f"{LIKENESSES}/"):
            continue
        await asyncio.to_thread(house.private.delete, key)
        if await asyncio.to_thread(house.private.exists, key):
            raise FedisoraError(cause=f"{key} is still there after its deletion")
    await house.db.forget()  # their keys, too


def _tell(uow: UnitOfWork) -> None:
    for actor in likenesses.over(uow.session, uow.now):
        publish_policy(uow, actor)


async def sweep(house: House) -> None:
    """Tell other servers of likenesses whose time is over; remove sealed pictures that no row names: an account is deleted, or a
    process was killed before it wrote the row."""
    await house.db.write(_tell)
    before = house.db.clock() - ORPHAN_AGE
    found = [item.key for item in await asyncio.to_thread(house.private.files, LIKENESSES) if item.modified < before]
    if found:
        named = await house.db.read(likenesses.sealed_keys)
        for key in set(found) - named:
            await asyncio.to_thread(house.private.delete, key)


HOUSEKEEPING: dict[str, Handler] = {"delete_private": delete_private}
