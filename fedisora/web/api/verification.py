"""POST /api/fedisora/v1/verify: what a file says about itself (vocabulary §5)."""
from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..auth import caller
from ..body import params
from ..verifying import admit, verdict_on

if TYPE_CHECKING:
    from ...app import House

HEADERS = {"Cache-Control": "no-store", "Content-Language": "en"}


async def verify(request: Request) -> Response:
    """A multipart field `file`, or {"url"}: 200 with a verdict for anything that is a file. Nothing of it is kept."""
    house: House = request.app.state.house
    who = await caller(request)
    admit(request, house, who.user.id if who is not None and who.user is not None else None)
    given = await params(request, files=1, most=(house.settings.max_upload_mb << 20) + (1 << 20))
    verdict = await verdict_on(house, given.file("file"), given.text("url").strip())
    return JSONResponse(verdict, headers=HEADERS)
