"""Generations over the API: ask, watch, cancel, publish."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ...db import UnitOfWork
from ...errors import Invalid
from ...generation import safety
from ...models import Actor, Generation, Media
from ...serializers.mastodon.account import when
from ...serializers.mastodon.status import media_attachment
from ...services import generations as generate
from ...services.publish import Draft
from ...store import actors
from ...uris import Uris
from ..auth import person
from ..body import params, row_id
from ..mastodon.posts import published, remix_of
from .operations import JSON, Answer, Operation, array, ref, refused

if TYPE_CHECKING:
    from ...app import House

KEEP_ALIVE = 15.0
_PROMPT = {"type": "object", "required": ["prompt"], "properties": {
    "prompt": {"type": "string"}, "orientation": {"type": "string", "enum": ["portrait", "landscape", "square"]},
    "seconds": {"type": "number"}, "seed": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}}}
_PUBLISH = {"type": "object", "properties": {
    "text": {"type": "string"}, "visibility": {"type": "string", "enum": ["public", "unlisted", "private", "direct"]},
    "show_prompt": {"type": "boolean", "description": "false: only a commitment to the prompt is published."},
    "description": {"type": "string", "description": "Alternative text."}, "sensitive": {"type": "boolean"},
    "spoiler_text": {"type": "string"}, "language": {"type": "string"}}}
_ONE = {200: Answer("The generation as it is now.", ref("Generation"))}
DOCS = (
    Operation("post", "/generations", "Ask for a video.",
              {202: Answer("It waits for its turn.", ref("Generation")), **refused(401, 422, 429)}, scope="write",
              body={JSON: _PROMPT}),
    Operation("get", "/generations", "Your generations that are neither published nor discarded, newest first.",
              {200: Answer("They.", array(ref("Generation"))), **refused(401)}, scope="read"),
    Operation("get", "/generations/{id}", "One generation.", {**_ONE, **refused(401, 404)}, scope="read"),
    Operation("get", "/generations/{id}/events", "Its progress as server-sent events, until it ends.",
              {200: Answer("Events `progress` with a Generation as data.", media_type="text/event-stream"), **refused(401, 404)},
              scope="read"),
    Operation("post", "/generations/{id}/cancel", "Stop it.", {**_ONE, **refused(401, 404, 409)}, scope="write"),
    Operation("post", "/generations/{id}/retry", "Try a failed or cancelled one again.", {**_ONE, **refused(401, 404, 409, 429)},
              scope="write"),
    Operation("post", "/generations/{id}/discard", "Throw a draft away.", {**_ONE, **refused(401, 404, 409)}, scope="write"),
    Operation("post", "/generations/{id}/publish", "Sign a draft and publish it.",
              {200: Answer("The post.", ref("Status")), **refused(401, 404, 409, 422)}, scope="write", body={JSON: _PUBLISH}),
)


def entity(session: Session, row: Generation, uris: Uris) -> dict[str, Any]:
    """One generation; `progress` 0 … 1, `position` = how many are ahead of a queued one."""
    media = session.get(Media, row.media_id) if row.media_id is not None else None
    return {
        "id": str(row.id),
        "state": row.state,
        "stage": row.stage,
        "progress": row.progress,
        "prompt": row.prompt,
        "seed": row.seed,
        "width": row.width,
        "height": row.height,
        "seconds": row.seconds,
        "fps": row.fps,
        "backend": row.backend,
        "error": row.error,
        "position": generate.position(session, row) if row.state == "queued" else 0,
        "media": media_attachment(media, uris) if media is not None else None,
        "status_id": str(row.status_id) if row.status_id is not None else None,
        "created_at": when(row.created_at),
        "finished_at": when(row.finished_at),
    }


async def create(request: Request) -> Response:
    """POST generations {prompt, orientation: portrait|landscape|square, seconds, seed?}"""
    house: House = request.app.state.house
    who, given = await person(request, "write"), await params(request)
    prompt, seed = given.text("prompt"), given.text("seed")
    try:
        seconds = float(given.text("seconds") or 5)
        number = int(seed) if seed else None
    except ValueError as error:
        raise Invalid("Seconds and seed are numbers.", cause=error) from error
    if number is not None and not 0 <= number < 2**63:
        raise Invalid("The seed is a number from 0 to 2^63 - 1.")
    await safety.check_prompt(prompt)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        row = generate.request(
            uow,
            actors.get(uow.session, who.actor.id),
            prompt,
            seconds=seconds,
            seed=number,
            orientation=given.text("orientation") or given.text("shape") or "portrait",
        )
        return entity(uow.session, row, house.uris)

    return JSONResponse(await house.db.write(apply), 202)


async def listing(request: Request) -> Response:
    """GET generations: what is not published or discarded, newest first."""
    house: House = request.app.state.house
    who = await person(request, "read")
    return JSONResponse(
        await house.db.read(lambda session: [entity(session, row, house.uris) for row in generate.mine(session, who.actor)])
    )


async def show(request: Request) -> Response:
    """GET generations/:id"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "read")
    return JSONResponse(
        await house.db.read(lambda session: entity(session, generate.get(session, who.actor, wanted), house.uris))
    )


def stream(house: House, actor: Actor, generation_id: int) -> StreamingResponse:
    """Server-sent events `progress` with the entity as data, until the job ends."""

    async def events() -> AsyncIterator[bytes]:
        last = None
        while True:
            now = await house.db.read(lambda session: entity(session, generate.get(session, actor, generation_id), house.uris))
            if now != last:
                yield b"event: progress\ndata: " + orjson.dumps(now) + b"\n\n"
                last = now
            if now["state"] in generate.FINAL:
                return
            if not await house.bells.wait(f"generation:{generation_id}", 1.0 if house.settings.redis_url else KEEP_ALIVE):
                yield b": still here\n\n"

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


async def events(request: Request) -> Response:
    """GET generations/:id/events"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "read")
    await house.db.read(lambda session: generate.get(session, who.actor, wanted))
    return stream(house, who.actor, wanted)


def _acting(use_case: Any) -> Any:
    async def handler(request: Request) -> Response:
        house: House = request.app.state.house
        wanted, who = row_id(request), await person(request, "write")

        def apply(uow: UnitOfWork) -> dict[str, Any]:
            actor = actors.get(uow.session, who.actor.id)
            use_case(uow, actor, wanted)
            uow.session.flush()
            return entity(uow.session, generate.get(uow.session, actor, wanted), house.uris)

        return JSONResponse(await house.db.write(apply))

    return handler


cancel = _acting(generate.cancel)
retry = _acting(generate.retry)
discard = _acting(generate.discard)


async def publish(request: Request) -> Response:
    """POST generations/:id/publish {text, visibility, show_prompt, description, sensitive, spoiler_text}: the post."""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write"), await params(request)
    draft = Draft(
        text=given.text("text") or given.text("status"),
        visibility=given.text("visibility") or "public",
        sensitive=bool(given.flag("sensitive")),
        spoiler_text=given.text("spoiler_text"),
        language=given.optional("language"),
        **remix_of(given),
    )
    status = await house.db.write(
        lambda uow: generate.publish(
            uow,
            actors.get(uow.session, who.actor.id),
            wanted,
            draft,
            show_prompt=given.flag("show_prompt", True) is not False,
            description=given.text("description"),
        )
    )
    return JSONResponse(await published(house, status.id, who.actor.id))
