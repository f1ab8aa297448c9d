"""A remix whose consent was taken back: its files leave the addresses under which everybody knows them."""
from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from fedisora.db import UnitOfWork
from fedisora.models import Media
from fedisora.services import renditions
from fedisora.storage.store import new_key
from fedisora.store import jobs, lineage
from fedisora.store import media as media_rows

from .files import scratch

if TYPE_CHECKING:
    from fedisora.app import House

COLUMNS = ("storage_key", "poster_key", "manifest_key", "storyboard_key")


async def readdress(house: House, status_id: int) -> None:
    """Move the files of a hidden remix to new, unguessable keys, which only its author's page names. Nothing, when the consent
    is there again."""
    files = await house.db.read(lambda session: _hidden(session, status_id))
    for media in files:
        moved: dict[str, tuple[str, str]] = {}
        async with scratch() as folder:
            for column in COLUMNS:
                old = getattr(media, column)
                if old is None:
                    continue
                new, path = new_key(media.id, Path(old).suffix), folder / column
                await asyncio.to_thread(house.storage.get_to, old, path)
                await asyncio.to_thread(house.storage.put_file, new, path)
                moved[column] = (old, new)
        await house.db.write(lambda uow, media_id=media.id, moved=moved: _keep(uow, media_id, moved))  # type: ignore[misc]


def _hidden(session: Session, status_id: int) -> list[Media]:
    if not lineage.hidden(session, [status_id]):
        return []
    return [media for media in media_rows.of_statuses(session, [status_id]).get(status_id, []) if media.storage_key]


def _keep(uow: UnitOfWork, media_id: int, moved: dict[str, tuple[str, str]]) -> None:
    """Name the new keys and let go of the former files; what changed meanwhile (signed anew, deleted) stays as it is."""
    row = uow.session.get(Media, media_id)
    if row is None or any(getattr(row, column) != old for column, (old, _) in moved.items()):
        jobs.enqueue(uow, "delete_files", {"keys": [new for _, new in moved.values()]})
        return
    gone = [old for old, _ in moved.values()] + ([row.poster_jpeg_key] if row.poster_jpeg_key else [])
    for column, (_, new) in moved.items():
        setattr(row, column, new)
    renditions.forget(uow, row, dt.timedelta())
    jobs.enqueue(uow, "delete_files", {"keys": gone})
