"""GET /api/fedisora/v1/statuses/:id/deliveries: how far a post got, for its author and administrators."""
from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...errors import NotFound
from ...store import deliveries, statuses
from ..auth import person
from ..body import row_id
from .operations import Answer, Operation, ref, refused

if TYPE_CHECKING:
    from ...app import House

DOCS = (
    Operation("get", "/statuses/{id}/deliveries", "How far a post got, for its author and administrators.",
              {200: Answer("Counts, and the servers that have not taken it.", ref("Deliveries")), **refused(401, 404)},
              scope="read:statuses"),
)


async def show(request: Request) -> Response:
    """{inboxes, reached, pending, failed, servers, failures: [{host, status, reason, attempts, next}]}; 404 for others."""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "read:statuses")

    def find(session: Session) -> dict[str, Any]:
        status = statuses.get(session, wanted)
        if status is None or not status.local or not (status.actor_id == who.actor.id or who.user.admin):
            raise NotFound
        return dataclasses.asdict(deliveries.state_of(session, status.uri))

    found = await house.db.read(find)
    for failure in found["failures"]:
        failure["next"] = failure["next"].isoformat(timespec="seconds") if failure["next"] else None
    return JSONResponse(found, headers={"Cache-Control": "private, no-store"})
