"""A person's own queue: everything of theirs that is in the making, in the order in which it is made."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...errors import Conflict, Invalid
from ...models import Actor, Generation
from ...services import generations as generate
from ...store import actors
from . import job_view
from .render import page
from .visitor import checked_form, go, visitor

if TYPE_CHECKING:
    from ...app import House

HERE = "/create/queue"
SHOWN = 200
MOVING = ("running", "publishing", "submitted", "screening")
ENDED = ("failed", "cancelled", "rejected")


def _line(rows: Sequence[Generation]) -> list[Generation]:
    """Those that wait, in the order in which they are taken, lane by lane."""
    return sorted((row for row in rows if row.state == "queued"),
                  key=lambda row: (row.gpu_class, -row.priority, row.turn, row.id))


def _neighbours(rows: Sequence[Generation], row: Generation) -> list[Generation]:
    """Those among which a waiting one can be moved."""
    return [one for one in _line(rows) if (one.gpu_class, one.priority) == (row.gpu_class, row.priority)]


async def _page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house: House = request.app.state.house
    _, actor = (await visitor(request)).person()

    def read(session: Session) -> tuple[list[job_view.JobView], set[int], set[int]]:
        rows = generate.mine(session, actor, SHOWN)
        first, last = set(), set()
        for row in _line(rows):
            same = _neighbours(rows, row)
            first.add(same[0].id)
            last.add(same[-1].id)
        ordered = [row for row in rows if row.state in MOVING] + _line(rows) + [
            row for row in rows if row.state in ("held", "draft")] + [row for row in rows if row.state in ENDED]
        return job_view.views_of(session, ordered, actor, house.uris, house.db.clock()), first, last

    jobs, first, last = await house.db.read(read)
    return await page(request, "queue.html", status=status, problem=problem, first=first, last=last,
                      moving=[job for job in jobs if job.state in (*MOVING, "queued")],
                      ready=[job for job in jobs if job.state in ("held", "draft")],
                      ended=[job for job in jobs if job.state in ENDED])


async def show(request: Request) -> Response:
    """GET /create/queue"""
    (await visitor(request)).person()
    return await _page(request)


def _shift(uow: UnitOfWork, actor: Actor, wanted: int, verb: str) -> None:
    row = generate.get(uow.session, actor, wanted)
    same = [one.id for one in _neighbours(generate.mine(uow.session, actor, SHOWN), row)]
    if row.id not in same:
        raise Conflict("This one does not wait any more, so its place cannot be changed.")
    at = same.index(row.id)
    if verb == "up" and at > 0:
        generate.move(uow, actor, row.id, before=same[at - 1])
    elif verb == "down" and at + 1 < len(same):
        generate.move(uow, actor, row.id, before=same[at + 2] if at + 2 < len(same) else None)


async def shift(request: Request) -> Response:
    """POST /create/jobs/ID/up and /down: change places with the one before or behind it, among one's own."""
    house: House = request.app.state.house
    wanted, verb = request.path_params["id"], request.path_params["verb"]
    await checked_form(request)
    _, actor = (await visitor(request)).person()
    try:
        await house.db.write(lambda uow: _shift(uow, actors.get(uow.session, actor.id), wanted, verb))
    except (Conflict, Invalid) as error:
        return await _page(request, problem=error.text, status=error.status)
    return go(request, f"{HERE}#g{wanted}")


async def cancel_all(request: Request) -> Response:
    """POST /create/queue/cancel"""
    house: House = request.app.state.house
    await checked_form(request)
    _, actor = (await visitor(request)).person()
    count = len(await house.db.write(lambda uow: generate.cancel_all(uow, actors.get(uow.session, actor.id))))
    return go(request, HERE, f"Cancelled: {count}.")


def _clear(uow: UnitOfWork, actor: Actor) -> int:
    ended = [row for row in generate.mine(uow.session, actor, SHOWN) if row.state in ENDED]
    for row in ended:
        generate.discard(uow, actor, row.id)
    return len(ended)


async def clear(request: Request) -> Response:
    """POST /create/queue/clear: what failed, was cancelled or refused; drafts stay."""
    house: House = request.app.state.house
    await checked_form(request)
    _, actor = (await visitor(request)).person()
    count = await house.db.write(lambda uow: _clear(uow, actors.get(uow.session, actor.id)))
    return go(request, HERE, f"Cleared: {count}.")
