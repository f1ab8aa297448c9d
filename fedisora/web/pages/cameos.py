"""/create/with: asking for a video with somebody's likeness, or with a character of theirs. Works without scripts."""
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...errors import FedisoraError, Invalid
from ...generation import submission
from ...services import generations as generate
from ...services.cameos.asking import SIZES, plan
from .. import cameos
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

FIELDS = ("account", "character", "prompt", "use", "orientation", "seconds")
BLANK: Mapping[str, str] = dict.fromkeys(FIELDS, "") | {"orientation": "portrait", "seconds": "5"}
SHAPES = {"portrait": "Tall 9:16", "landscape": "Wide 16:9", "square": "Square"}
LENGTHS = (2, 3, 5, 8, 10, 15)


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _page(request: Request, given: Mapping[str, str], *, problem: str = "", status: int = 200) -> Response:
    house = _house(request)
    _, actor = (await visitor(request)).person()
    found = None
    if given["account"]:
        try:
            found = await cameos.terms(house, actor, given["account"])
        except FedisoraError as error:
            if error.status >= 500 and not error.retryable:
                raise
            problem, status = problem or error.text, error.status if status == 200 else status
    return await page(request, "cameo.html", status=status, problem=problem, form=given, terms=found, shapes=SHAPES,
                      lengths=LENGTHS, ai_policy=house.settings.ai_policy, generation_off=generate.OFF)


async def form(request: Request) -> Response:
    """GET /create/with; with `?account=@name@server` what they let one ask, and the form for it."""
    (await visitor(request)).person()
    return await _page(request, dict(BLANK) | {"account": request.query_params.get("account", "").strip()[:300]})


async def ask(request: Request) -> Response:
    """POST /create/with: ask."""
    house, sent = _house(request), await checked_form(request)
    _, actor = (await visitor(request)).person()
    given = {name: text(sent, name, BLANK[name]) for name in FIELDS}
    try:
        seconds = given["seconds"].strip()
        if given["orientation"] not in SIZES or not seconds.isdecimal() or len(seconds) > 3:
            raise Invalid("Please choose a shape and a length.")
        made = plan(given["prompt"], orientation=given["orientation"], seconds=float(seconds))
        wish = await cameos.wish(house, actor, given["account"], given["character"], given["use"],
                                 accepts=text(sent, "accepts") == "yes")
        row_id = await submission.ask_cameo(house.db, house.storage, house.gates, actor.id, wish, made)
    except FedisoraError as error:
        if error.status >= 500 and not error.retryable:
            raise
        return await _page(request, given, problem=error.text, status=error.status)
    return go(request, f"/create/jobs/{row_id}", "Asked. You are told when they have answered.")


routes: list[BaseRoute] = [Route("/create/with", form), Route("/create/with", ask, methods=["POST"])]
