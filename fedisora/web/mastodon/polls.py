"""Polls: reading and voting (docs.joinmastodon.org/methods/polls)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...errors import NotFound
from ...serializers.mastodon import status as entities
from ...services import polls
from ...store import actors
from ..auth import person, viewer
from ..body import params, row_id
from ..convertors import number
from .posts import visible

if TYPE_CHECKING:
    from ...app import House


def _entity(session: Session, status_id: int, viewer_id: int | None, house: House) -> dict[str, Any]:
    found: dict[str, Any] | None = entities.one(session, visible(session, status_id, viewer_id), viewer_id, house.uris)["poll"]
    if found is None:
        raise NotFound
    return found


async def show(request: Request) -> Response:
    """GET polls/:id: what is known now; old counts of a remote poll are fetched again meanwhile."""
    house: House = request.app.state.house
    wanted, who = row_id(request), await viewer(request)
    me = who.id if who else None
    found = await house.db.read(lambda session: _entity(session, wanted, me, house))
    if me is not None:
        await house.db.write(lambda uow: polls.refresh_later(uow, wanted))
    return JSONResponse(found)


async def vote(request: Request) -> Response:
    """POST polls/:id/votes"""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write:statuses"), await params(request)
    choices = [-1 if (found := number(value)) is None else found for value in given.many("choices")]

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        polls.vote(uow, actors.get(uow.session, who.actor.id), wanted, choices)
        uow.session.flush()
        return _entity(uow.session, wanted, who.actor.id, house)

    return JSONResponse(await house.db.write(apply))
