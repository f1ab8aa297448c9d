"""Uploaded files: from a form into the storage, and the row and job that follow. Used by the API and the pages."""
from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile

from ..db import UnitOfWork
from ..errors import Invalid, StorageFull, TooLarge
from ..ids import new_id
from ..media.process import run_media
from ..models import Media, Upload
from ..provenance import digital_source
from ..services import declaration, storage_quota
from ..storage.store import new_key
from ..store import actors, jobs
from ..store.actors import maker_of

if TYPE_CHECKING:
    from ..app import House

BOXES = {"avatar": (400, 400), "header": (1500, 500)}
CHUNK = 1 << 20


async def spool(file: UploadFile, path: Path, most: int) -> int:
    """Write an upload to a path; its size.

    Raises:
        TooLarge: over `most` bytes.
        Invalid: empty.
    """
    size = 0
    with path.open("wb") as target:
        while chunk := await file.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise TooLarge(f"This file is larger than {most >> 20} MB. Choose a shorter or smaller one.")
            await asyncio.to_thread(target.write, chunk)
    if not size:
        raise Invalid("This file is empty. Choose another one, or save it again.")
    return size


async def keep_upload(house: House, file: UploadFile, actor_id: int, *, description: str = "",
                      choice: str = "") -> int:
    """Store an upload and queue its processing; the id of its media row.

    Args:
        choice: how its author says it was made, a key of `digital_source.CHOICES`; "" = undeclared.

    Raises:
        TooLarge, Invalid: see `spool`; Invalid also for an unknown choice.
        StorageFull: over the account's quota.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-upload-"))
    try:
        digital_source.declare(choice)  # before the file is read
        path = folder / "upload"
        size = await spool(file, path, house.settings.max_upload_mb << 20)
        return await store_upload(house, path, actor_id, size, description=description, choice=choice)
    finally:
        await file.close()
        await asyncio.to_thread(shutil.rmtree, folder, True)


async def store_upload(house: House, path: Path, actor_id: int, size: int, *, description: str, choice: str) -> int:
    """Move a file into the storage as an upload, and queue its processing; the id of its media row.

    The quota is asked before the file is stored, and again with its row: several may come at once.

    Raises:
        StorageFull: over the account's quota; nothing is stored.
    """
    def check(uow: UnitOfWork) -> None:
        storage_quota.check(uow, actors.get(uow.session, actor_id), size)

    def insert(uow: UnitOfWork) -> None:
        check(uow)
        insert_media(uow, media_id, actor_id, key, size, description=description, choice=choice)

    await house.db.write(check)
    media_id, key = new_upload_key(house)
    await asyncio.to_thread(house.storage.put_file, key, path, move=True)
    try:
        await house.db.write(insert)
    except StorageFull:
        await asyncio.to_thread(house.storage.delete, [key])
        raise
    return media_id


def new_upload_key(house: House) -> tuple[int, str]:
    """(id of a new file's row, storage key of the upload)"""
    media_id = new_id(house.db.clock())
    return media_id, f"uploads/{media_id}-{secrets.token_hex(8)}"


def insert_media(uow: UnitOfWork, media_id: int, actor_id: int, key: str, size: int, *, description: str, choice: str) -> None:
    """The row of an upload that lies in the storage, and the job that processes it.

    Args:
        size: bytes of the upload; they count until those of the encoded file are known.
    """
    media = Media(id=media_id, actor_id=actor_id, state="received", upload_key=key, size=size,
                  description=description.strip()[:1500], created_at=uow.now, record=maker_of(uow.session, actor_id))
    declaration.say(media, choice)
    uow.session.add(media)
    uow.session.flush()
    jobs.enqueue(uow, "process_media", {"media_id": media_id}, key=str(media_id))


async def keep_resumed(house: House, upload_id: str, actor_id: int, *, description: str, choice: str) -> int:
    """The file that a resumable upload became, with what a form says of it; the id of its media row.

    Raises:
        Invalid: it is not complete, or was used already.
    """
    def apply(uow: UnitOfWork) -> int:
        row = uow.session.get(Upload, upload_id)
        media = uow.session.get(Media, row.media_id) if row is not None and row.actor_id == actor_id and row.media_id else None
        if row is None or media is None or media.status_id is not None:
            raise Invalid("This file did not arrive whole. Please choose it again.")
        media.description = description.strip()[:1500]
        declaration.say(media, choice)
        uow.session.delete(row)
        return media.id

    return await house.db.write(apply)


async def keep_picture(house: House, file: UploadFile, box: str) -> str:
    """Store an avatar or header, cropped and without metadata; its storage key.

    Raises:
        Invalid: not a picture.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-picture-"))
    try:
        source, made = folder / "upload", folder / "made.webp"
        await spool(file, source, 16 << 20)
        width, height = BOXES[box]
        await run_media("thumbnail", {"path": str(source), "output": str(made), "width": width, "height": height}, timeout=60)
        key = new_key(new_id(house.db.clock()), ".webp")
        await asyncio.to_thread(house.storage.put_file, key, made)
        return key
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)
