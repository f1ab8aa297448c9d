"""The parts of resumable uploads: a row that says whose it is and how long it will be, and a file that grows.

How far an upload is, is the size of its file. Nothing here knows the protocol (`tus`).
"""
from __future__ import annotations

import asyncio
import datetime as dt
import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sqlalchemy import func, select

from ..db import UnitOfWork
from ..errors import Gone, Invalid, NotFound, TooLarge, TooManyRequests
from ..models import Actor, Upload
from ..provenance import digital_source
from ..services import storage_quota
from ..store import actors
from .uploads import insert_media, new_upload_key

if TYPE_CHECKING:
    from ..app import House

FOLDER = "uploads-part"
LIFETIME = dt.timedelta(hours=24)
OPEN = 10
"""Uploads that one account may have under way."""


def folder(house: House) -> Path:
    """Where the parts lie."""
    return Path(house.settings.data_dir) / FOLDER


async def create(house: House, actor: Actor, length: int | None, about: dict[str, str]) -> Upload:
    """Begin an upload.

    Raises:
        Invalid: no or an empty length, or an unknown `fedisora_source`.
        TooLarge, StorageFull, TooManyRequests
    """
    if not length:
        raise Invalid("Upload-Length is the size of the file in bytes, and not 0.")
    most = house.settings.max_upload_mb
    if length > most << 20:
        raise TooLarge(f"This file is larger than {most} MB. Choose a shorter or smaller one.")
    digital_source.declare(about.get("fedisora_source", ""))
    upload_id = secrets.token_urlsafe(32)
    part = secrets.token_hex(16)  # a name that no file system mistakes for another

    def insert(uow: UnitOfWork) -> Upload:
        waiting = uow.session.scalar(select(func.count()).select_from(Upload).where(
            Upload.actor_id == actor.id, Upload.media_id.is_(None), Upload.expires_at > uow.now)) or 0
        if waiting >= OPEN:
            raise TooManyRequests(f"You have {waiting} uploads under way. Finish or cancel one first.", retry_after=60)
        storage_quota.check(uow, actors.get(uow.session, actor.id), length)
        row = Upload(id=upload_id, actor_id=actor.id, length=length, about=about, part=part, created_at=uow.now,
                     expires_at=uow.now + LIFETIME)
        uow.session.add(row)
        return row

    return await house.db.write(insert)


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)


async def find(house: House, actor: Actor, upload_id: str) -> Upload:
    """An upload of this account.

    Raises:
        NotFound, Gone: its time is over.
    """
    row = await house.db.read(lambda session: session.get(Upload, upload_id))
    if row is None or row.actor_id != actor.id:
        raise NotFound("There is no such upload.")
    if row.media_id is None and row.expires_at <= house.db.clock():
        raise Gone("This upload was not finished in time. Begin again.")
    return row


async def offset(house: House, row: Upload) -> int:
    """How many bytes are here: the size of the part; all of them once it has become a file."""
    return row.length if row.media_id is not None else await asyncio.to_thread(_size, folder(house) / row.part)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Held(Exception):
    """Another request writes to this upload."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The part, locked as long as this process holds it open: also against other processes, and never longer than they live."""
    _touch(path)
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Held from error
        yield file


async def note(house: House, upload_id: str, have: int) -> Upload:
    """Keep how far an upload is, and give it time again.

    Raises:
        NotFound: it was given up meanwhile.
    """
    def write(uow: UnitOfWork) -> Upload:
        row = uow.session.get(Upload, upload_id)
        if row is None:
            raise NotFound("There is no such upload.")
        row.offset, row.expires_at = have, uow.now + LIFETIME
        return row

    return await house.db.write(write)


async def finish(house: House, row: Upload) -> Upload:
    """Make a complete upload a file that is processed, exactly as a form's. Repeating it changes nothing.

    The file is stored before the row names it: a kill between the two leaves an orphan, and the part to try again with. Call it
    while the part is `opened`, so that nobody else does the same.
    """
    part, actor_id, about = folder(house) / row.part, row.actor_id, dict(row.about)
    media_id, key = new_upload_key(house)
    await asyncio.to_thread(house.storage.put_file, key, part)

    def insert(uow: UnitOfWork) -> Upload:
        known = uow.session.get(Upload, row.id)
        if known is None:
            raise NotFound("There is no such upload.")
        if known.media_id is None:
            insert_media(uow, media_id, actor_id, key, known.length, description=about.get("description", ""),
                         choice=about.get("fedisora_source", ""))
            known.media_id, known.offset = media_id, known.length
        return known

    found = await house.db.write(insert)
    await asyncio.to_thread(part.unlink, missing_ok=True)
    return found


async def finish_later(house: House, actor: Actor, row: Upload) -> Upload:
    """`finish` for an upload whose last bytes came before the server ended; left alone while somebody else is at it."""
    try:
        with opened(folder(house) / row.part):
            row = await find(house, actor, row.id)
            return await finish(house, row) if row.media_id is None else row
    except Held:
        return row


async def remove(house: House, row: Upload) -> None:
    """Terminate an upload; a file that it became already stays."""
    def drop(uow: UnitOfWork) -> None:
        known = uow.session.get(Upload, row.id)
        if known is not None:
            uow.session.delete(known)

    await house.db.write(drop)
    await asyncio.to_thread((folder(house) / row.part).unlink, missing_ok=True)
