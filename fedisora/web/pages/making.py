"""The page on which a video is asked for: words, model, shape, length; what exactly would be made and what it costs."""
from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ...errors import FedisoraError, Forbidden, Invalid, TooManyRequests
from ...generation import submission
from ...generation.presets import catalogue
from ...models import Actor, Generation, Media
from ...services import generations as generate
from ...services.generations import Estimate, Plan, quotas
from ...store import generation_overview, statuses
from ...store import media as media_rows
from ..uploads import keep_upload
from . import asked, job_view
from .consents import Origin, origin_of, row_of
from .made import CHOICES
from .remix import POLICIES
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

JOBS_SHOWN = 6
WAIT_SECONDS = 15.0
"""How long an answer waits until a file that was sent has been looked at."""


@dataclass(frozen=True)
class Preview:
    """What exactly would be made, and what it costs.

    Attributes:
        before: how many wait in its lane.
        left: GPU seconds of today that are left, None without a limit.
        refusal: why this account cannot have it now; "" when it can.
    """

    plan: Plan
    estimate: Estimate
    facts: list[tuple[str, str]]
    before: int
    left: float | None
    refusal: str


@dataclass(frozen=True)
class Start:
    """The file that a video starts from, as the form names it."""

    id: int
    kind: str
    poster: str


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


def _start(session: Session, actor: Actor, given: str) -> Start | None:
    media = session.get(Media, row_of(given)) if given else None
    if media is None or media.actor_id != actor.id:
        return None
    return Start(media.id, media.kind, f"/media/{media.poster_key}" if media.poster_key else "")


def _refused(session: Session, actor: Actor, problem: str, prompt: str) -> Generation | None:
    """The row of a request that a gate has just refused: its page has the appeal."""
    newest = next(iter(generate.mine(session, actor, 1)), None)
    same = newest is not None and newest.state == "rejected" and newest.prompt == " ".join(prompt.split())
    return newest if same and newest is not None and newest.error == problem else None


async def create_page(request: Request, *, problem: str = "", given: Mapping[str, str] = asked.BLANK,
                      preview: Preview | None = None, source: str = "", status: int = 200) -> Response:
    """The page, with what was typed."""
    house = _house(request)
    settings = house.settings
    _, actor = (await visitor(request)).person()

    def read(session: Session) -> dict[str, Any]:
        offered = catalogue.current(session, settings)
        model = next((one for one in offered.models if one.name == given["model"]), None) or next(
            (one for one in offered.models if one.name == offered.default.name), None) or next(iter(offered.models), None)
        form = asked.fitting(given, model, settings.generation_max_seconds) if model is not None else dict(given)
        origin: Origin | None = origin_of(session, actor, row_of(given["remix"]), house.uris.host) if given["remix"] else None
        most = quotas.limits_of(session, settings, actor, quotas.payer_of(session, actor)).jobs
        refused = _refused(session, actor, problem, given["prompt"]) if problem else None
        jobs = job_view.views_of(session, generate.mine(session, actor, JOBS_SHOWN), actor, house.uris, house.db.clock())
        return {"offered": offered, "model": model, "form": form, "origin": origin, "jobs": jobs,
                "start": _start(session, actor, given["input"]), "going": sum(job.under_way for job in jobs),
                "variants": range(1, max(1, min(most, settings.generation_variants)) + 1),
                "appeal": f"/create/jobs/{refused.id}" if refused is not None else "",
                "lengths": asked.lengths(model, settings.generation_max_seconds) if model is not None else []}

    return await page(request, "create.html", status=status, problem=problem, preview=preview, source=source,
                      live="hx-request" in request.headers, tasks=asked.TASKS, strengths=asked.STRENGTHS, people=asked.PEOPLE,
                      number=job_view.number, unit=job_view.unit,
                      most=settings.generation_max_seconds, max_mb=settings.max_upload_mb, choices=CHOICES,
                      ai_policy=settings.ai_policy, generation_off=generate.OFF, policies=POLICIES, **await house.db.read(read))


async def form(request: Request) -> Response:
    """GET /create; with `?remix=ID` for a video made from a post, `?again=ID` for one like an earlier one of one's own."""
    house = _house(request)
    _, actor = (await visitor(request)).person()
    again = row_of(request.query_params.get("again", ""))
    if again:
        return await create_page(request, given=await house.db.read(
            lambda session: asked.like(generate.get(session, actor, again))))
    return await create_page(request, given=dict(asked.BLANK) | {"remix": request.query_params.get("remix", "")})


