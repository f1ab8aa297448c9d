"""/admin/agents: every agent of this server, who answers for it, and the switch."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound
from ...models import Actor
from ...services import agents
from ...services.agents import stopping, transfers
from ...store import actors
from ...store import agents as rows
from . import views
from .render import page
from .visitor import checked_form, go, require_admin, text, visitor

if TYPE_CHECKING:
    from ...app import House

HERE = "/admin/agents"


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house = _house(request)

    def read(session: Session) -> list[dict[str, Any]]:
        now, found = house.db.clock(), []
        for agent, profile in rows.everybody(session):
            operator = agents.operator_of(session, agent)
            found.append({
                "ours": profile.stopped_at is not None and not agents.stopped_by_operator(session, agent, profile),
                "id": agent.id, "account": views.account(agent, house.uris), "profile": profile,
                "operator": views.account(operator, house.uris) if operator is not None else None,
                "held_back": agents.may_act(session, house.settings, agent, now),
                "without": agents.holds_back(session, house.settings, agent, None, now)})
        return found

    return await page(request, "admin_agents.html", status=status, problem=problem, items=await house.db.read(read),
                      policy=house.settings.agent_operators)


async def show(request: Request) -> Response:
    """GET /admin/agents"""
    await require_admin(request)
    return await _page(request)


async def act(request: Request) -> Response:
    """POST /admin/agents/ID/stop {reason}, start, exempt {on}"""
    house, form = _house(request), await checked_form(request)
    await require_admin(request)
    _, admin = (await visitor(request)).person()
    wanted, verb = request.path_params["id"], request.path_params["verb"]

    def apply(uow: UnitOfWork) -> None:
        agent, me = uow.session.get(Actor, wanted), actors.get(uow.session, admin.id)
        if agent is None:
            raise NotFound("There is no such agent here.")
        if verb == "stop":
            stopping.stop(uow, agent, me, text(form, "reason"))
        elif verb == "start":
            stopping.start(uow, agent, me)
        else:
            transfers.set_exempt(uow, agent, bool(text(form, "on")))

    try:
        await house.db.write(apply)
    except (Conflict, Forbidden, Invalid) as error:
        return await _page(request, problem=error.text, status=error.status)
    return go(request, HERE, "Done.")


def _bound(verb: str) -> Any:
    async def call(request: Request) -> Response:
        request.path_params["verb"] = verb
        return await act(request)

    return call


routes: list[BaseRoute] = [Route(HERE, show), *(
    Route(f"{HERE}/{{id:row}}/{verb}", _bound(verb), methods=["POST"]) for verb in ("stop", "start", "exempt"))]
