"""HLS of long videos: playlists that name byte ranges of signed files. Only of posts that everybody may see."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import NotFound
from ..media import hls
from ..models import Media, Rendition
from ..services import renditions

if TYPE_CHECKING:
    from ..app import House

HEADERS = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
           "Cross-Origin-Resource-Policy": "cross-origin"}


async def _streamed(request: Request) -> list[Rendition]:
    """The encodings of the video that the address names.

    Raises:
        NotFound: there are none, or not for everybody.
    """
    house: House = request.app.state.house
    media_id = int(request.path_params["id"])

    def find(session: Session) -> list[Rendition]:
        media = session.get(Media, media_id)
        return renditions.streamed(session, media) if media is not None else []

    found = await house.db.read(find)
    if not found:
        raise NotFound("This video is not streamed here.")
    return found


async def master(request: Request) -> Response:
    """GET /media/hls/ID/master.m3u8: the sizes there are."""
    found = await _streamed(request)
    text = hls.master([hls.Variant(f"{row.id}.m3u8", row.width, row.height, row.bitrate, row.codecs, row.playlist or "")
                       for row in found])
    return Response(text, media_type=hls.MASTER_TYPE, headers=HEADERS)


async def playlist(request: Request) -> Response:
    """GET /media/hls/ID/RENDITION.m3u8: the segments of one size, as byte ranges of its file."""
    house: House = request.app.state.house
    wanted = int(request.path_params["rendition"])
    row = next((row for row in await _streamed(request) if row.id == wanted), None)
    if row is None:
        raise NotFound("This video is not streamed here in that size.")
    text = (row.playlist or "").replace(hls.FILE, house.uris.media(row.storage_key))
    return Response(text, media_type=hls.MASTER_TYPE, headers=HEADERS)


served: list[BaseRoute] = [
    Route("/media/hls/{id:row}/master.m3u8", master, methods=["GET", "HEAD"]),
    Route("/media/hls/{id:row}/{rendition:row}.m3u8", playlist, methods=["GET", "HEAD"])]