async def _kept(house: House, actor: Actor, sent: FormData, given: dict[str, str]) -> None:
    """Keep a picture or video that came with the form, and name it in the form's values: nobody sends a file twice.

    Raises:
        Invalid, TooLarge: it cannot be used.
    """
    file = sent.get("start")
    if given["task"] != "text" and isinstance(file, UploadFile) and file.filename:
        given["input"] = str(await keep_upload(house, file, actor.id))
    wanted = row_of(given["input"]) if given["task"] != "text" else 0
    end = time.monotonic() + WAIT_SECONDS
    while wanted:
        media = await house.db.read(lambda session: session.get(Media, wanted))
        if media is not None and media.actor_id == actor.id and media.state == "failed":
            given["input"] = ""
            raise Invalid(media.error or "This file cannot be used. Choose another one.")
        if media is None or media.state not in ("received", "processing"):
            return
        if time.monotonic() > end:
            raise Invalid("Your file is still being looked at. Press the button again in a moment; it is kept.")
        await house.bells.wait(f"media:{wanted}", 0.5)


def _input_of(session: Session, given: Mapping[str, str]) -> int | None:
    """The file to start from: the one that was sent, else that of the post that is remixed."""
    if given["task"] == "text":
        return None
    if given["input"]:
        return row_of(given["input"])
    parent = statuses.get(session, row_of(given["remix"])) if given["remix"] else None
    if parent is not None and parent.reblog_of_id is not None:
        parent = statuses.get(session, parent.reblog_of_id)
    files = media_rows.of_statuses(session, [parent.id]).get(parent.id, []) if parent is not None else []
    return next((media.id for media in files if media.kind == given["task"]), None)


async def _wanted(house: House, given: Mapping[str, str]) -> Any:
    return asked.wanted(given, await house.db.read(lambda session: _input_of(session, given)))


async def _preview(house: House, actor: Actor, given: dict[str, str]) -> Preview:
    plan, estimate = await submission.preview(house.db, actor.id, await _wanted(house, given))
    given["drawn"] = str(plan.seed)

    payer, left = await house.db.read(lambda session: _left(session, house, actor))
    try:
        await house.db.write(lambda uow: quotas.check(uow, actor, payer, plan.variants, estimate.seconds))
    except (Forbidden, TooManyRequests) as error:
        refusal = error.text
    else:
        refusal = ""
    before = await house.db.read(lambda session: generation_overview.queued(session, plan.gpu_class))
    return Preview(plan, estimate, job_view.plan_facts(plan), before, left, refusal)


def _left(session: Session, house: House, actor: Actor) -> tuple[int, float | None]:
    """On whose account it goes, and what is left there today."""
    payer = quotas.payer_of(session, actor)
    limits = quotas.limits_of(session, house.settings, actor, payer)
    used = quotas.spent(session, actor, payer, house.db.clock())
    left = [limit - spent for limit, spent in zip((limits.seconds, limits.agent_seconds), used, strict=True) if limit]
    return payer, max(0.0, min(left)) if left else None


async def check(request: Request) -> Response:
    """POST /create/check: the same page with what exactly would be made, what it costs and how long it takes. htmx asks here
    whenever something changes (then without the file), so its answer is always 200."""
    house, sent = _house(request), await checked_form(request)
    _, actor = (await visitor(request)).person()
    given, live = asked.typed(sent), "hx-request" in request.headers
    switched = text(sent, "shown_model") not in ("", given["model"])
    try:
        if switched:  # what was chosen was never offered for this model
            given = await house.db.read(lambda session: asked.fitting(
                given, catalogue.current(session, house.settings).find(given["model"]), house.settings.generation_max_seconds))
        if live and text(sent, "shown_task") == "text" != given["task"]:
            given["orientation"] = ""  # now that there is a file, its shape is the usual one
        if live and not given["prompt"].strip():
            return await create_page(request, given=given)
        if not live:
            await _kept(house, actor, sent, given)
        elif given["task"] != "text" and not given["input"] and not given["remix"]:
            return await create_page(request, given=given)  # its file comes with "Check" or "Make it"
        return await create_page(request, given=given, preview=await _preview(house, actor, given))
    except FedisoraError as error:
        if error.status >= 500:
            raise
        return await create_page(request, problem=error.text, given=given, status=200 if live else error.status)


async def create(request: Request) -> Response:
    """POST /create: make it."""
    house, sent = _house(request), await checked_form(request)
    _, actor = (await visitor(request)).person()
    given = asked.typed(sent)
    try:
        await _kept(house, actor, sent, given)
        ids = await submission.submit(house.db, house.storage, house.gates, actor.id, await _wanted(house, given))
    except FedisoraError as error:
        if error.status >= 500:
            raise
        return await create_page(request, problem=error.text, given=given, status=error.status)
    return go(request, f"/create/jobs/{ids[0]}")
