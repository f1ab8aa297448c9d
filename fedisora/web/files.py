"""Serving media files: ranges, HEAD, CORS, cached for ever (a changed file gets a new key)."""
from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..errors import NotFound
from ..storage.store import check_key

if TYPE_CHECKING:
    from ..app import House

TYPES = {"mp4": "video/mp4", "webp": "image/webp", "jpg": "image/jpeg", "png": "image/png", "c2pa": "application/c2pa",
         "gif": "image/gif"}
PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex",
           "Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin"}
RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")
CHUNK = 1 << 20


async def media(request: Request) -> Response:
    """GET/HEAD /media/KEY. `?download=NAME` offers it as a file to keep, byte for byte, with its manifest in it."""
    house: House = request.app.state.house
    key = request.path_params["key"]
    try:
        check_key(key)
    except Exception as error:
        raise NotFound("This file is not here.", cause=error) from error
    kind = TYPES.get(key.rpartition(".")[2])
    if kind is None or key.startswith("uploads/"):
        raise NotFound("This file is not here.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Access-Control-Allow-Origin": "*",
               "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin",
               "Content-Security-Policy": "default-src 'none'; sandbox"}
    name = request.query_params.get("download")
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{file_name(name, key)}"'
    path = house.storage.path_for(key)
    if path is not None:
        return FileResponse(path, media_type=kind, headers=headers)
    return await _stream(house, request, key, kind, headers)


def file_name(name: str, key: str) -> str:
    """A name to keep a file by: plain letters, and the ending that the file really has, whatever a link says."""
    ending = f".{key.rpartition('.')[2]}"
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name).strip("._-").removesuffix(ending)[:80]
    return f"{safe or 'fedisora'}{ending}"


async def private_file(request: Request, key: str, mime: str) -> Response:
    """A stored file that is not public (yet), for whoever may have it now: the caller has made sure. No cache keeps it, and its
    lasting address is told to nobody.

    Raises:
        NotFound: it is gone.
    """
    house: House = request.app.state.house
    path = house.storage.path_for(key)
    if path is not None:
        return FileResponse(path, media_type=mime, headers=PRIVATE)
    return await _stream(house, request, key, mime, dict(PRIVATE))


async def _stream(house: House, request: Request, key: str, kind: str, headers: dict[str, str]) -> Response:
    """Pass a file through from an object store, one range at a time."""
    total = await house.db.run(house.storage.size, key)
    start, end, status = 0, total, 200
    match = RANGE.match(request.headers.get("range", ""))
    if match and (match[1] or match[2]):
        if match[1]:
            start, end = int(match[1]), min(int(match[2]) + 1 if match[2] else total, total)
        else:
            start = max(0, total - int(match[2]))
        if start >= total or start >= end:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{total}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
    headers.update({"Accept-Ranges": "bytes", "Content-Length": str(end - start)})
    if request.method == "HEAD":
        return Response(status_code=status, media_type=kind, headers=headers)

    async def chunks() -> AsyncIterator[bytes]:
        for position in range(start, end, CHUNK):
            yield await house.db.run(house.storage.read, key, position, min(position + CHUNK, end))

    return StreamingResponse(chunks(), status_code=status, media_type=kind, headers=headers)


routes: list[BaseRoute] = [Route("/media/{key:path}", media, methods=["GET", "HEAD"])]
