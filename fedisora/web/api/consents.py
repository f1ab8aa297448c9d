"""Consent over the API: what one was asked and asked, giving, refusing, withdrawing, taking back."""
from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...errors import Invalid, NotFound
from ...models import Actor
from ...provenance.record import parse_time
from ...serializers import consents as entities
from ...services import consents as use_cases
from ...store import actors, consents
from ..auth import Person, person
from ..body import Params, params, row_id
from ..pagination import page_of, paged
from .operations import JSON, Answer, Operation, Parameter, array, ref, refused

if TYPE_CHECKING:
    from ...app import House

_PAGES = tuple(Parameter(name, "Paging, as in Mastodon's API.") for name in ("max_id", "since_id", "min_id", "limit"))
_REQUEST, _STAMP = Answer("The request as it is now.", ref("ConsentRequest")), Answer("The stamp.", ref("ConsentStamp"))
DOCS = (
    Operation("get", "/consent/requests", "What one was asked for, or asked for, newest first.",
              {200: Answer("A page of them; `Link` leads on.", array(ref("ConsentRequest"))), **refused(401, 422)}, scope="read",
              query=(Parameter("direction", "`in` (what one was asked; without it) or `out`.", {"enum": ["in", "out"]}),
                     Parameter("state", "Only these."), *_PAGES)),
    Operation("get", "/consent/requests/{id}", "One request.", {200: _REQUEST, **refused(401, 404)}, scope="read"),
    Operation("post", "/consent/requests/{id}/grant", "Agree: a stamp is made and sent. Of a likeness the next step: let it be "
              "rendered, let the draft go, or stamp the finished file.",
              {200: _REQUEST, **refused(401, 403, 404, 409, 422)}, scope="write:consents",
              body={JSON: {"type": "object", "properties": {
                  "until": {"type": "string", "format": "date-time"},
                  "always": {"type": "boolean", "description": "Of a likeness: begin what this person asks for from now on."}}}},
              detail="Of your likeness the token needs `write:likeness` as well."),
    Operation("post", "/consent/requests/{id}/refuse", "Refuse, with a reason or without.",
              {200: _REQUEST, **refused(401, 403, 404, 409, 422)}, scope="write:consents",
              body={JSON: {"type": "object", "properties": {
                  "reason": {"type": "string"},
                  "block": {"type": "boolean", "description": "Of a likeness: take nothing from this person any more."}}}}),
    Operation("post", "/consent/requests/{id}/withdraw", "Take one's own request back; the unpublished remix is deleted.",
              {200: _REQUEST, **refused(401, 403, 404, 409)}, scope="write:consents"),
    Operation("get", "/consent/stamps", "What one gave, newest first, also what was taken back.",
              {200: Answer("A page of them; `Link` leads on.", array(ref("ConsentStamp"))), **refused(401)}, scope="read",
              query=_PAGES),
    Operation("post", "/consent/stamps/{id}/revoke", "Take a consent back, here and everywhere.",
              {200: _STAMP, **refused(401, 403, 404, 409)}, scope="write:consents"),
    Operation("get", "/consent/stamps/{id}/deliveries", "Which servers have heard that a consent was taken back.",
              {200: Answer("One for each server; empty while it stands.", array(ref("Arrival"))), **refused(401, 404)},
              scope="read"),
)

STATES = frozenset({consents.PENDING, consents.ACCEPTED, consents.REJECTED, consents.WITHDRAWN, consents.DRAFT, consents.AGREED,
                    consents.OFFERED})


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def requests(request: Request) -> Response:
    """GET consent/requests {direction: in|out, state?}, newest first; paged by max_id, since_id, min_id, limit."""
    house, who, page = _house(request), await person(request, "read"), page_of(request)
    direction, state = request.query_params.get("direction", "in"), request.query_params.get("state") or None
    if direction not in ("in", "out"):
        raise Invalid("The direction is `in` (what you were asked) or `out` (what you asked).")
    if state is not None and state not in STATES:
        raise Invalid(f"The state is one of: {', '.join(sorted(STATES))}.")

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        rows = (consents.inbox if direction == "in" else consents.outbox)(session, who.actor.id, page, state)
        return entities.requests(session, rows, who.actor.id, house.uris), [row.id for row in rows]

    return paged(request, house.uris, *(await house.db.read(find)), page)


