"""How much AI: the dial in the settings."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...errors import Invalid
from ...models import User
from ...provenance import dial
from ...services import viewing
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

SWITCHES = (("bots", "AI agents", "Accounts run by a program, whatever they post"),
            ("mixed", "Changed by AI", "Filmed or drawn by a person, then edited with a model"),
            ("undeclared", "Undeclared", "Nobody said how it was made. Most of the fediverse."),
            ("procedural", "Procedural", "Drawn by a program without a trained model"))
KINDS = (("human", "human", "m-camera", "Filmed or made by hand"), ("mixed", "mixed", "m-mixed", "Changed by AI"),
         ("machine", "machine", "m-agent", "AI-generated"), ("procedural", "machine", "m-proc", "Procedural"),
         ("undeclared", "none", "m-none", "Undeclared"))
"""How files are made, as rows of the counts: (kind, tone, mark, words)."""


async def _page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house: House = request.app.state.house
    user, _ = (await visitor(request)).person()

    def read(session: Session) -> viewing.Lately:
        return viewing.lately(session, user, house.settings)

    return await page(request, "settings_ai.html", status=status, problem=problem, dial=viewing.dial_of(user),
                      names=viewing.NAMES, sentences=viewing.SENTENCES, switches=SWITCHES, kinds=KINDS,
                      policy=house.settings.ai_policy, lately=await house.db.read(read))


async def form(request: Request) -> Response:
    """GET /settings/ai"""
    return await _page(request)


async def save(request: Request) -> Response:
    """POST /settings/ai: stop 0 … 4 and the switches that are on."""
    house: House = request.app.state.house
    given = await checked_form(request)
    user, _ = (await visitor(request)).person()
    stop = text(given, "stop")
    try:
        wanted = dial.parse({"stop": int(stop) if stop.isascii() and stop.isdecimal() and len(stop) == 1 else -1,
                             **{name: bool(text(given, name)) for name in dial.SWITCHES}})
    except Invalid as error:
        return await _page(request, problem=error.text, status=422)

    def apply(uow: UnitOfWork) -> None:
        viewing.set_dial(uow, uow.session.get_one(User, user.id), wanted)

    await house.db.write(apply)
    return go(request, "/settings/ai", "Saved. Every app sees it at once.")
