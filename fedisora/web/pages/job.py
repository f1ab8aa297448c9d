"""The page of one video in the making: live progress, what came of it, publish, appeal, try again."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from ...generation import publishing, submission
from ...models import Actor
from ...services import generations as generate
from ...services import screenings
from ...services.publish import Draft
from ...store import actors
from ..mastodon.posts import published
from . import job_view
from .compose import remix_fields
from .consents import Origin, origin_of, row_of
from .job_view import JobView
from .remix import POLICIES
from .render import ENVIRONMENT, page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

KEEP_ALIVE = 15.0
PAUSE = 0.25
"""Seconds between two updates of a page, at least."""


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _page(request: Request, *, problem: str = "", said: str = "", appeal: str = "", status: int = 200) -> Response:
    house, wanted = _house(request), request.path_params["id"]
    _, actor = (await visitor(request)).person()

    def read(session: Session) -> tuple[JobView, list[JobView], Origin | None]:
        row = generate.get(session, actor, wanted)
        meant = row_of(str((row.options or {}).get("remix_of") or ""))
        others = job_view.views_of(session, job_view.batch(session, row), actor, house.uris, house.db.clock())
        shown = next(item for item in others if item.id == row.id) if row.state != "discarded" else job_view.view(
            session, row, actor, house.uris, house.db.clock())
        return shown, others, origin_of(session, actor, meant, house.uris.host) if meant and row.state == "draft" else None

    shown, others, origin = await house.db.read(read)
    if shown.page:
        return go(request, shown.page)
    return await page(request, "job.html", status=status, job=shown, variants=others if len(others) > 1 else [],
                      problem=problem, text=said, appeal=appeal, origin=origin, policies=POLICIES, steps=job_view.STEPS)


async def show(request: Request) -> Response:
    """GET /create/jobs/ID"""
    (await visitor(request)).person()
    return await _page(request)


async def _updates(house: House, actor: Actor, generation_id: int) -> AsyncIterator[bytes]:
    """Server-sent events `progress`: {"html", "said", "over"}, the present first, then what changes, until nothing changes by
    itself any more."""
    template = ENVIRONMENT.get_template("_progress.html")
    last: dict[str, Any] = {}
    while True:
        shown = await house.db.read(lambda session: job_view.view(
            session, generate.get(session, actor, generation_id), actor, house.uris, house.db.clock()))
        now = {"html": template.render(job=shown, steps=job_view.STEPS), "said": shown.words, "over": not shown.under_way}
        if now != last:
            yield b"event: progress\ndata: " + orjson.dumps(now) + b"\n\n"
            last = now
        if now["over"]:
            return
        await asyncio.sleep(PAUSE)
        # a ring during the pause is missed, so the next look comes soon anyway while something moves
        wait = 1.0 if house.settings.redis_url or shown.state != "queued" else KEEP_ALIVE
        if not await house.bells.wait(f"generation:{generation_id}", wait):
            yield b": still here\n\n"


async def events(request: Request) -> Response:
    """GET /create/jobs/ID/events"""
    house, wanted = _house(request), request.path_params["id"]
    _, actor = (await visitor(request)).person()
    await house.db.read(lambda session: generate.get(session, actor, wanted))
    return StreamingResponse(_updates(house, actor, wanted), media_type="text/event-stream",
                             headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def act(request: Request) -> Response:
    """POST /create/jobs/ID/cancel, /retry, /discard"""
    house, wanted, verb = _house(request), request.path_params["id"], request.path_params["verb"]
    given = await checked_form(request)
    _, actor = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> None:
        {"cancel": generate.cancel, "discard": generate.discard}[verb](uow, actors.get(uow.session, actor.id), wanted)

    try:
        if verb == "retry":
            await submission.again(house.db, house.storage, house.gates, actor.id, wanted)
        else:
            await house.db.write(apply)
    except (Conflict, Forbidden, Invalid, TooManyRequests) as error:
        return await _page(request, problem=error.text, status=error.status)
    if text(given, "back") == "queue":
        return go(request, "/create/queue")
    return go(request, "/create" if verb == "discard" else f"/create/jobs/{wanted}")


async def appeal(request: Request) -> Response:
    """POST /create/jobs/ID/appeal {appeal}: ask a moderator to look at a refusal."""
    house, wanted = _house(request), request.path_params["id"]
    given = await checked_form(request)
    _, actor = (await visitor(request)).person()
    said = text(given, "appeal")
    try:
        await house.db.write(lambda uow: screenings.appeal(uow, actors.get(uow.session, actor.id), wanted, said))
    except (Conflict, Invalid) as error:
        return await _page(request, problem=error.text, appeal=said, status=error.status)
    return go(request, f"/create/jobs/{wanted}")


async def publish(request: Request) -> Response:
    """POST /create/jobs/ID/publish"""
    house, wanted = _house(request), request.path_params["id"]
    given = await checked_form(request)
    _, actor = (await visitor(request)).person()
    draft = Draft(text=text(given, "text"), visibility=text(given, "visibility", "public"), **remix_fields(given))
    try:
        status = await publishing.publish(
            house.db, house.gates, house.storage, actor.id, wanted, draft, show_prompt=not text(given, "hide_prompt"),
            description=text(given, "description").strip() or None)
    except (Conflict, Invalid, Forbidden, NotFound) as error:
        return await _page(request, problem=error.text, said=draft.text, status=error.status)
    await published(house, status.id, actor.id)
    return go(request, f"/@{actor.username}/{status.id}")
