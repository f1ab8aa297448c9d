"""Verified humans over the API: one's own credential, giving it back, and what is known of others."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import NotFound
from ...models import Actor
from ...provenance.badge import Narrowing
from ...provenance.record import timestamp
from ...serializers import humanity as entities
from ...services.verification import credentials
from ...store import actors
from ..auth import onlooker, person
from ..body import row_id
from .operations import Answer, Operation, ref, refused

if TYPE_CHECKING:
    from ...app import House

_OWN = Answer("What is known of the account, and its credential.", ref("OwnHuman"))
DOCS = (
    Operation("get", "/human", "Whether one is verified here, and one's credential.", {200: _OWN, **refused(401)}, scope="read"),
    Operation("delete", "/human", "Give one's credential back, here and on other servers; nothing when there is none.",
              {200: _OWN, **refused(401)}, scope="write:verification",
              detail="Data about the check stays until it is erased with `DELETE /human/data`."),
    Operation("get", "/accounts/{id}/human", "What this server knows about an account being a person: by whom it was "
              "checked, how, until when.", {200: Answer("Never a bare tick.", ref("Human")), **refused(404)},
              detail="With a token, by the word that counts for its owner (`GET /verifiers`)."),
)


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


def _own(session: Session, house: House, actor: Actor) -> dict[str, Any]:
    now = house.db.clock()
    row = credentials.current(session, actor.id)
    found = {"id": str(row.id), "uri": row.uri, "method": row.method, "since": timestamp(row.valid_from),
             "until": timestamp(row.valid_until), "renewable": credentials.renewable(row, now),
             } if row is not None and row.valid_until > now else None
    return {**entities.human(actor, house.uris, now), "own_credential": found}


async def own(request: Request) -> Response:
    """GET human"""
    house, who = _house(request), await person(request, "read")
    return JSONResponse(await house.db.read(lambda session: _own(session, house, actors.get(session, who.actor.id))))


async def give_back(request: Request) -> Response:
    """DELETE human: what is known now"""
    house, who = _house(request), await person(request, "write:verification")

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        actor = actors.get(uow.session, who.actor.id)
        credentials.revoke(uow, actor, "You gave it back.", by=actor.id)
        return _own(uow.session, house, actor)

    return JSONResponse(await house.db.write(apply))


async def of_account(request: Request) -> Response:
    """GET accounts/:id/human: for everybody, local and remote accounts alike; by the word that counts for who asks"""
    house, wanted = _house(request), row_id(request)
    who = await onlooker(request)
    narrowing = Narrowing.of(who.user.verifiers if who is not None else None)

    def read(session: Session) -> dict[str, Any]:
        actor = session.get(Actor, wanted)
        if actor is None or actor.suspended_at is not None:
            raise NotFound("There is no such account.")
        return entities.human(actor, house.uris, house.db.clock(), narrowing)

    return JSONResponse(await house.db.read(read))


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    return [Route(f"{base}/human", own), Route(f"{base}/human", give_back, methods=["DELETE"]),
            Route(f"{base}/accounts/{{id}}/human", of_account)]
