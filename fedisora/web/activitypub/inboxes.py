"""POST /inbox and every actor's inbox."""
from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ...errors import NotFound
from ...store import actors
from .respond import house_of, read_body, signed


async def shared_inbox(request: Request) -> Response:
    """202 once the activity is stored; see `federation.inbox.Inbox.accept` for the refusals."""
    house = house_of(request)
    await house.inbox.accept(signed(request, await read_body(request)))
    return Response(status_code=202)  # without a body: one write to the socket less


async def actor_inbox(request: Request) -> Response:
    """As the shared inbox; 404 when there is no such account."""
    house = house_of(request)
    name = request.path_params["name"]
    if await house.db.read(lambda session: actors.local_active(session, name)) is None:
        raise NotFound("There is no such account here.")
    return await shared_inbox(request)
