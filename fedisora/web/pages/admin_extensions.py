"""Extensions for administrators: what is installed, how its claims fare, what misbehaved."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...store import claims, jobs
from .render import page
from .visitor import checked_form, go, require_admin

if TYPE_CHECKING:
    from ...app import House

HERE = "/admin/extensions"
FAULTS = {"raised": "raised an error", "slow": "took too long", "huge": "answered or used too much", "import": "cannot be loaded"}


async def extensions(request: Request) -> Response:
    """GET /admin/extensions"""
    house: House = request.app.state.house
    await require_admin(request)

    def read(session: Session) -> dict[str, Any]:
        shown, unknown = claims.overview(session)
        return {"extensions": shown, "unknown": unknown, "faults": claims.faults(session)}

    return await page(request, "admin_extensions.html", kinds=FAULTS, **await house.db.read(read))


async def look(request: Request) -> Response:
    """POST /admin/extensions/look: look again what is installed, and ask again about claims that an extension failed on."""
    house: House = request.app.state.house
    await checked_form(request)
    await require_admin(request)

    def ask(uow: UnitOfWork) -> None:
        jobs.enqueue(uow, "revalidate_claims", {"installed": True, "failed": True}, key="look")

    await house.db.write(ask)
    return go(request, HERE, "Looking what is installed. Reload this page in a moment.")
