"""Quotes of a post: listing, revoking, and who may quote (docs.joinmastodon.org/methods/statuses#quotes)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...models import Status
from ...serializers.mastodon import status as entities
from ...services import publish, quotes
from ...store import actors
from ...store import quotes as quote_rows
from ..auth import person, viewer
from ..body import params, row_id
from ..pagination import page_of, paged
from .posts import visible

if TYPE_CHECKING:
    from ...app import House


async def listing(request: Request) -> Response:
    """GET statuses/:id/quotes"""
    house: House = request.app.state.house
    wanted, page, who = row_id(request), page_of(request), await viewer(request)
    me = who.id if who else None

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        rows = quote_rows.of(session, visible(session, wanted, me).id, me, page)
        return entities.many(session, rows, me, house.uris), [row.id for row in rows]

    return paged(request, house.uris, *(await house.db.read(find)), page)


async def revoke(request: Request) -> Response:
    """POST statuses/:id/quotes/:quoting/revoke"""
    house: House = request.app.state.house
    wanted, quoting, who = row_id(request), int(request.path_params["quoting"]), await person(request, "write:statuses")

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        status: Status = quotes.revoke(uow, actors.get(uow.session, who.actor.id), wanted, quoting)
        uow.session.flush()
        return entities.one(uow.session, status, who.actor.id, house.uris)

    return JSONResponse(await house.db.write(apply))


async def policy(request: Request) -> Response:
    """PUT statuses/:id/interaction_policy {quote_approval_policy?, fedisora_remix_policy?}"""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write:statuses"), await params(request)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        actor, remix = actors.get(uow.session, who.actor.id), given.text("fedisora_remix_policy")
        status = publish.set_remix_policy(uow, actor, wanted, remix) if remix else None
        if status is None or given.text("quote_approval_policy"):
            status = publish.set_quote_policy(uow, actor, wanted, given.text("quote_approval_policy"))
        uow.session.flush()
        return entities.one(uow.session, status, who.actor.id, house.uris)

    return JSONResponse(await house.db.write(apply))
