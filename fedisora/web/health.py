"""`/livez`: the process answers. `/readyz`: the database does too. Both work before set-up."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from ..app import House


async def livez(request: Request) -> Response:
    """200 as long as the event loop turns."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """200 when requests can be served, 503 with the reason otherwise."""
    house: House = request.app.state.house
    try:
        await house.db.read(lambda session: session.execute(text("SELECT 1")).scalar())
    except SQLAlchemyError:
        return PlainTextResponse("the database does not answer\n", status_code=503)
    return PlainTextResponse("ok\n")


routes: list[BaseRoute] = [Route("/livez", livez), Route("/readyz", readyz)]