def _one(session: Session, house: House, actor_id: int, wanted: int) -> dict[str, Any]:
    row = consents.get(session, wanted)
    if row is None or not (row.requester_id == actor_id or (row.owner_id == actor_id and row.state != consents.DRAFT)):
        raise NotFound("There is no such request.")
    return entities.requests(session, [row], actor_id, house.uris)[0]


async def request(request: Request) -> Response:
    """GET consent/requests/:id"""
    house, wanted, who = _house(request), row_id(request), await person(request, "read")
    return JSONResponse(await house.db.read(lambda session: _one(session, house, who.actor.id, wanted)))


def _shows_me(session: Session, who: Person, wanted: int, given: Params) -> None:
    """A yes to one's own likeness needs a right of its own; `always` reaches beyond the character that was asked for."""
    row = consents.get(session, wanted)
    if row is not None and row.kind == "likeness" and (row.character_uri is None or given.flag("always") is True):
        who.require("write:likeness")


def _acting(use_case: Callable[[UnitOfWork, Actor, int, Params], Any],
            check: Callable[[Session, Person, int, Params], None] | None = None) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house, wanted = _house(request), row_id(request)
        who, given = await person(request, "write:consents"), await params(request)

        def apply(uow: UnitOfWork) -> dict[str, Any]:
            if check is not None:
                check(uow.session, who, wanted, given)
            use_case(uow, actors.get(uow.session, who.actor.id), wanted, given)
            uow.session.flush()
            return _one(uow.session, house, who.actor.id, wanted)

        return JSONResponse(await house.db.write(apply))

    return handler


def until(given: str) -> dt.datetime | None:
    """The end of a consent as RFC 3339; None for an empty one.

    Raises:
        Invalid: not a time.
    """
    if not given:
        return None
    end = parse_time(given)
    if end is None:
        raise Invalid("`until` is a time such as 2027-11-22T12:00:00Z.")
    return end


grant = _acting(lambda uow, actor, wanted, given: use_cases.say_yes(
    uow, actor, wanted, until=until(given.text("until")), always=given.flag("always") is True), _shows_me)
"""POST consent/requests/:id/grant {until?, always?}: the request"""
refuse = _acting(lambda uow, actor, wanted, given: use_cases.refuse(
    uow, actor, wanted, given.text("reason"), block=given.flag("block") is True))
"""POST consent/requests/:id/refuse {reason?, block?}: the request"""
withdraw = _acting(lambda uow, actor, wanted, given: use_cases.withdraw(uow, actor, wanted))
"""POST consent/requests/:id/withdraw: the request; the unpublished remix is deleted"""


async def stamps(request: Request) -> Response:
    """GET consent/stamps: what one gave, newest first, also what was taken back."""
    house, who, page = _house(request), await person(request, "read"), page_of(request)

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        rows = consents.stamps_of(session, who.actor.id, page)
        return entities.stamps(session, rows, house.uris), [row.id for row in rows]

    return paged(request, house.uris, *(await house.db.read(find)), page)


async def deliveries(request: Request) -> Response:
    """GET consent/stamps/:id/deliveries: which servers have heard that it was taken back."""
    house, wanted, who = _house(request), row_id(request), await person(request, "read")

    def find(session: Session) -> list[dict[str, Any]]:
        row = use_cases.given(session, who.actor.id, wanted)
        return entities.arrivals(consents.arrivals(session, row, house.uris.delete(row.uri)))

    return JSONResponse(await house.db.read(find))


async def revoke(request: Request) -> Response:
    """POST consent/stamps/:id/revoke: the stamp, taken back here and everywhere."""
    house, wanted, who = _house(request), row_id(request), await person(request, "write:consents")

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        row = use_cases.revoke(uow, actors.get(uow.session, who.actor.id), wanted)
        return entities.stamps(uow.session, [row], house.uris)[0]

    return JSONResponse(await house.db.write(apply))
