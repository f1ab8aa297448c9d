"""Once a day: files that no row names are removed, rows whose file is gone are reported. In steps, each a job of its own."""
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from fedisora.db import UnitOfWork
from fedisora.models import Upload
from fedisora.storage import orphans
from fedisora.store import files, jobs

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
STEP = 1000
EVERY = dt.timedelta(days=1)
DAILY = "daily"
FIRST = dt.timedelta(minutes=10)
STALE_PART = 3600.0
"""Seconds after which a part without a row belongs to no upload that is just beginning."""


def schedule(uow: UnitOfWork) -> None:
    """Make sure that the storage is looked through within a day; called at every start."""
    jobs.enqueue(uow, "clean_storage", {}, key=DAILY, delay=FIRST)


async def clean_storage(house: House, payload: dict[str, Any]) -> None:
    """One step: first through the storage, then through the rows; the last one plans tomorrow's first."""
    following = await (_rows(house, int(payload["row"])) if "row" in payload else _files(house, str(payload.get("after") or "")))
    # a key of its own for each step: the row of the running one is there until it is done
    key = next((f"{name}:{value}" for name, value in following.items()), DAILY)
    await house.db.write(lambda uow: jobs.enqueue(uow, "clean_storage", following, key=key,
                                                  delay=dt.timedelta() if following else EVERY))


async def _files(house: House, after: str) -> dict[str, Any]:
    found = await asyncio.to_thread(orphans.page, house.storage, after, STEP)
    gone = await house.db.read(lambda session: orphans.orphans(session, found, house.db.clock()))
    if orphans.too_many(len(gone), len(found)):
        log.error("most files of the storage have no row: none is removed; see `fedisora storage check`", files=len(gone),
                  of=len(found))
    elif gone:
        await asyncio.to_thread(house.storage.delete, [item.key for item in gone])
        log.info("files without a row removed", files=len(gone), bytes=sum(item.size for item in gone))
    if len(found) == STEP:
        return {"after": found[-1].key}
    await asyncio.to_thread(house.storage.sweep_partial, house.db.clock() - orphans.KEPT)
    return {"row": 0}


async def _rows(house: House, after: int) -> dict[str, Any]:
    rows = await house.db.read(lambda session: files.kept(session, after, STEP))
    for item in await asyncio.to_thread(orphans.missing, house.storage, rows):
        log.warning("a file is missing from the storage", media=item.media_id, key=item.key)
    return {"row": rows[-1].id} if len(rows) == STEP else {}


async def sweep_uploads(house: House) -> int:
    """Remove resumable uploads that nobody completed in time, and parts that no row names; how many files that were."""
    def expire(uow: UnitOfWork) -> None:
        uow.session.execute(delete(Upload).where(Upload.expires_at < uow.now))

    await house.db.write(expire)
    folder = Path(house.settings.data_dir) / "uploads-part"
    parts = await asyncio.to_thread(_old_parts, folder)
    known = await house.db.read(lambda session: _known(session, parts))
    for name in parts - known:
        await asyncio.to_thread((folder / name).unlink, missing_ok=True)
    return len(parts - known)


def _old_parts(folder: Path) -> set[str]:
    oldest, found = time.time() - STALE_PART, set()
    if folder.is_dir():
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was completed just now
                if path.stat().st_mtime < oldest:
                    found.add(path.name)
    return found


def _known(session: Session, names: set[str]) -> set[str]:
    return set(session.scalars(select(Upload.part).where(Upload.media_id.is_(None)))) & names


HANDLERS: dict[str, Handler] = {"clean_storage": clean_storage}
