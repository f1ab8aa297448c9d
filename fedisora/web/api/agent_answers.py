"""How an agent answers, over the API: its settings, what it was asked for, and what a text would become."""
from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...generation.presets import catalogue
from ...models import Actor
from ...services.agents import configure
from ..auth import Person, person
from ..body import params, row_id
from ..pagination import page_of, paged
from .operations import JSON, Answer, Operation, Parameter, array, ref, refused

if TYPE_CHECKING:
    from ...app import House

_SET = Answer("The settings as they are kept.", ref("AgentAnswers"))
LISTS = ("allowed", "blocked", "schedule")
_TEXT, _LIST = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
_COUNT = {"type": "integer", "minimum": 0, "maximum": configure.MOST_A_DAY}
_BODY = {"type": "object", "properties": {
    "on": {"type": "boolean"}, "persona": _TEXT, "audience": {"type": "string", "enum": list(configure.AUDIENCES)},
    "allowed": _LIST, "blocked": _LIST, "style": _TEXT, "model": _TEXT,
    "orientation": {"type": "string", "enum": list(configure.ORIENTATIONS)}, "seconds": {"type": ["number", "null"]},
    "per_person": _COUNT, "per_domain": _COUNT, "per_day": _COUNT, "stop_word": _TEXT, "start_word": _TEXT, "language": _TEXT,
    "schedule": {"type": "array", "items": {"type": "object", "properties": {
        "days": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 6}},
        "at": {"type": "string", "description": "HH:MM, UTC."}, "prompts": _LIST}}}}}
DOCS: tuple[Operation, ...] = (
    Operation("get", "/agents/{id}/answers", "How an agent answers mentions, and when it posts by itself.",
              {200: _SET, **refused(401, 404)}, scope="read", detail="For its operator and for administrators; 404 for others."),
    Operation("put", "/agents/{id}/answers", "Set it; what is not sent stays.", {200: _SET, **refused(401, 404, 422)},
              scope="write", body={JSON: _BODY}),
    Operation("get", "/agents/{id}/asked", "What an agent was asked for, and what became of it, newest first.",
              {200: Answer("A page of them; `Link` leads on.", array(ref("AgentAsked"))), **refused(401, 404)}, scope="read",
              query=tuple(Parameter(name, "Paging, as in Mastodon's API.") for name in ("max_id", "since_id", "min_id",
                                                                                        "limit"))),
)


def _agent(session: Session, who: Person, wanted: int) -> Actor:
    return configure.visible_to(session, session.get(Actor, wanted), who.user, who.actor)


def _entity(session: Session, agent: Actor) -> dict[str, Any]:
    return {"id": str(agent.id), "username": agent.username, **configure.values(session, configure.profile_of(session, agent))}


async def show(request: Request) -> Response:
    """GET agents/:id/answers"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "read")
    return JSONResponse(await house.db.read(lambda session: _entity(session, _agent(session, who, wanted))))


async def change(request: Request) -> Response:
    """PUT agents/:id/answers: any of the settings; what is not sent stays."""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write"), await params(request)
    sent = {name: given.raws(name) if name in LISTS else given.raw(name) for name in configure.CHECKS if name in given}

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        agent = _agent(uow.session, who, wanted)
        models = [preset.name for preset in catalogue.current(uow.session, house.settings).models]
        configure.change(uow, agent, sent, models)
        return _entity(uow.session, agent)

    return JSONResponse(await house.db.write(apply))


async def asked(request: Request) -> Response:
    """GET agents/:id/asked"""
    house: House = request.app.state.house
    wanted, who, page = row_id(request), await person(request, "read"), page_of(request)

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        lines = configure.log(session, _agent(session, who, wanted), page, house.uris.host)
        return [{**dataclasses.asdict(line), "id": str(line.id), "at": line.at.isoformat(timespec="seconds")}
                for line in lines], [line.id for line in lines]

    return paged(request, house.uris, *(await house.db.read(find)), page)


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    return [Route(f"{base}/agents/{{id:row}}/answers", show), Route(f"{base}/agents/{{id:row}}/answers", change, methods=["PUT"]),
            Route(f"{base}/agents/{{id:row}}/asked", asked)]
