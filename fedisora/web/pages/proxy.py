"""Pictures and videos of other servers, shown through this one: a page makes no request to anybody else."""
from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ...errors import NotFound, Unsupported
from ...models import Actor, Media, Status
from ...store import lineage, statuses
from .visitor import visitor

if TYPE_CHECKING:
    from ...app import House

PICTURE_BYTES = 20 << 20
VIDEO_BYTES = 110 << 20
SAFE = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "video/mp4", "video/webm",
                  "video/quicktime", "audio/mpeg", "audio/mp4", "audio/ogg"})


async def _through(house: House, url: str | None, most: int, owner: Actor | None) -> Response:
    """A remote file from the cache in the data folder; fetched first when it is not there.

    Nothing of a suspended account, and nothing of a domain whose files are rejected: also what was cached before.
    """
    rules = await house.policy.rules()
    if not url or owner is None or owner.suspended_at is not None or rules.rejects_media(url) or rules.rejects_media(owner.uri):
        raise NotFound("There is no such file.")
    folder = Path(house.settings.data_dir) / "cache"
    name = hashlib.sha256(url.encode()).hexdigest()
    path, kind_path = folder / name, folder / f"{name}.type"
    if not await asyncio.to_thread(kind_path.exists):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        partial = folder / f"{name}.{secrets.token_hex(4)}"
        try:
            answer = await house.client.download(url, partial, max_bytes=most, deadline=60.0)
            kind = answer.content_type.partition(";")[0]
            if kind not in SAFE:
                raise Unsupported("This kind of file is not shown here.", cause=f"{url} is {kind}")
            await asyncio.to_thread(os.replace, partial, path)
            await asyncio.to_thread(kind_path.write_text, kind)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
    kind = await asyncio.to_thread(kind_path.read_text)
    return FileResponse(path, media_type=kind if kind in SAFE else "application/octet-stream", headers={
        "Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox"})


async def _file(request: Request, address: Callable[[Media], str | None]) -> Response:
    """A file of a post, for whoever may see the post; of one that is held back only for administrators, of one whose consent was
    taken back for nobody. What is not for everybody is kept by no shared cache."""
    house: House = request.app.state.house
    who = await visitor(request)
    admin = who.user is not None and who.user.admin

    def find(session: Session) -> tuple[Media | None, Actor | None, bool]:
        row = session.get(Media, request.path_params["id"])
        if row is None or row.status_id is None or lineage.hidden(session, [row.status_id]):
            return None, None, False  # a file without a post is one that consent is asked for: see pages/consents
        status = session.get(Status, row.status_id)
        if status is None or not (admin if not status.local and not status.published
                                  else statuses.visible(session, status, who.actor_id)):
            return None, None, False
        return row, session.get(Actor, row.actor_id), status.published and statuses.visible(session, status, None)

    row, owner, public = await house.db.read(find)
    if row is None:
        raise NotFound("There is no such file.")
    url = address(row)
    most = VIDEO_BYTES if row.kind in ("video", "audio") and url == row.remote_url else PICTURE_BYTES
    response = await _through(house, url, most, owner)
    if not public:
        response.headers["Cache-Control"] = "private, no-store"
    return response


async def media(request: Request) -> Response:
    """GET /proxy/media/ID"""
    return await _file(request, lambda row: row.remote_url)


async def poster(request: Request) -> Response:
    """GET /proxy/poster/ID"""
    return await _file(request, lambda row: row.remote_poster_url)


async def avatar(request: Request) -> Response:
    """GET /proxy/avatar/ID"""
    house: House = request.app.state.house
    row = await house.db.read(lambda session: session.get(Actor, request.path_params["id"]))
    return await _through(house, row.avatar_url if row is not None and not row.local else None, PICTURE_BYTES, row)
