"""A file of another server to start a video from: fetched as the person's own upload, with the post named as what it remixes."""
from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from ..errors import Invalid, RemoteUnavailable
from ..generation.intake import Wanted
from ..media.scratch import scratch
from ..models import Media
from ..services.generations import inputs
from ..services.likenesses import declaring
from ..store import actors
from .uploads import store_upload

if TYPE_CHECKING:
    from ..app import House

FETCH_SECONDS = 60.0
PROCESS_SECONDS = 60.0
LOOK = 0.2


async def borrowed(house: House, actor_id: int, wanted: Wanted) -> Wanted:
    """The request with a local file in place of another server's; any other request as it is.

    The file goes through everything that an upload goes through: limits, quota, check of its own record, encoding.

    Raises:
        NotFound, Forbidden: the post is not there, or may not be remixed.
        Invalid: the file cannot be used.
        StorageFull, TooLarge: it does not fit.
        RemoteUnavailable: its server, or our own media worker, takes too long.
    """
    source = wanted.input_media_id

    def find(session: Session) -> inputs.Input | None:
        media = session.get(Media, source) if source is not None else None
        if media is None or media.state != "remote" or not media.remote_url:
            return None
        actor = actors.get(session, actor_id)
        borrowable = inputs.find(session, actor, media.id, elsewhere=True)
        declaring.check(session, actor, wanted.people, media, house.db.clock())
        return borrowable

    found = await house.db.read(find)
    if found is None:
        return wanted
    async with scratch("borrow") as folder:
        path = folder / "file"
        await house.client.download(str(found.media.remote_url), path, max_bytes=house.settings.max_upload_mb << 20,
                                    deadline=FETCH_SECONDS)
        media_id = await store_upload(house, path, actor_id, path.stat().st_size, description=found.media.description, choice="")
    await _processed(house, media_id)
    return dataclasses.replace(wanted, input_media_id=media_id, remix_of_id=found.remix_of_id)


async def _processed(house: House, media_id: int) -> None:
    end = time.monotonic() + PROCESS_SECONDS
    while True:
        media = await house.db.read(lambda session: session.get_one(Media, media_id))
        if media.state == "failed":
            raise Invalid(media.error or "This file could not be processed.", code="input-broken")
        if media.state not in ("received", "processing"):
            return
        if time.monotonic() > end:
            raise RemoteUnavailable("The file was fetched and is still being processed. Try again in a moment.")
        await house.bells.wait(f"media:{media_id}", LOOK)
