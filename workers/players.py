"""What players show beside a video: its storyboard, and captions that a program drafted."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError, Invalid
from fedisora.media.process import run_media
from fedisora.models import Actor, Media, Status, User
from fedisora.services import captions, channels
from fedisora.storage.store import new_key
from fedisora.store import captions as rows
from fedisora.store import jobs

from .files import keep, scratch
from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
STORYBOARD_SECONDS = 300.0
TRANSCRIBE_SECONDS = 7200.0


async def storyboard(house: House, payload: dict[str, Any]) -> None:
    """Cut the strip of small pictures of a local video. Safe to repeat: one that has its strip is left alone."""
    media_id = int(payload["media_id"])
    media = await house.db.read(lambda session: session.get(Media, media_id))
    if media is None or media.kind != "video" or not media.storage_key or media.storyboard_key:
        return
    async with scratch() as folder:
        source, strip = folder / "video", folder / "strip.jpg"
        await asyncio.to_thread(house.storage.get_to, media.storage_key, source)
        try:
            found = await run_media("storyboard", {"path": str(source), "output": str(strip)}, timeout=STORYBOARD_SECONDS)
        except FedisoraError as error:
            # What brings the child down would do so again; the sweep would ask for it every hour.
            log.warning("no storyboard", media=media_id, reason=str(error))
            await house.db.write(lambda uow: keep(uow, media_id, storyboard={}))
            return
        key = new_key(media_id, ".jpg")
        await asyncio.to_thread(house.storage.put_file, key, strip)
    await house.db.write(lambda uow: _keep_strip(uow, media_id, key, found))


def _keep_strip(uow: UnitOfWork, media_id: int, key: str, strip: dict[str, Any]) -> None:
    media = uow.session.get(Media, media_id)
    if media is None or media.storyboard_key:  # deleted meanwhile, or another worker was faster
        jobs.enqueue(uow, "delete_files", {"keys": [key]})
        return
    media.storyboard_key, media.storyboard = key, strip
    uow.ring(f"media:{media_id}")
    status = uow.session.get(Status, media.status_id) if media.status_id is not None else None
    if status is not None and status.published:
        uow.session.flush()
        channels.after_edit(uow, status)  # PeerTube shows it too


async def draft_captions(house: House, payload: dict[str, Any]) -> None:
    """Let the captions backend listen to a local video; what it hears is kept as "automatic" until its author saves it.

    Never in place of captions that are there: those of a person are better, those of a program are the same.
    """
    media_id, backend = int(payload["media_id"]), house.settings.captions_backend
    media, actor, language = await house.db.read(lambda session: _spoken(session, media_id))
    if media is None or actor is None or not media.storage_key or not backend:
        return
    own = await asyncio.to_thread(_own_folder, Path(house.settings.data_dir), backend)
    async with scratch() as folder:
        source = folder / "video.mp4"
        await asyncio.to_thread(house.storage.get_to, media.storage_key, source)
        try:
            found = await run_media("transcribe", {"backend": backend, "path": str(source), "language": language,
                                                   "folder": str(own)}, timeout=TRANSCRIBE_SECONDS)
        except FedisoraError as error:
            log.warning("no captions drafted", media=media_id, backend=backend, reason=str(error))
            raise Invalid("The captions backend did not work.", cause=error) from error  # final: it would not the next time
    text, speaker = str(found["text"]), actor
    if text:
        await house.db.write(lambda uow: captions.save(uow, uow.session.get_one(Actor, speaker.id), media_id, language, text,
                                                       automatic=True))


def _own_folder(data: Path, backend: str) -> Path:
    """Where a backend keeps its weights and settings."""
    folder = data.absolute() / "captions" / backend
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _spoken(session: Session, media_id: int) -> tuple[Media | None, Actor | None, str]:
    """(file, author, the language to listen for: that of the post, else of its author's account); (None, …) when there is
    nothing to do."""
    media = session.get(Media, media_id)
    if media is None or media.kind != "video" or media.state == "remote" or rows.of_files(session, [media_id]):
        return None, None, ""
    status = session.get(Status, media.status_id) if media.status_id is not None else None
    own = session.scalar(select(User.locale).where(User.actor_id == media.actor_id))
    language = rows.tag_of(status.language if status is not None else None) or rows.tag_of(own) or "en"
    return media, session.get(Actor, media.actor_id), language


HANDLERS: dict[str, Handler] = {"storyboard": storyboard, "draft_captions": draft_captions}
