"""Captions on pages: served to players as the video itself is, and kept by the author on the post."""
from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...errors import FedisoraError, NotFound, Refused
from ...media.captions import MAX_BYTES
from ...models import Actor, Caption, Media
from ...services import captions
from ...store import actors
from ...store import captions as rows
from .. import captions as given
from ..auth import onlooker
from ..convertors import number
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

HEADERS = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
           "Cross-Origin-Resource-Policy": "cross-origin", "Content-Security-Policy": "default-src 'none'; sandbox"}
SECONDS = 20.0
"""For fetching another server's captions."""
NOTHING = "There are no such captions."


async def serve(request: Request) -> Response:
    """GET/HEAD /media/captions/ID.vtt: to whoever may see the post (with a session or a token), and to its author."""
    house: House = request.app.state.house
    who = await onlooker(request) or await visitor(request)
    viewer_id = who.actor.id if who.actor is not None else None
    admin = who.user is not None and who.user.admin

    def find(session: Session) -> tuple[Caption, Media, Actor, bool]:
        row = session.get(Caption, request.path_params["id"])
        media = session.get(Media, row.media_id) if row is not None else None
        if row is None or media is None or not captions.readable(session, media, viewer_id, moderator=admin):
            raise NotFound(NOTHING)
        public = captions.readable(session, media, None)
        return row, media, actors.get(session, media.actor_id), public

    row, _, owner, public = await house.db.read(find)
    url = rows.remote_url(row)
    body = row.text if url is None else await _fetched(house, url, owner)
    control = "public, max-age=60" if public else "private, no-store"
    return Response(body, media_type="text/vtt; charset=utf-8", headers={**HEADERS, "Cache-Control": control})


async def _fetched(house: House, url: str, owner: Actor) -> str:
    """Another server's captions, cleaned as ours are; fetched once and kept in the cache of the data folder.

    Raises:
        NotFound: they are not captions, or nothing of that server or account is shown here.
    """
    rules = await house.policy.rules()
    if owner.suspended_at is not None or rules.rejects_media(url) or rules.rejects_media(owner.uri):
        raise NotFound(NOTHING)
    folder = Path(house.settings.data_dir) / "cache"
    path = folder / f"{hashlib.sha256(url.encode()).hexdigest()}.vtt"
    if not await asyncio.to_thread(path.exists):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        partial = folder / f"{path.name}.{secrets.token_hex(4)}"
        try:
            await house.client.download(url, partial, max_bytes=MAX_BYTES, deadline=SECONDS)
            clean = await given.cleaned(await asyncio.to_thread(partial.read_bytes))
            await asyncio.to_thread(partial.write_text, clean, "utf-8")
            await asyncio.to_thread(os.replace, partial, path)
        except Refused as error:
            raise NotFound(NOTHING, cause=f"{url}: {error}") from error
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
    return await asyncio.to_thread(path.read_text, "utf-8")


async def from_form(form: FormData) -> tuple[str, str] | None:
    """(language, clean WebVTT) of a form that may bring captions: a file, or text that was read and changed here.

    Raises:
        TooLarge, Invalid: the captions or their language are not acceptable.
    """
    file, typed = form.get("captions"), text(form, "captions_text")
    if isinstance(file, UploadFile) and file.filename:
        return captions.language_of(text(form, "captions_language")), await given.from_file(file)
    if typed.strip():
        return captions.language_of(text(form, "captions_language")), await given.cleaned(typed.encode())
    return None


async def save(request: Request) -> Response:
    """POST /posts/ID/captions: give a video captions, replace them, or say that a draft was checked."""
    house: House = request.app.state.house
    wanted, form = request.path_params["id"], await checked_form(request)
    _, person = (await visitor(request)).person()
    media_id, page = number(text(form, "media")) or 0, f"/@{person.username}/{wanted}"
    try:
        found = await from_form(form)
        if found is None:
            return go(request, page, "Please choose a file with captions.")
        await house.db.write(lambda uow: captions.save(uow, actors.get(uow.session, person.id), media_id, *found))
    except FedisoraError as error:
        if error.status >= 500 or error.status == 404:
            raise
        return go(request, page, error.text)
    return go(request, page, "The captions are saved.")


async def remove(request: Request) -> Response:
    """POST /posts/ID/captions/remove"""
    house: House = request.app.state.house
    wanted, form = request.path_params["id"], await checked_form(request)
    _, person = (await visitor(request)).person()
    media_id = number(text(form, "media")) or 0
    await house.db.write(lambda uow: captions.remove(
        uow, actors.get(uow.session, person.id), media_id, text(form, "captions_language")))
    return go(request, f"/@{person.username}/{wanted}", "The captions are removed.")


served: list[BaseRoute] = [Route("/media/captions/{id:row}.vtt", serve, methods=["GET", "HEAD"])]
routes: list[BaseRoute] = [Route("/posts/{id:row}/captions", save, methods=["POST"]),
                           Route("/posts/{id:row}/captions/remove", remove, methods=["POST"])]
