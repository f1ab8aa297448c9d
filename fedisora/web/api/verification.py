"""POST /api/fedisora/v1/verify: what a file says about itself (vocabulary §5)."""
from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..auth import caller
from ..body import params
from ..verifying import PER_ACCOUNT, PER_ADDRESS, WINDOW, admit, verdict_on
from .operations import JSON, Answer, Operation, ref, refused

if TYPE_CHECKING:
    from ...app import House

DOCS = (
    Operation(
        "post", "/verify", "Say how a file was made, who signed it and whether it is unchanged.",
        {200: Answer("A verdict, for anything that is a file.", ref("Verdict")),
         **refused(400, 413, 429, s422="There is nothing to check: no file, an empty one, or an address that leads to none.")},
        scope="", body={
            "multipart/form-data": {"type": "object", "required": ["file"], "properties": {
                "file": {"type": "string", "contentMediaType": "application/octet-stream"}}},
            JSON: {"type": "object", "required": ["url"], "properties": {
                "url": {"type": "string", "format": "uri", "description": "Of a post or a file."}}}},
        detail="Nothing is kept: no copy, no entry, no name in a log. "
               f"{PER_ADDRESS} checks in {WINDOW / 60:g} minutes per address, {PER_ACCOUNT} per account."),
)
HEADERS = {"Cache-Control": "no-store", "Content-Language": "en"}


async def verify(request: Request) -> Response:
    """A multipart field `file`, or {"url"}: 200 with a verdict for anything that is a file. Nothing of it is kept."""
    house: House = request.app.state.house
    who = await caller(request)
    admit(request, house, who.user.id if who is not None and who.user is not None else None)
    given = await params(request, files=1, most=house.settings.max_upload_mb << 20, beside=1 << 20)
    viewer_id = who.actor.id if who is not None and who.actor is not None and who.allows("read:statuses") else None
    verdict = await verdict_on(house, given.file("file"), given.text("url").strip(), viewer_id)
    return JSONResponse(verdict, headers=HEADERS)
