"""Live clips that go: after their decision, after 72 hours at the latest, and when no row names them any more."""
from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError
from fedisora.services import audit
from fedisora.services.verification import cases, clips
from fedisora.services.verification.states import OPEN
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
    await house.db.forget()  # its key, too; where readers were in the way, the sweep does it


async def purge_clip(house: House, payload: dict[str, Any]) -> None:
    """The time of a clip is over: its case closes, unless somebody decided. May run any number of times."""
    def close(uow: UnitOfWork) -> None:
        case = verification.case(uow.session, int(payload["case_id"]), lock=True)
        if (case is not None and case.state in OPEN and case.clip_key is not None and case.clip_purge_at is not None
                and case.clip_purge_at <= uow.now):
            cases.expire(uow, case)

    await house.db.write(close)


def plan(uow: UnitOfWork) -> bool:
    """Close what nobody decided in time, and make sure that every clip that has to go has its job. At every start and every hour:
    it does not matter how long the server was away. One case that cannot be closed keeps no other from it.

    Returns:
        Whether there may be more that can be closed.
    """
    session, closed = uow.session, 0
    late = (*verification.due(session, uow.now, AT_ONCE),
            *verification.abandoned(session, uow.now - ABANDONED, cases.WITH_CLIP, AT_ONCE))
    for case in late:
        case_id = case.id
        try:
            with session.begin_nested():
                cases.expire(uow, case)
            closed += 1
        except (FedisoraError, SQLAlchemyError):
            log.exception("a case cannot be closed", case=case_id)
    for case in verification.undeleted(session, AT_ONCE):
        clips.drop(uow, case, {"withdrawn": "withdrawn", "expired": "purged"}.get(case.state, "decided"))
    return closed > 0 and len(late) >= AT_ONCE


async def close_late(house: House) -> None:
    """`plan`, until nothing is left that can be closed."""
    while await house.db.write(plan):
        pass


async def sweep(house: House) -> None:
    """`close_late`, and sealed clips that no case names: their account is deleted, or a process was killed before the row was
    written."""
    await close_late(house)
    before = house.db.clock() - ORPHAN_AGE
    found = [item for item in await asyncio.to_thread(house.private.files, CLIPS) if item.modified < before]
    for start in range(0, len(found), AT_ONCE):
        some = {item.key: item for item in found[start:start + AT_ONCE]}
        named = await house.db.read(lambda session, keys=list(some): verification.named_clips(session, keys))  # type: ignore[misc]
        for key in some.keys() - named:
            await asyncio.to_thread(house.private.delete, key)
            if await asyncio.to_thread(house.private.exists, key):
                log.error("an orphan clip is still there after its deletion", key=key)
                continue
            await house.db.write(lambda uow, size=some[key].size: audit.note(  # type: ignore[misc]
                uow, "clip.deleted", subject=None, size=size, cause="orphan"))
            log.info("orphan clip deleted", key=key)
    await asyncio.to_thread(house.private.sweep_partial, before)
    if not await house.db.forget():
        log.warning("the write-ahead log of the database could not be cut: keys of deleted clips may still be in it")
