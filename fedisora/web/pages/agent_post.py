"""POST /settings/agents/NAME/post: an operator posts as their agent, words or a video. The form is on the agent's page."""
from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import FedisoraError
from ...generation import submission
from ...generation.intake import Wanted
from ...services.agents import answers, posting
from ...services.generations import Plan
from ...store import actors
from .agents import HERE, one, own, owner_of
from .visitor import checked_form, go, text

if TYPE_CHECKING:
    from ...app import House


async def post(request: Request) -> Response:
    """POST /settings/agents/NAME/post {kind: words or video, text, visibility}"""
    house: House = request.app.state.house
    form = await checked_form(request)
    me, name = await owner_of(request), request.path_params["name"]
    given = {"kind": text(form, "kind"), "text": text(form, "text"), "visibility": text(form, "visibility")}

    def words(uow: UnitOfWork) -> str:
        agent = own(uow.session, me.id, name)
        status = posting.words(uow, agent, actors.get(uow.session, me.id), given["text"], given["visibility"])
        return f"/@{agent.username}/{status.id}"

    def video(uow: UnitOfWork) -> list[int]:
        def plan(order: answers.Order) -> Plan:
            return submission.planned(uow.session, house.db, order.agent_id, Wanted(
                prompt=order.prompt, model=order.model, orientation=order.orientation, size=order.size, seconds=order.seconds))

        return [posting.video(uow, own(uow.session, me.id, name), actors.get(uow.session, me.id), given["text"],
                              given["visibility"], plan).id]

    try:
        if given["kind"] != "video":
            return go(request, await house.db.write(words), "It is posted.")
        await submission.queue(house.db, house.storage, house.gates, video)
    except FedisoraError as error:
        if error.status >= 500 or error.status == 404:
            raise
        return await one(request, problem=error.text, status=error.status, given=given)
    return go(request, f"{HERE}/{name}", "It is being made, and posted when it is done. What becomes of it stands under “Answers "
                                         "and own posts”.")


routes: list[BaseRoute] = [Route(f"{HERE}/{{name}}/post", post, methods=["POST"])]
