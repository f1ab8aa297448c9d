"""What lasts when a file's record is stripped: its fingerprints, and the match with a file that was known before."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from fedisora.errors import FedisoraError
from fedisora.media.recogniser import bindings, give_up
from fedisora.media.verifier import MAX_BYTES
from fedisora.models import Media
from fedisora.services import recognition

from .files import scratch
from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
DEADLINE = 120.0


async def soft_bindings(house: House, media: Media, path: Path) -> list[str]:
    """The codes that go into the record of a local file that is about to be signed; they are kept for later look-ups.

    A file is signed without them rather than not at all.

    Args:
        path: the file as it will be signed.
    """
    if media.kind != "video":
        return []
    known = await house.db.read(lambda session: session.get_one(Media, media.id))
    if known.fingerprinted_at is None and house.recogniser.active:
        try:
            await house.recogniser.learn(media.id, path)
        except FedisoraError as error:
            log.warning("signed without fingerprints", media=media.id, reason=str(error))
            return bindings(media, None)
        known = await house.db.read(lambda session: session.get_one(Media, media.id))
    if known.matched:
        await house.db.write(lambda uow: recognition.tell(uow, media.id))
    return [str(code) for code in known.soft_binding] or bindings(media, None)


async def fingerprint(house: House, payload: dict[str, Any]) -> None:
    """Compute the codes of a stored video and look for one like it; a remote one is fetched."""
    media_id = int(payload["media_id"])
    media = await house.db.read(lambda session: session.get(Media, media_id))
    if media is None or media.kind != "video" or media.fingerprinted_at is not None or not house.recogniser.active:
        return
    async with scratch() as folder:
        path = folder / "file"
        if media.storage_key:
            await asyncio.to_thread(house.storage.get_to, media.storage_key, path)
        elif media.remote_url:
            await house.client.download(media.remote_url, path, max_bytes=MAX_BYTES, deadline=DEADLINE)
        else:
            return
        try:
            await house.recogniser.learn(media_id, path)
        except FedisoraError as error:
            # What brings the child down would do so again; the sweep would ask for it every hour.
            log.warning("no fingerprint", media=media_id, reason=str(error))
            await house.db.write(lambda uow: give_up(uow, media_id))
        else:
            await house.db.write(lambda uow: recognition.tell(uow, media_id))


HANDLERS: dict[str, Handler] = {"fingerprint": fingerprint}
