"""Live clips that go: after their decision, after 72 hours at the latest, and when no row names them any more."""
from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import structlog

from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError
from fedisora.services import audit
from fedisora.services.verification import cases, clips
from fedisora.storage.private import CLIPS
from fedisora.store import verification

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
AT_ONCE = 100
ORPHAN_AGE = dt.timedelta(hours=1)
"""A file comes before its row: so long a new one is left alone."""
ABANDONED = dt.timedelta(hours=24)


async def delete_clip(house: House, payload: dict[str, Any]) -> None:
    """Remove a clip's file, look whether it is gone, and write that down. May run any number of times.

    Raises:
        FedisoraError: it is still there; the job is tried again.
    """
    key = str(payload["key"])
    await asyncio.to_thread(house.private.delete, key)
    if await asyncio.to_thread(house.private.exists, key):
        raise FedisoraError(cause=f"the clip of case {payload['case_id']} is still there after its deletion")
    await house.db.write(lambda uow: clips.deleted(uow, payload))


def plan(uow: UnitOfWork) -> None:
    """Close what nobody decided in time, and make sure that every clip that has to go has its job. At every start and every hour:
    it does not matter how long the server was away."""
    session = uow.session
    for case in verification.due(session, uow.now, AT_ONCE):
        cases.expire(uow, case)
    for case in verification.undeleted(session, AT_ONCE):
        clips.drop(uow, case, {"withdrawn": "withdrawn", "expired": "purged"}.get(case.state, "decided"))
    for case in verification.abandoned(session, uow.now - ABANDONED, cases.WITH_CLIP, AT_ONCE):
        cases.expire(uow, case)


async def sweep(house: House) -> None:
    """`plan`, and sealed clips that no case names: their account is deleted, or a process was killed before it wrote the row."""
    await house.db.write(plan)
    before = house.db.clock() - ORPHAN_AGE
    found = [item for item in await asyncio.to_thread(house.private.files, CLIPS) if item.modified < before]
    for start in range(0, len(found), AT_ONCE):
        some = {item.key: item for item in found[start:start + AT_ONCE]}
        named = await house.db.read(lambda session, keys=list(some): verification.named_clips(session, keys))  # type: ignore[misc]
        for key in some.keys() - named:
            await asyncio.to_thread(house.private.delete, key)
            await house.db.write(lambda uow, size=some[key].size: audit.note(  # type: ignore[misc]
                uow, "clip.deleted", subject=None, size=size, cause="orphan"))
            log.info("orphan clip deleted", key=key)
    await asyncio.to_thread(house.private.sweep_partial, before)
