"""Cameos over the API: whether somebody may be asked, before it is tried."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .. import cameos
from ..auth import person
from .operations import Answer, Operation, Parameter, ref, refused

if TYPE_CHECKING:
    from ...app import House

DOCS: tuple[Operation, ...] = (
    Operation("get", "/cameos/check", "Whether one may ask somebody for a cameo, and what they forbid; asked of their server.",
              {200: Answer("What they say.", ref("CameoTerms")), **refused(401, 403, 404, 422)}, scope="read",
              query=(Parameter("account", "@name@server, or the address of an account."),)),
)


def _one(about: cameos.About) -> dict[str, Any]:
    return {"id": about.id or None, "name": about.name, "summary": about.summary, "may_ask": about.may, "reason": about.reason,
            "forbidden": about.forbidden, "until": about.until or None}


async def check(request: Request) -> Response:
    """GET cameos/check?account=@name@server"""
    house: House = request.app.state.house
    who = await person(request, "read")
    found = await cameos.terms(house, who.actor, request.query_params.get("account", ""))
    return JSONResponse({"account": found.handle, "actor": found.owner.uri, "renders": found.renders,
                         "person": _one(found.person), "characters": [_one(item) for item in found.characters]})


def routes(base: str) -> list[BaseRoute]:
    """The routes of this module below `base`."""
    return [Route(f"{base}/cameos/check", check)]
