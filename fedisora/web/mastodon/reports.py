"""Reports: made by people, worked through by administrators (docs.joinmastodon.org/methods/reports, admin/reports)."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...errors import Forbidden, NotFound
from ...models import Report, User
from ...serializers.mastodon import report as entities
from ...services import reports
from ...store import actors
from ...store import reports as rows
from ..auth import Person, person
from ..body import params, row_id
from ..convertors import number
from ..pagination import page_of, paged

if TYPE_CHECKING:
    from ...app import House


async def create(request: Request) -> Response:
    """POST reports"""
    house: House = request.app.state.house
    who, given = await person(request, "write:reports"), await params(request)
    target = number(given.text("account_id"))
    if target is None:
        raise NotFound

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        made = reports.create(
            uow, actors.get(uow.session, who.actor.id), target, status_ids=given.ids("status_ids"),
            comment=given.text("comment"), category=given.text("category") or "other", forward=bool(given.flag("forward")))
        return entities.report(uow.session, made, house.uris)

    return JSONResponse(await house.db.write(apply))


async def _admin(request: Request, scope: str) -> Person:
    who = await person(request, scope)
    if not who.user.admin:
        raise Forbidden("This action is not allowed")
    return who


async def listed(request: Request) -> Response:
    """GET admin/reports: the urgent ones first, then newest first"""
    house: House = request.app.state.house
    who, given, page = await _admin(request, "admin:read:reports"), await params(request), page_of(request, default=100, most=200)

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        resolved = bool(given.flag("resolved"))
        found = rows.page(session, page, resolved=resolved)
        ids = [row.id for row in found]
        if not resolved and page.max_id is None and page.since_id is None and page.min_id is None:
            first = rows.urgent(session)  # in front of the first page; further pages go by their ids as always
            found = [*first, *(row for row in found if not row.urgent)]
        return entities.admin_reports(session, found, who.actor.id, house.uris), ids

    return paged(request, house.uris, *(await house.db.read(find)), page)


async def show(request: Request) -> Response:
    """GET admin/reports/:id"""
    house: House = request.app.state.house
    who, wanted = await _admin(request, "admin:read:reports"), row_id(request)

    def find(session: Session) -> dict[str, Any]:
        row = session.get(Report, wanted)
        if row is None:
            raise NotFound
        return entities.admin_reports(session, [row], who.actor.id, house.uris)[0]

    return JSONResponse(await house.db.read(find))


def _deciding(use_case: Callable[[UnitOfWork, User, int], Report]) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house: House = request.app.state.house
        who, wanted = await _admin(request, "admin:write:reports"), row_id(request)

        def apply(uow: UnitOfWork) -> dict[str, Any]:
            row = use_case(uow, uow.session.get_one(User, who.user.id), wanted)
            uow.session.flush()
            return entities.admin_reports(uow.session, [row], who.actor.id, house.uris)[0]

        return JSONResponse(await house.db.write(apply))

    return handler


resolve = _deciding(reports.resolve)
reopen = _deciding(reports.reopen)
