"""Held posts, for administrators: what the inbound policy keeps back."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...errors import NotFound
from ...services import review
from ..pagination import page_of
from . import views
from .render import page
from .visitor import checked_form, go, require_admin, visitor

if TYPE_CHECKING:
    from ...app import House

HERE = "/admin/review"
PER_PAGE = 20


async def waiting(request: Request) -> Response:
    """GET /admin/review"""
    house: House = request.app.state.house
    await require_admin(request)
    who, wanted = await visitor(request), page_of(request, default=PER_PAGE)

    def read(session: Session) -> tuple[list[tuple[views.PostView, str]], int]:
        rows = review.waiting(session, wanted)
        shown = views.posts(session, rows, who.actor_id, house.uris)
        return [(post, row.review_reason or "") for post, row in zip(shown, rows, strict=True)], review.count(session)

    items, count = await house.db.read(read)
    more = f"{HERE}?max_id={items[-1][0].id}" if len(items) == PER_PAGE else None
    return await page(request, "admin_review.html", items=items, count=count, more=more,
                      unlabelled=house.settings.unlabelled_media, badly_signed=house.settings.badly_signed_media)


async def decide(request: Request) -> Response:
    """POST /admin/review/ID/release and /reject"""
    house: House = request.app.state.house
    await checked_form(request)
    await require_admin(request)
    wanted, verb = request.path_params["id"], request.path_params["verb"]

    def apply(uow: UnitOfWork) -> None:
        {"release": review.release, "reject": review.reject}[verb](uow, wanted)

    try:
        await house.db.write(apply)
    except NotFound as error:
        return go(request, HERE, error.text)
    return go(request, HERE, "Released." if verb == "release" else "Deleted.")
