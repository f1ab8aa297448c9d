"""Companion Videos: the object, its activities, and the collections and the picture that PeerTube asks for."""
from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...activitypub.negotiation import wants_activity
from ...activitypub.vocabulary import AS2
from ...errors import Gone, NotFound
from ...media.process import run_media
from ...models import Media, OutboxActivity, Status
from ...serializers.activitypub.collections import collection, page
from ...serializers.activitypub.video import clip_of
from ...services import channels
from ...store import actors, lineage, statuses
from ...store import media as media_rows
from ..convertors import number
from .respond import activity_json, house_of, reader

PER_PAGE = 40
PICTURE_BYTES = 8 << 20


@dataclass(frozen=True)
class _Video:
    """A post that has a companion Video, and what was sent of it last."""

    uri: str
    status: Status
    document: dict[str, Any]


def _find(session: Session, uri: str, name: str, status_id: int) -> _Video:
    """The Video at an address.

    Raises:
        Gone: its post was deleted.
        NotFound: there never was one, or its channel is switched off.
    """
    status = statuses.get(session, status_id)
    if status is None and statuses.is_tombstoned(session, uri.replace("/videos/", "/statuses/")) is not None:
        raise Gone("This video was deleted.")
    author = actors.local_active(session, name)
    if (status is None or author is None or status.actor_id != author.id or not statuses.visible(session, status, None)
            or channels.active(session, author.id) is None):
        raise NotFound("There is no such video.")
    if lineage.hidden(session, [status.id]):
        raise Gone("The consent to this remix was taken back.")
    document = channels.video_of(session, uri)
    if document is None:
        raise NotFound("There is no such video.")
    return _Video(uri, status, document)


async def _video(request: Request) -> _Video:
    house = house_of(request)
    name, status_id = request.path_params["name"], int(request.path_params["id"])
    uri = house.uris.video(house.uris.actor(name), status_id)
    return await house.db.read(lambda session: _find(session, uri, name, status_id))


async def video(request: Request) -> Response:
    """GET /users/NAME/videos/ID: the signed Video; 410 with a Tombstone once its post is deleted."""
    house = house_of(request)
    if not wants_activity(request.headers.get("accept")):
        name, status_id = request.path_params["name"], int(request.path_params["id"])
        return RedirectResponse(house.uris.post_page(name, status_id), 302, {"Vary": "Accept"})
    await reader(request)
    try:
        found = await _video(request)
    except Gone:
        return activity_json({"@context": AS2, "id": house.uris.absolute(request.url.path), "type": "Tombstone",
                              "formerType": "Video"}, status=410)
    return activity_json(found.document, cache=0 if house.settings.authorized_fetch else 30)


async def activity(request: Request) -> Response:
    """GET …/videos/ID/activity: the Create; …/videos/ID/announce: the channel's Announce of it."""
    house = house_of(request)
    await reader(request)
    found = await _video(request)
    uri = house.uris.video_part(found.uri, request.path_params["verb"])
    body = await house.db.read(lambda session: session.scalar(
        select(OutboxActivity.document).where(OutboxActivity.uri == uri)))
    if body is None:
        raise NotFound("There is no such activity.")
    return activity_json(body)


async def boost(request: Request) -> Response:
    """GET …/statuses/ID/announce: the channel's boost of the Note."""
    house = house_of(request)
    await reader(request)
    found = await _video(request)
    uri = house.uris.video_part(found.status.uri, "announce")
    body = await house.db.read(lambda session: session.scalar(
        select(OutboxActivity.document).where(OutboxActivity.uri == uri)))
    if body is None:
        raise NotFound("There is no such activity.")
    return activity_json(body)


async def likes(request: Request) -> Response:
    """GET …/videos/ID/likes: how many; who is told to nobody, as with the Note."""
    await reader(request)
    found = await _video(request)
    return activity_json(collection(str(found.document["likes"]), found.status.favourites_count))


async def dislikes(request: Request) -> Response:
    """GET …/videos/ID/dislikes: nobody counts them here."""
    await reader(request)
    found = await _video(request)
    return activity_json(collection(str(found.document["dislikes"]), 0, items=[]))


async def shares(request: Request) -> Response:
    """GET …/videos/ID/announces: the channel's own Announce, which says in which channel the Video is."""
    house = house_of(request)
    await reader(request)
    found = await _video(request)
    return activity_json(collection(str(found.document["shares"]), 1,
                                    items=[house.uris.video_part(found.uri, "announce")]))


async def comments(request: Request) -> Response:
    """GET …/videos/ID/comments: the public answers to its post, as ids."""
    house = house_of(request)
    await reader(request)
    found = await _video(request)
    uri = str(found.document["comments"])
    if request.query_params.get("page") is None:
        return activity_json(collection(uri, found.status.replies_count, first=f"{uri}?page=1"))
    after = number(request.query_params.get("min_id")) or 0
    rows = await house.db.read(lambda session: [(row[0], row[1]) for row in session.execute(
        select(Status.id, Status.uri).where(
            Status.in_reply_to_id == found.status.id, Status.visibility.in_(statuses.PUBLIC), Status.published.is_(True),
            Status.id > after).order_by(Status.id).limit(PER_PAGE))])
    more = f"{uri}?page=1&min_id={rows[-1][0]}" if len(rows) == PER_PAGE else None
    return activity_json(page(f"{uri}?{request.url.query}", uri, [item for _, item in rows], following=more))


async def poster(request: Request) -> Response:
    """GET …/videos/ID/poster.jpg: the poster as JPEG, made at the first request and kept beside the WebP."""
    house = house_of(request)
    found = await _video(request)
    clip = await house.db.read(lambda session: clip_of(media_rows.of_statuses(session, [found.status.id])
                                                       .get(found.status.id, [])))
    if clip is None:
        raise NotFound("There is no such picture.")
    key = clip.poster_jpeg_key or ""
    try:
        picture = await house.db.run(house.storage.read, key, 0, PICTURE_BYTES)
    except NotFound:
        picture = await _convert(request, clip, key)
    return Response(picture, 200, {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff",
                                   "Access-Control-Allow-Origin": "*"}, media_type="image/jpeg")


async def _convert(request: Request, clip: Media, key: str) -> bytes:
    house = house_of(request)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-poster-"))
    try:
        source = folder / "poster.webp"
        await asyncio.to_thread(house.storage.get_to, clip.poster_key or "", source)
        made = await run_media("image", {"path": str(source), "output": str(folder / "made")}, timeout=60)
        if made["mime"] != "image/jpeg":
            raise NotFound("There is no such picture.")
        await asyncio.to_thread(house.storage.put_file, key, Path(made["path"]))
        return await asyncio.to_thread(Path(made["path"]).read_bytes)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)
