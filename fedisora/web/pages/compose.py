"""Making videos: prompt or upload, progress, draft, publish."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...errors import FedisoraError, Forbidden, Invalid, NotFound, TooManyRequests
from ...generation import submission
from ...generation.intake import Wanted
from ...models import Generation
from ...services import generations as generate
from ...services import publish as writing
from ...services.publish import Draft
from ...store import actors
from .. import claims
from ..api.generations import stream
from ..mastodon.posts import published
from ..uploads import keep_upload
from . import views
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


def _remix(given: FormData) -> dict[str, Any]:
    """What a form says of remixes, as for a Draft."""
    parent = text(given, "remix")
    return {"remix_of_id": row_of(parent) if parent else None, "remix_use": text(given, "use"),
            "remix_policy": text(given, "remix_policy") or "ask"}


async def _page(request: Request, *, problem: str = "", prompt: str = "", orientation: str = "portrait", seconds: int = 5,
                seed: str = "", source: str = "", status: int = 200, remix: str = "") -> Response:
    house = _house(request)
    _, actor = (await visitor(request)).person()

    def read(session: Session) -> tuple[list[views.JobView], Origin | None]:
        return ([views.job(session, row, actor, house.uris, 0) for row in generate.mine(session, actor, 12)],
                origin_of(session, actor, row_of(remix), house.uris.host) if remix else None)

    jobs, origin = await house.db.read(read)
    return await page(request, "create.html", status=status, problem=problem, prompt=prompt, orientation=orientation,
                      seconds=seconds, seed=seed, jobs=jobs, backend=house.settings.generation_backend,
                      max_mb=house.settings.max_upload_mb, choices=CHOICES, source=source,
                      ai_policy=house.settings.ai_policy, generation_off=generate.OFF, origin=origin, policies=POLICIES)


async def form(request: Request) -> Response:
    """GET /create; with `?remix=ID` for a video made from a post."""
    (await visitor(request)).person()
    return await _page(request, remix=request.query_params.get("remix", ""))


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
        return await _page(request, problem=error.text, prompt=prompt, orientation=orientation, seed=seed, status=error.status,
                           remix=text(given, "remix"), seconds=int(length) if length.isdecimal() and len(length) < 4 else 5)
    return go(request, f"/create/jobs/{ids[0]}")


async def upload(request: Request) -> Response:
    """POST /create/upload: a file that becomes a post once it is encoded and signed."""
    house, given = _house(request), await checked_form(request)
    _, actor = (await visitor(request)).person()
    file = given.get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise Invalid("Please choose a file.")
        media_id = await keep_upload(house, file, actor.id, description=text(given, "description"), choice=text(given, "source"))
        await claims.keep(house, actor.id, [media_id], [], {"train-ai": "n"} if text(given, "no_training") else {})
        status = await house.db.write(lambda uow: writing.create(
            uow, actors.get(uow.session, actor.id), Draft(
                text=text(given, "text"), media_ids=(media_id,), **_remix(given))))
        await published(house, status.id, actor.id, (media_id,))
    except FedisoraError as error:
        if error.status >= 500:
            raise
        return await _page(request, problem=error.text, source=text(given, "source"), status=error.status,
                           remix=text(given, "remix"))
    return go(request, f"/@{actor.username}/{status.id}")


async def _job_page(request: Request, *, problem: str = "", said: str = "", status: int = 200) -> Response:
    house, wanted = _house(request), request.path_params["id"]
    _, actor = (await visitor(request)).person()

    def read(session: Session) -> tuple[Generation, views.JobView, str | None, Origin | None]:
        row = generate.get(session, actor, wanted)
        position = generate.position(session, row) if row.state == "queued" else 0
        where = f"/@{actor.username}/{row.status_id}" if row.state == "done" and row.status_id else None
        meant = row_of(str((row.options or {}).get("remix_of") or ""))
        return row, views.job(session, row, actor, house.uris, position), where, (
            origin_of(session, actor, meant, house.uris.host) if meant and row.state == "draft" else None)

    _, shown, where, origin = await house.db.read(read)
    if where is not None:
        return go(request, where)
    return await page(request, "job.html", status=status, job=shown, problem=problem, text=said, origin=origin,
                      policies=POLICIES)


async def job(request: Request) -> Response:
    """GET /create/jobs/ID"""
    (await visitor(request)).person()
    return await _job_page(request)


async def events(request: Request) -> Response:
    """GET /create/jobs/ID/events"""
    house, wanted = _house(request), request.path_params["id"]
    _, actor = (await visitor(request)).person()
    await house.db.read(lambda session: generate.get(session, actor, wanted))
    return stream(house, actor, wanted)


async def act(request: Request) -> Response:
    """POST /create/jobs/ID/cancel, /retry, /discard"""
    house, wanted, verb = _house(request), request.path_params["id"], request.path_params["verb"]
    await checked_form(request)
    _, actor = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> None:
        {"cancel": generate.cancel, "retry": generate.retry, "discard": generate.discard}[verb](
            uow, actors.get(uow.session, actor.id), wanted)

    await house.db.write(apply)
    return go(request, "/create" if verb == "discard" else f"/create/jobs/{wanted}")


async def publish(request: Request) -> Response:
    """POST /create/jobs/ID/publish"""
    house, wanted = _house(request), request.path_params["id"]
    given = await checked_form(request)
    _, actor = (await visitor(request)).person()
    draft = Draft(text=text(given, "text"), visibility=text(given, "visibility", "public"), **_remix(given))
    try:
        status = await house.db.write(lambda uow: generate.publish(
            uow, actors.get(uow.session, actor.id), wanted, draft, show_prompt=not text(given, "hide_prompt"),
            description=text(given, "description").strip() or None))
    except (Invalid, Forbidden, NotFound) as error:
        return await _job_page(request, problem=error.text, said=draft.text, status=error.status)
    await published(house, status.id, actor.id)
    return go(request, f"/@{actor.username}/{status.id}")
