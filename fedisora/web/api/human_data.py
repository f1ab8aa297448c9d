"""One's own verification data over the API: all of it, and none of it any more."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...services.verification import rights
from ..auth import person
from .operations import Answer, Operation, ref, refused

if TYPE_CHECKING:
    from ...app import House

DOCS = (
    Operation("get", "/human/data", "Everything that this instance keeps about one's verification.",
              {200: Answer("The data; that it was taken is written down.", ref("HumanData")), **refused(401, 403)},
              scope="read:verification",
              detail="Names nobody but oneself and the other side of one's vouches: a moderator is `a moderator`."),
    Operation("delete", "/human/data", "Erase everything about one's verification; the credential is revoked everywhere.",
              {200: Answer("It is done.", {"type": "object"}), **refused(401, 403)}, scope="write:verification",
              detail="Clips lose their key at once and their files within moments. It cannot be undone."),
)


async def export(request: Request) -> Response:
    """GET human/data"""
    house, who = _house(request), await person(request, "read:verification")
    found: dict[str, Any] = await house.db.write(lambda uow: rights.export(uow, who.user, by=who.actor.id))
    return JSONResponse(found, headers={"Cache-Control": "private, no-store"})


async def erase(request: Request) -> Response:
    """DELETE human/data: {}"""
    house, who = _house(request), await person(request, "write:verification")
    await house.db.write(lambda uow: rights.erase(uow, who.user, by=who.actor.id))
    return JSONResponse({})


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    return [Route(f"{base}/human/data", export), Route(f"{base}/human/data", erase, methods=["DELETE"])]
