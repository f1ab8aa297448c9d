"""One's own verification data: taken away as a file, or erased."""
from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...services.verification import rights
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House


async def export(request: Request) -> Response:
    """POST /settings/human/export: a JSON file."""
    house: House = request.app.state.house
    await checked_form(request)
    user, actor = (await visitor(request)).person()
    found = await house.db.write(lambda uow: rights.export(uow, user, by=actor.id))
    return Response(orjson.dumps(found, option=orjson.OPT_INDENT_2), media_type="application/json", headers={
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{actor.username}-verification.json"'})


async def erase(request: Request) -> Response:
    """POST /settings/human/erase {sure}"""
    house: House = request.app.state.house
    form = await checked_form(request)
    user, actor = (await visitor(request)).person()
    if not text(form, "sure"):
        return go(request, "/settings/human#data", "Nothing was erased: tick that you are sure.")
    await house.db.write(lambda uow: rights.erase(uow, user, by=actor.id))
    return go(request, "/settings/human", "Erased.")


routes: list[BaseRoute] = [Route("/settings/human/export", export, methods=["POST"]),
                           Route("/settings/human/erase", erase, methods=["POST"])]
