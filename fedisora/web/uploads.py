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
from ..errors import Invalid, TooLarge
from ..ids import new_id
from ..media.process import run_media
from ..models import Media
from ..provenance import digital_source
from ..services import declaration
from ..storage.store import new_key
from ..store import jobs
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
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-upload-"))
    try:
        digital_source.declare(choice)  # before the file is read
        path = folder / "upload"
        await spool(file, path, house.settings.max_upload_mb << 20)
        media_id = new_id(house.db.clock())
        key = f"uploads/{media_id}-{secrets.token_hex(8)}"
        await asyncio.to_thread(house.storage.put_file, key, path, move=True)
    finally:
        await file.close()
        await asyncio.to_thread(shutil.rmtree, folder, True)

    def insert(uow: UnitOfWork) -> None:
        media = Media(id=media_id, actor_id=actor_id, state="received", upload_key=key,
                      description=description.strip()[:1500], created_at=uow.now,
                      record=maker_of(uow.session, actor_id))
        declaration.say(media, choice)
        uow.session.add(media)
        uow.session.flush()
        jobs.enqueue(uow, "process_media", {"media_id": media_id}, key=str(media_id))

    await house.db.write(insert)
    return media_id


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
