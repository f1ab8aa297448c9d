"""GET generations: lists, one, and their progress as server-sent events."""
from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ....errors import Invalid, NotFound
from ....models import Actor, Generation
from ....services import generations
from ...auth import person
from ...body import row_id
from ...pagination import page_of, paged
from .entity import entity

if TYPE_CHECKING:
    from ....app import House

KEEP_ALIVE = 15.0
"""Seconds after which a stream says that it is still there."""
APART = 0.25
"""Seconds between two events of a stream at least."""
POLL = 1.0
"""Seconds between two looks where rings of other machines do not arrive (Redis passes on the names of queues only)."""
RETRY = b"retry: 3000\n\n"
Look = Callable[[Session], list[dict[str, Any]]]


async def listing(request: Request) -> Response:
    """GET generations?state=a,b: yours, newest first; without `state` what is neither published nor discarded."""
    house: House = request.app.state.house
    who, page = await person(request, "read"), page_of(request, default=40, most=80)
    states = [state for value in request.query_params.getlist("state") for state in value.split(",") if state]
    unknown = [state for state in states if state not in generations.STATES]
    if unknown:
        raise Invalid(f"{unknown[0]} is no state. There are: {', '.join(generations.STATES)}.", code="no-state")
    found = await house.db.read(lambda session: [
        entity(session, row, house) for row in generations.page(session, who.actor, page, states)])
    return paged(request, house.uris, found, [int(one["id"]) for one in found], page)


async def show(request: Request) -> Response:
    """GET generations/:id"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "read")
    return JSONResponse(await house.db.read(
        lambda session: entity(session, generations.get(session, who.actor, wanted), house)))


async def _updates(house: House, bell: str, look: Look, pause: Callable[[], float],
                   over: Callable[[], bool]) -> AsyncIterator[bytes]:
    """What `look` finds, as events `progress`: everything at first, later what has changed, four times a second at most."""
    yield RETRY
    shown: dict[str, dict[str, Any]] = {}
    said = time.monotonic()
    while True:
        ring = asyncio.ensure_future(house.bells.wait(bell, pause()))
        try:
            await asyncio.sleep(0)  # the bell is listened to before the look, so that no ring between the two is missed
            try:
                now = await house.db.read(look)
            except NotFound:  # deleted meanwhile
                return
            fresh = [one for one in now if shown.get(one["id"]) != one]
            if fresh:
                yield b"".join(b"event: progress\ndata: " + orjson.dumps(one) + b"\n\n" for one in fresh)
                shown = {one["id"]: one for one in now}
                said = time.monotonic()
                if over():
                    return
                await asyncio.sleep(APART)
            await ring
            if time.monotonic() - said >= KEEP_ALIVE:
                yield b": still here\n\n"
                said = time.monotonic()
        finally:
            ring.cancel()


def _streaming(events: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(events, media_type="text/event-stream",
                             headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def stream(house: House, actor: Actor, generation_id: int) -> StreamingResponse:
    """Server-sent events `progress` with the entity as data: as it is now first, until it ends."""
    state = [""]

    def look(session: Session) -> list[dict[str, Any]]:
        found = entity(session, generations.get(session, actor, generation_id), house)
        state[0] = found["state"]
        return [found]

    def pause() -> float:
        return POLL if house.settings.redis_url or state[0] == "queued" else KEEP_ALIVE

    return _streaming(_updates(house, f"generation:{generation_id}", look, pause, lambda: state[0] in generations.FINAL))


def stream_all(house: House, actor: Actor) -> StreamingResponse:
    """The same for everything of this account that is neither published nor discarded, and for what becomes so meanwhile."""
    known: set[int] = set()
    moving = [True]

    def look(session: Session) -> list[dict[str, Any]]:
        rows = {row.id: row for row in generations.mine(session, actor)}
        for gone in known - rows.keys():
            row = session.get(Generation, gone)
            if row is not None:
                rows[gone] = row
        known.update(rows)
        moving[0] = any(row.state not in generations.FINAL for row in rows.values())
        return [entity(session, rows[one], house) for one in sorted(rows)]

    def pause() -> float:
        return POLL / 2 if moving[0] else POLL if house.settings.redis_url else KEEP_ALIVE

    return _streaming(_updates(house, f"generations:{actor.id}", look, pause, lambda: False))


async def events(request: Request) -> Response:
    """GET generations/:id/events"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "read")
    await house.db.read(lambda session: generations.get(session, who.actor, wanted))
    return stream(house, who.actor, wanted)


async def all_events(request: Request) -> Response:
    """GET generations/events"""
    house: House = request.app.state.house
    who = await person(request, "read")
    return stream_all(house, who.actor)
