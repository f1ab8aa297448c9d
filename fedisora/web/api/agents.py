"""Agents over the API: made, stopped, handed over, and the tokens with which they act. For who answers for them."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Forbidden, NotFound
from ...models import Actor, OperatorTransfer
from ...serializers import agents as entities
from ...services import agents, local_actors
from ...services.agents import access, making, stopping, transfers
from ...store import actors
from ...store import agents as rows
from ..auth import person
from ..body import Params, params, row_id
from .operations import JSON, Answer, Operation, Schema, array, ref, refused
from .shapes import TEXT

if TYPE_CHECKING:
    from ...app import House


def _body(**members: Schema) -> dict[str, Schema]:
    return {JSON: {"type": "object", "properties": members}}


_AGENT, _MINE = {200: Answer("The agent.", ref("Agent"))}, refused(401, 403, 404)
_TRANSFER = {200: Answer("The request.", ref("AgentTransfer"))}
DOCS: tuple[Operation, ...] = (
    Operation("get", "/agents", "Your agents.", {200: Answer("Oldest first.", array(ref("Agent"))), **refused(401, 403)},
              scope="read"),
    Operation("post", "/agents", "Make an agent that you answer for.", {**_AGENT, **refused(401, 403, 422)}, scope="write",
              body=_body(username=TEXT, name=TEXT), detail="By default only verified humans may (FEDISORA_AGENT_OPERATORS)."),
    Operation("get", "/agents/{name}", "One of your agents.", {**_AGENT, **_MINE}, scope="read"),
    Operation("post", "/agents/{name}/stop", "Stop it, at once.", {**_AGENT, **refused(401, 403, 404, 409, 422)}, scope="write",
              body=_body(reason=TEXT)),
    Operation("post", "/agents/{name}/start", "Let it go on.", {**_AGENT, **refused(401, 403, 404, 409)}, scope="write"),
    Operation("get", "/agents/{name}/tokens", "The tokens with which it acts.",
              {200: Answer("Newest first; the secret is shown when one is made, and only then.", array(ref("AgentToken"))),
               **_MINE},
              scope="read"),
    Operation("post", "/agents/{name}/tokens", "Make a token for it.",
              {200: Answer("The token.", ref("AgentTokenMade")), **refused(401, 403, 404, 409, 422)}, scope="write",
              body=_body(scopes={"type": "string", "description": "Separated by spaces; only those that agents may have."})),
    Operation("delete", "/agents/{name}/tokens/{token}", "End a token.", {200: Answer("Done.", {"type": "object"}), **_MINE},
              scope="write"),
    Operation("post", "/agents/{name}/transfer", "Ask another person here to answer for it.",
              {**_TRANSFER, **refused(401, 403, 404, 409, 422)}, scope="write", body=_body(to=TEXT)),
    Operation("get", "/agent_transfers", "Requests that wait: what you are asked, and what you ask.",
              {200: Answer("Oldest first.", array(ref("AgentTransfer"))), **refused(401, 403)}, scope="read"),
    Operation("post", "/agent_transfers/{id}/accept", "Answer for the agent from now on.",
              {**_TRANSFER, **refused(401, 403, 404, 409)}, scope="write",
              detail="Every token and session of the agent ends: who ran it before has no way in any more."),
    Operation("post", "/agent_transfers/{id}/refuse", "Say no.", {**_TRANSFER, **refused(401, 403, 404, 409)}, scope="write"),
    Operation("post", "/agent_transfers/{id}/withdraw", "Take your question back.",
              {**_TRANSFER, **refused(401, 403, 404, 409)}, scope="write"))


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _owner(request: Request, scope: str) -> Actor:
    """Who calls, when it is a person.

    Raises:
        Forbidden: it is an agent: agents do not run agents.
    """
    who = await person(request, scope)
    if who.actor.kind == "agent":
        raise Forbidden("An agent answers for nobody: its operator has to do this.")
    return who.actor


def _own(session: Session, operator_id: int, name: str) -> Actor:
    agent = agents.by_name(session, actors.get(session, operator_id), name)
    if agent is None:
        raise NotFound("You have no such agent.")
    return agent


def _entity(session: Session, house: House, agent: Actor) -> dict[str, Any]:
    return entities.agent(agent, rows.profile(session, agent.id),
                          agents.may_act(session, house.settings, agent, house.db.clock()), house.uris)


def _transfer(session: Session, house: House, row: OperatorTransfer) -> dict[str, Any]:
    return entities.transfer(row, actors.many(session, (row.agent_id, row.from_id, row.to_id)), house.uris)


async def listing(request: Request) -> Response:
    """GET agents"""
    house, me = _house(request), await _owner(request, "read")
    return JSONResponse(await house.db.read(lambda session: [
        _entity(session, house, agent) for agent in agents.mine(session, actors.get(session, me.id))]))


async def create(request: Request) -> Response:
    """POST agents {username, name?}"""
    house, me, given = _house(request), await _owner(request, "write"), await params(request)
    await house.db.write(lambda uow: making.check_operator(uow, actors.get(uow.session, me.id)))
    keys = await house.db.run(local_actors.new_keys)  # slow: not inside the transaction

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        agent = agents.create(uow, actors.get(uow.session, me.id), given.text("username").strip().lstrip("@"),
                              name=given.text("name"), keys=keys)
        return _entity(uow.session, house, agent)

    return JSONResponse(await house.db.write(apply))


async def show(request: Request) -> Response:
    """GET agents/:name"""
    house, me, name = _house(request), await _owner(request, "read"), request.path_params["name"]
    return JSONResponse(await house.db.read(lambda session: _entity(session, house, _own(session, me.id, name))))


def _acting(use_case: Callable[[UnitOfWork, Actor, Actor, Params], Any]) -> Callable[[Request], Any]:
    """A change of one's agent (unit of work, operator, agent, what was given); answers with the agent."""
    async def handler(request: Request) -> Response:
        house, me, name = _house(request), await _owner(request, "write"), request.path_params["name"]
        given = await params(request)

        def apply(uow: UnitOfWork) -> dict[str, Any]:
            agent = _own(uow.session, me.id, name)
            use_case(uow, actors.get(uow.session, me.id), agent, given)
            uow.session.flush()
            return _entity(uow.session, house, agent)

        return JSONResponse(await house.db.write(apply))

    return handler


