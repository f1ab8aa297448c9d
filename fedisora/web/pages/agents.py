"""/settings/agents: one's agents: made, stopped, handed over, and the tokens with which they act."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Conflict, FedisoraError, Forbidden, Invalid, NotFound
from ...models import Actor, OperatorTransfer
from ...provenance import humanity
from ...services import accounts, agents, local_actors, publish
from ...services.agents import access, making, stopping, transfers
from ...store import actors, agent_mentions
from ...store import agents as rows
from ..uploads import keep_picture
from . import views
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

HERE = "/settings/agents"
SCOPE_WORDS = {
    "read": "read what it may see", "write:statuses": "write posts", "write:media": "upload files",
    "write:generations": "make videos", "write:favourites": "like posts", "write:follows": "follow accounts",
    "write:notifications": "clear its notifications", "write:consents": "answer requests to remix its posts"}
"""Scopes that are offered, in words; all of them are marked at first."""


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def owner_of(request: Request) -> Actor:
    """The person who looks.

    Raises:
        NotFound: it is an agent that looks: agents have none.
    """
    _, actor = (await visitor(request)).person()
    if actor.kind == "agent":
        raise NotFound("There is nothing at this address.")
    return actor


def own(session: Session, operator_id: int, name: str) -> Actor:
    """One of somebody's agents; others' are not there for them."""
    agent = agents.by_name(session, actors.get(session, operator_id), name)
    if agent is None:
        raise NotFound("You have no such agent.")
    return agent


def _transfer(session: Session, house: House, row: OperatorTransfer, me: int) -> dict[str, Any]:
    people = actors.many(session, (row.agent_id, row.from_id, row.to_id))
    return {"id": row.id, "mine": row.from_id == me, "agent": views.account(people[row.agent_id], house.uris),
            "from": views.account(people[row.from_id], house.uris), "to": views.account(people[row.to_id], house.uris),
            "when": row.created_at}


async def _list(request: Request, *, problem: str = "", status: int = 200, given: dict[str, str] | None = None) -> Response:
    house, me = _house(request), await owner_of(request)

    def read(session: Session) -> dict[str, Any]:
        person, now = actors.get(session, me.id), house.db.clock()
        held = agents.mine(session, person)
        return {"items": [{"account": views.account(agent, house.uris), "name": agent.username,
                           "held_back": agents.may_act(session, house.settings, agent, now)} for agent in held],
                "offers": [_transfer(session, house, row, me.id) for row in transfers.waiting(session, me.id)
                          if row.to_id == me.id],
                "refusal": making.refusal(session, house.settings, person, now), "most": agents.most(session, me.id)}

    return await page(request, "settings_agents.html", status=status, problem=problem,
                      given=given or {"username": "", "name": ""}, **await house.db.read(read))


async def show(request: Request) -> Response:
    """GET /settings/agents"""
    return await _list(request)


async def create(request: Request) -> Response:
    """POST /settings/agents {username, name?, avatar?}"""
    house, form = _house(request), await checked_form(request)
    me = await owner_of(request)
    name, shown = text(form, "username").strip().lstrip("@"), text(form, "name")
    try:
        await house.db.write(lambda uow: making.check_operator(uow, actors.get(uow.session, me.id)))
        picture = form.get("avatar")
        key = await keep_picture(house, picture, "avatar") if isinstance(picture, UploadFile) and picture.filename else None
        keys = await house.db.run(local_actors.new_keys)  # slow: not inside the transaction
        await house.db.write(lambda uow: agents.create(uow, actors.get(uow.session, me.id), name, name=shown, avatar_key=key,
                                                       keys=keys))
    except (Invalid, Forbidden) as error:
        return await _list(request, problem=error.text, status=error.status, given={"username": name, "name": shown})
    return go(request, f"{HERE}/{name}", f"@{name} is made. You answer for what it does.")


async def one(request: Request, *, problem: str = "", status: int = 200, token: str = "",
              given: Mapping[str, str] | None = None) -> Response:
    """The page of one agent. `given`: what was typed as a post of it."""
    house, me, name = _house(request), await owner_of(request), request.path_params["name"]

    def read(session: Session) -> dict[str, Any]:
        agent, now = own(session, me.id, name), house.db.clock()
        profile, open_row = rows.profile(session, agent.id), transfers.pending(session, agent.id)
        made = len(agent_mentions.made(session, agent.id, now))
        person = actors.get(session, me.id)
        unverified = house.settings.agent_operators == "verified" and not humanity.holds(person.human, person.human_until, now)
        return {"agent": agent, "account": views.account(agent, house.uris), "profile": profile,
                "held_back": agents.may_act(session, house.settings, agent, now), "made": made, "unverified": unverified,
                "exempt": unverified and profile is not None and profile.exempt,
                "by_operator": profile is not None and agents.stopped_by_operator(session, agent, profile),
                "tokens": access.tokens_of(session, agent),
                "transfer": _transfer(session, house, open_row, me.id) if open_row is not None else None}

    return await page(request, "settings_agent.html", status=status, problem=problem, token=token, scope_words=SCOPE_WORDS,
                      given=given or {"kind": "words", "text": "", "visibility": "public"}, most=publish.MAX_CHARACTERS,
                      **await house.db.read(read))


async def show_one(request: Request) -> Response:
    """GET /settings/agents/NAME"""
    return await one(request)


def _change(use_case: Callable[[UnitOfWork, Actor, Actor, Any], Any], done: str) -> Callable[[Request], Any]:
    """A form about one agent: (unit of work, its operator, the agent, the form)."""
    async def handler(request: Request) -> Response:
        house, form = _house(request), await checked_form(request)
        me, name = await owner_of(request), request.path_params["name"]

        def apply(uow: UnitOfWork) -> None:
            use_case(uow, actors.get(uow.session, me.id), own(uow.session, me.id, name), form)

        try:
            await house.db.write(apply)
        except (Invalid, Conflict, Forbidden) as error:
            return await one(request, problem=error.text, status=error.status)
        return go(request, f"{HERE}/{name}", done)

    return handler


async def save(request: Request) -> Response:
    """POST /settings/agents/NAME/profile {name, note, avatar?}"""
    house, form = _house(request), await checked_form(request)
    me, name = await owner_of(request), request.path_params["name"]
    agent = await house.db.read(lambda session: own(session, me.id, name))
    try:
        picture = form.get("avatar")
        key = await keep_picture(house, picture, "avatar") if isinstance(picture, UploadFile) and picture.filename else None
        await house.db.write(lambda uow: accounts.update_profile(uow, agent.id, name=text(form, "name"), note=text(form, "note"),
                                                                 avatar_key=key))
    except FedisoraError as error:
        return await one(request, problem=error.text, status=error.status)
    return go(request, f"{HERE}/{name}", "Saved.")


async def make_token(request: Request) -> Response:
    """POST /settings/agents/NAME/tokens {scope …}: the token is shown on the answer, and never again."""
    house, form = _house(request), await checked_form(request)
    me, name = await owner_of(request), request.path_params["name"]
    wanted = " ".join(value for value in form.getlist("scope") if isinstance(value, str) and value in SCOPE_WORDS)
    try:
        token = await house.db.write(lambda uow: access.create(uow, own(uow.session, me.id, name), wanted))
    except (Invalid, Conflict) as error:
        return await one(request, problem=error.text, status=error.status)
    return await one(request, token=token)


stop = _change(lambda uow, me, agent, form: stopping.stop(uow, agent, me, text(form, "reason")), "It is stopped.")
"""POST /settings/agents/NAME/stop {reason?}"""
start = _change(lambda uow, me, agent, form: stopping.start(uow, agent, me), "It may act again.")
"""POST /settings/agents/NAME/start"""
revoke = _change(lambda uow, me, agent, form: access.revoke(uow, agent, text(form, "token")), "That token is worthless now.")
"""POST /settings/agents/NAME/tokens/revoke {token}: by its digest"""
offer = _change(lambda uow, me, agent, form: transfers.offer(uow, agent, me, text(form, "to")), "They are asked.")
"""POST /settings/agents/NAME/transfer {to}"""


async def answer(request: Request) -> Response:
    """POST /settings/agents/transfers/ID/accept, refuse (who is asked), withdraw (who asks)"""
    house = _house(request)
    await checked_form(request)
    me, wanted, verb = await owner_of(request), request.path_params["id"], request.path_params["verb"]
    use_case = {"accept": transfers.accept, "refuse": transfers.refuse, "withdraw": transfers.withdraw}[verb]

    def apply(uow: UnitOfWork) -> str:
        return actors.get(uow.session, use_case(uow, actors.get(uow.session, me.id), wanted).agent_id).username

    try:
        name = await house.db.write(apply)
    except (Conflict, Forbidden) as error:
        return await _list(request, problem=error.text, status=error.status)
    if verb == "refuse":
        return go(request, HERE, "You said no.")
    return go(request, f"{HERE}/{name}", f"You answer for @{name} now." if verb == "accept" else "You do not ask any more.")


def _bound(verb: str) -> Callable[[Request], Any]:
    async def call(request: Request) -> Response:
        request.path_params["verb"] = verb
        return await answer(request)

    return call


def _post(path: str, handler: Callable[[Request], Any]) -> BaseRoute:
    return Route(f"{HERE}{path}", handler, methods=["POST"])


routes: list[BaseRoute] = [
    Route(HERE, show), _post("", create),
    *(_post(f"/transfers/{{id:row}}/{verb}", _bound(verb)) for verb in ("accept", "refuse", "withdraw")),
    Route(f"{HERE}/{{name}}", show_one), _post("/{name}/profile", save),
    _post("/{name}/stop", stop), _post("/{name}/start", start),
    _post("/{name}/tokens", make_token), _post("/{name}/tokens/revoke", revoke), _post("/{name}/transfer", offer),
]
