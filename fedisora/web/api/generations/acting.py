"""POST generations/:id/…: cancel, retry, discard, move, publish; and all at once: generations/cancel-all."""
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ....db import UnitOfWork
from ....errors import Invalid
from ....generation import publishing, submission
from ....models import Actor
from ....services import generations
from ....services.publish import Draft
from ....store import actors
from ...auth import person
from ...body import params, row_id
from ...convertors import number
from ...mastodon.posts import published, remix_of
from .entity import entity

if TYPE_CHECKING:
    from ....app import House


def _acting(use_case: Callable[[UnitOfWork, Actor, int], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        house: House = request.app.state.house
        wanted, who = row_id(request), await person(request, "write:generations")

        def apply(uow: UnitOfWork) -> dict[str, Any]:
            actor = actors.get(uow.session, who.actor.id)
            use_case(uow, actor, wanted)
            uow.session.flush()
            return entity(uow.session, generations.get(uow.session, actor, wanted), house)

        return JSONResponse(await house.db.write(apply))

    return handler


cancel = _acting(generations.cancel)
discard = _acting(generations.discard)


async def cancel_all(request: Request) -> Response:
    """POST generations/cancel-all: those that were stopped, or are asked to stop."""
    house: House = request.app.state.house
    who = await person(request, "write:generations")
    return JSONResponse(await house.db.write(lambda uow: [
        entity(uow.session, row, house) for row in generations.cancel_all(uow, actors.get(uow.session, who.actor.id))]))


async def retry(request: Request) -> Response:
    """POST generations/:id/retry: with the same seed and parameters."""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "write:generations")
    await submission.again(house.db, house.storage, house.gates, who.actor.id, wanted)
    return JSONResponse(await house.db.read(
        lambda session: entity(session, generations.get(session, who.actor, wanted), house)))


async def move(request: Request) -> Response:
    """POST generations/:id/move {before}: your queued videos in their new order."""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write:generations"), await params(request)
    before = given.text("before")
    if before and number(before) is None:
        raise Invalid("before is the id of one of your videos, or null for the end.", code="no-id")

    def apply(uow: UnitOfWork) -> list[dict[str, Any]]:
        actor = actors.get(uow.session, who.actor.id)
        generations.move(uow, actor, wanted, number(before) if before else None)
        return [entity(uow.session, row, house) for row in generations.line(uow.session, actor)]

    return JSONResponse(await house.db.write(apply))


async def publish(request: Request) -> Response:
    """POST generations/:id/publish {text, visibility, show_prompt, description, sensitive, spoiler_text}: the post."""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write:generations"), await params(request)
    draft = Draft(
        text=given.text("text") or given.text("status"), visibility=given.text("visibility") or "public",
        sensitive=bool(given.flag("sensitive")), spoiler_text=given.text("spoiler_text"), language=given.optional("language"),
        **remix_of(given))
    status = await publishing.publish(
        house.db, house.gates, house.storage, who.actor.id, wanted, draft,
        show_prompt=given.flag("show_prompt", True) is not False, description=given.text("description"))
    return JSONResponse(await published(house, status.id, who.actor.id))