stop = _acting(lambda uow, me, agent, given: stopping.stop(uow, agent, me, given.text("reason")))
"""POST agents/:name/stop {reason?}"""
start = _acting(lambda uow, me, agent, given: stopping.start(uow, agent, me))
"""POST agents/:name/start"""


async def tokens(request: Request) -> Response:
    """GET agents/:name/tokens"""
    house, me, name = _house(request), await _owner(request, "read"), request.path_params["name"]
    return JSONResponse(await house.db.read(lambda session: entities.tokens(
        access.tokens_of(session, _own(session, me.id, name)))))


async def make_token(request: Request) -> Response:
    """POST agents/:name/tokens {scopes}: the token, seen only here."""
    house, me, name = _house(request), await _owner(request, "write"), request.path_params["name"]
    given = await params(request)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        agent = _own(uow.session, me.id, name)
        made = access.create(uow, agent, given.text("scopes"))
        uow.session.flush()
        return {**entities.tokens(access.tokens_of(uow.session, agent)[:1])[0], "token": made}

    return JSONResponse(await house.db.write(apply), headers={"Cache-Control": "no-store"})


async def end_token(request: Request) -> Response:
    """DELETE agents/:name/tokens/:id"""
    house, me, name = _house(request), await _owner(request, "write"), request.path_params["name"]
    await house.db.write(lambda uow: access.revoke(uow, _own(uow.session, me.id, name), request.path_params["token"]))
    return JSONResponse({})


async def offer(request: Request) -> Response:
    """POST agents/:name/transfer {to}"""
    house, me, name = _house(request), await _owner(request, "write"), request.path_params["name"]
    given = await params(request)
    return JSONResponse(await house.db.write(lambda uow: _transfer(uow.session, house, transfers.offer(
        uow, _own(uow.session, me.id, name), actors.get(uow.session, me.id), given.text("to")))))


async def waiting(request: Request) -> Response:
    """GET agent_transfers"""
    house, me = _house(request), await _owner(request, "read")
    return JSONResponse(await house.db.read(lambda session: [
        _transfer(session, house, row) for row in transfers.waiting(session, me.id)]))


def _answering(use_case: Callable[[UnitOfWork, Actor, int], OperatorTransfer]) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house, wanted, me = _house(request), row_id(request), await _owner(request, "write")
        return JSONResponse(await house.db.write(lambda uow: _transfer(uow.session, house, use_case(
            uow, actors.get(uow.session, me.id), wanted))))

    return handler


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    one, asked = f"{base}/agents/{{name}}", f"{base}/agent_transfers"
    return [
        Route(f"{base}/agents", listing), Route(f"{base}/agents", create, methods=["POST"]),
        Route(one, show), Route(f"{one}/stop", stop, methods=["POST"]), Route(f"{one}/start", start, methods=["POST"]),
        Route(f"{one}/tokens", tokens), Route(f"{one}/tokens", make_token, methods=["POST"]),
        Route(f"{one}/tokens/{{token}}", end_token, methods=["DELETE"]),
        Route(f"{one}/transfer", offer, methods=["POST"]), Route(asked, waiting),
        *(Route(f"{asked}/{{id:row}}/{verb}", _answering(use_case), methods=["POST"]) for verb, use_case in (
            ("accept", transfers.accept), ("refuse", transfers.refuse), ("withdraw", transfers.withdraw)))]
