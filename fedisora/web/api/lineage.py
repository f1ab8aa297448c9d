"""GET /api/fedisora/v1/statuses/:id/lineage: what a post was made from and what became of it."""
from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...federation import lineages
from ...serializers import lineage as entities
from ..auth import viewer
from ..body import row_id
from ..mastodon.posts import visible
from .operations import Answer, Operation, ref, refused

if TYPE_CHECKING:
    from ...app import House

DOCS = (
    Operation("get", "/statuses/{id}/lineage", "What a post was made from, and what became of it.",
              {200: Answer("Nodes and edges, as far as the caller may see them.", ref("Lineage")), **refused(401, 404)},
              scope=""),
)


async def show(request: Request) -> Response:
    """The lineage as far as the caller may see it; of a boost, that of the boosted post."""
    house: House = request.app.state.house
    who = await viewer(request)
    me = who.id if who is not None else None
    status = await house.db.read(lambda session: visible(session, row_id(request), me))
    if status.reblog_of_id is not None:
        original = status.reblog_of_id
        status = await house.db.read(lambda session: visible(session, original, me))
    return JSONResponse(entities.document(await lineages.opened(house.db, status, me), house.uris),
                        headers={"Cache-Control": "no-store" if me is not None else "no-cache"})
