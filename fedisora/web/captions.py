"""Captions that come with a request: as a body, as JSON, or as a file of a form; cleaned before anybody keeps them."""
from __future__ import annotations

import asyncio

from starlette.datastructures import UploadFile
from starlette.requests import Request

from ..errors import Invalid
from ..media.captions import MAX_BYTES, parse, to_vtt
from .body import bounded, params

BODIES = ("text/vtt", "application/x-subrip", "text/srt", "text/plain")
ROOM = 1 << 20
"""Bytes beside the captions: the form's other fields, and JSON's escapes."""


async def cleaned(data: bytes) -> str:
    """WebVTT or SubRip as clean WebVTT.

    Raises:
        TooLarge, Invalid: see `media.captions.parse`.
    """
    return await asyncio.to_thread(lambda: to_vtt(parse(data)))


async def from_file(file: UploadFile) -> str:
    """An uploaded file as clean WebVTT. Raises as `cleaned`."""
    try:
        return await cleaned(await file.read(MAX_BYTES + 1))
    finally:
        await file.close()


async def from_body(request: Request) -> tuple[str, str]:
    """(clean WebVTT, label) of an API request: the captions are its body, the field `text` or the file `file`.

    Raises:
        TooLarge, Invalid: see `media.captions.parse`; Invalid also when there are none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in BODIES:
        body = await bounded(request, MAX_BYTES, ROOM).body()
        return await cleaned(body), request.query_params.get("label", "")
    given = await params(request, files=1, most=MAX_BYTES, beside=ROOM)
    file = given.file("file")
    if file is not None:
        return await from_file(file), given.text("label")
    if not given.text("text").strip():
        raise Invalid("Send the captions as the body (text/vtt), as the field text, or as the file file.")
    return await cleaned(given.text("text").encode()), given.text("label")
