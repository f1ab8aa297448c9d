"""The page on which a video is asked for: words, model, shape and length, and what is already in the making."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...errors import Forbidden, Invalid, TooManyRequests
from ...generation import submission
from ...generation.intake import Wanted
from ...services import generations as generate
from . import job_view
from .consents import Origin, origin_of, row_of
from .made import CHOICES
from .remix import POLICIES
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def create_page(request: Request, *, problem: str = "", prompt: str = "", orientation: str = "portrait", seconds: int = 5,
                      seed: str = "", source: str = "", status: int = 200, remix: str = "") -> Response:
    """The page, with what was typed."""
    house = _house(request)
    _, actor = (await visitor(request)).person()

    def read(session: Session) -> tuple[list[job_view.JobView], Origin | None]:
        return (job_view.views_of(session, generate.mine(session, actor, 12), actor, house.uris),
                origin_of(session, actor, row_of(remix), house.uris.host) if remix else None)

    jobs, origin = await house.db.read(read)
    return await page(request, "create.html", status=status, problem=problem, prompt=prompt, orientation=orientation,
                      seconds=seconds, seed=seed, jobs=jobs, backend=house.settings.generation_backend,
                      max_mb=house.settings.max_upload_mb, choices=CHOICES, source=source,
                      ai_policy=house.settings.ai_policy, generation_off=generate.OFF, origin=origin, policies=POLICIES)


async def form(request: Request) -> Response:
    """GET /create; with `?remix=ID` for a video made from a post."""
    (await visitor(request)).person()
    return await create_page(request, remix=request.query_params.get("remix", ""))


async def create(request: Request) -> Response:
    """POST /create: queue a prompt."""
    house, given = _house(request), await checked_form(request)
    _, actor = (await visitor(request)).person()
    prompt, orientation, seed = text(given, "prompt"), text(given, "orientation", "portrait"), text(given, "seed").strip()
    length = text(given, "seconds", "5")
    try:
        if not length.isdecimal() or (seed and not seed.isdecimal()) or len(seed) > 18:
            raise Invalid("Length and seed are whole numbers.")
        ids = await submission.submit(house.db, house.storage, house.gates, actor.id, Wanted(
            prompt, orientation=orientation, seconds=float(length), seed=int(seed) if seed else None,
            remix_of_id=row_of(text(given, "remix")) if text(given, "remix") else None))
    except (Forbidden, Invalid, TooManyRequests) as error:
        return await create_page(request, problem=error.text, prompt=prompt, orientation=orientation, seed=seed,
                                 status=error.status, remix=text(given, "remix"),
                                 seconds=int(length) if length.isdecimal() and len(length) < 4 else 5)
    return go(request, f"/create/jobs/{ids[0]}")
