"""The page that says how a file was made: a form, and below it the verdict, the plain sentence first."""
from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ...errors import FedisoraError, Invalid
from ..verifying import admit, verdict_on
from .render import page
from .verdict_view import VerdictView, verdict_view
from .visitor import checked_form, text, visitor

if TYPE_CHECKING:
    from ...app import House


async def form(request: Request) -> Response:
    """GET /verify; with `?url=` the check starts with the press of a button, not by following a link."""
    return await _page(request, url=request.query_params.get("url", "")[:2000])


async def check(request: Request) -> Response:
    """POST /verify: a file or an address."""
    house: House = request.app.state.house
    who = await visitor(request)
    url = name = ""
    try:
        admit(request, house, who.user.id if who.user is not None else None)
        given = await checked_form(request, max_files=1)
        file, url = given.get("file"), text(given, "url").strip()[:2000]
        chosen = file if isinstance(file, UploadFile) and file.filename and not url else None
        if chosen is None and not url:
            raise Invalid("Choose a file, or paste an address.")
        name = (chosen.filename or "")[:120] if chosen is not None else url
        document = await verdict_on(house, chosen, url, who.actor_id)
    except FedisoraError as error:
        if error.status >= 500:
            raise
        response = await _page(request, url=url, problem=error.text, status=error.status)
        if error.retry_after:
            response.headers["Retry-After"] = str(int(error.retry_after) + 1)
        if getattr(request.state, "hang_up", False):
            response.headers["Connection"] = "close"
        return response
    return await _page(request, verdict=verdict_view(document), name=name, url=url)


async def _page(request: Request, *, verdict: VerdictView | None = None, name: str = "", url: str = "", problem: str = "",
                status: int = 200) -> Response:
    house: House = request.app.state.house
    response = await page(request, "verify.html", status=status, verdict=verdict, name=name, url=url, problem=problem,
                          max_mb=house.settings.max_upload_mb)
    response.headers["Cache-Control"] = "private, no-store"
    return response
