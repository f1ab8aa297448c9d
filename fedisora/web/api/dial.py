"""GET and PUT /api/fedisora/v1/dial: how much AI the caller wants to see, here and in every app."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...errors import Invalid
from ...models import User
from ...provenance import dial
from ...services import viewing
from ..auth import person
from ..body import Params, params
from .operations import JSON, Answer, Operation, ref, refused

if TYPE_CHECKING:
    from ...app import House

_DIAL = {"type": "object", "properties": {
    "stop": {"type": "integer", "minimum": 0, "maximum": 4, "description": "0 no AI … 2 as it comes … 4 only AI"},
    **{name: {"type": "boolean"} for name in dial.SWITCHES}}}
_SET = Answer("The setting as it is kept.", ref("Dial"))
DOCS = (
    Operation("get", "/dial", "How much AI the caller wants to see, on the pages and in every app.", {200: _SET, **refused(401)},
              scope="read:accounts"),
    Operation("put", "/dial", "Set it; what is not sent stays.",
              {200: _SET, **refused(401, s422="No such stop, or a switch that is neither true nor false.")},
              scope="write:accounts", body={JSON: _DIAL}),
)


def _entity(kept: dial.Dial, policy: str) -> dict[str, Any]:
    return {**kept.to_json(), "name": viewing.NAMES[kept.stop], "sentence": viewing.SENTENCES[kept.stop],
            "instance": {"ai_policy": policy}}


async def show(request: Request) -> Response:
    """GET dial: {"stop": 0 … 4, "bots", "mixed", "undeclared", "procedural": bool, "name", "sentence", "instance"}"""
    house: House = request.app.state.house
    who = await person(request, "read:accounts")
    return JSONResponse(_entity(viewing.dial_of(who.user), house.settings.ai_policy))


def _changes(given: Params, before: dial.Dial) -> dial.Dial:
    """The setting with what was sent.

    Raises:
        Invalid: no such stop, or a switch that is neither true nor false.
    """
    wanted = before.to_json()
    if "stop" in given:
        text = given.text("stop")
        wanted["stop"] = int(text) if text.isascii() and text.isdecimal() and len(text) == 1 else -1
    for name in dial.SWITCHES:
        if name in given:
            wanted[name] = given.flag(name)
            if wanted[name] is None:
                raise Invalid(f"{name} is true or false.")
    return dial.parse(wanted)


async def change(request: Request) -> Response:
    """PUT dial: any of stop and the switches; what is not sent stays."""
    house: House = request.app.state.house
    who, given = await person(request, "write:accounts"), await params(request)

    def apply(uow: UnitOfWork) -> dial.Dial:
        user = uow.session.get_one(User, who.user.id)
        return viewing.set_dial(uow, user, _changes(given, viewing.dial_of(user)))

    return JSONResponse(_entity(await house.db.write(apply), house.settings.ai_policy))
