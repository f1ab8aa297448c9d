"""Generation for administrators: lanes, workers, the queue, what failed, who used how much."""
from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...errors import Conflict, Invalid, NotFound
from ...models import Actor, Generation
from ...services.generations import administration
from ...store import actors, generation_overview, generation_workers
from ..convertors import number as number_of
from .job_view import STAGE_WORDS, STATE_WORDS, number
from .render import page
from .visitor import checked_form, go, require_admin, text, visitor

if TYPE_CHECKING:
    from ...app import House

log = structlog.get_logger()
HERE = "/admin/generation"
SHOWN = 100
FAILURES = 20
LATELY = dt.timedelta(days=7)
DAY = dt.timedelta(hours=24)
WORKER_WORDS = {"idle": "waits for work", "busy": "renders", "draining": "takes nothing new"}


@dataclass(frozen=True)
class Entry:
    """One line of the queue, or one failure."""

    row: Generation
    who: str
    page: str
    words: str


def _entry(row: Generation, actor: Actor, host: str) -> Entry:
    words = STAGE_WORDS.get(row.stage, STATE_WORDS["running"]) if row.state == "running" else STATE_WORDS[row.state]
    return Entry(row, f"@{actor.username}@{actor.domain or host}", f"/@{actor.acct}", words)


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _page(request: Request, *, problem: str = "", reason: str = "", status: int = 200) -> Response:
    house, shown = _house(request), number_of(request.query_params.get("prompt", "")) or 0
    now = house.db.clock()

    def read(session: Session) -> dict[str, Any]:
        rows = [*administration.pending(session, SHOWN), *generation_overview.failures(session, now - LATELY, FAILURES)]
        people = actors.many(session, {row.actor_id for row in rows})
        entries = [_entry(row, people[row.actor_id], house.uris.host) for row in rows]
        return {"lanes": administration.lane_states(session), "workers": generation_workers.everybody(session),
                "queue": [entry for entry in entries if entry.row.state != "failed"],
                "failures": [entry for entry in entries if entry.row.state == "failed"],
                "spent": [(f"@{actor.acct}", seconds, videos)
                          for actor, seconds, videos in generation_overview.spent(session, now - DAY, FAILURES)]}

    if shown:
        log.info("an administrator looked at a prompt", generation=shown, by=(await visitor(request)).actor_id)
    return await page(request, "admin_generation.html", status=status, shown=shown, problem=problem, reason=reason, number=number,
                      gone=now - generation_workers.GONE, worker_words=WORKER_WORDS, backend=house.settings.generation_backend,
                      **await house.db.read(read))


async def show(request: Request) -> Response:
    """GET /admin/generation; with `?prompt=ID` the prompt of one, which is logged: people do not expect to be read."""
    await require_admin(request)
    return await _page(request)


async def _apply(request: Request, change: Callable[[UnitOfWork], Any], done: str, reason: str = "") -> Response:
    try:
        await _house(request).db.write(change)
    except (Conflict, Invalid, NotFound) as error:
        return await _page(request, problem=error.text, reason=reason, status=error.status)
    return go(request, HERE, done)


async def pause(request: Request) -> Response:
    """POST /admin/generation/lanes/pause {lane, reason}"""
    given = await checked_form(request)
    await require_admin(request)
    _, admin = (await visitor(request)).person()
    lane, reason = text(given, "lane"), text(given, "reason")
    return await _apply(request, lambda uow: administration.pause(uow, actors.get(uow.session, admin.id), lane, reason),
                        f"The lane {lane} is paused. What runs is finished.", reason)


async def resume(request: Request) -> Response:
    """POST /admin/generation/lanes/resume {lane}"""
    given = await checked_form(request)
    await require_admin(request)
    lane = text(given, "lane")
    return await _apply(request, lambda uow: administration.resume(uow, lane), f"The lane {lane} goes on.")


async def drain(request: Request) -> Response:
    """POST /admin/generation/workers/drain {worker, on}"""
    given = await checked_form(request)
    await require_admin(request)
    name, on = text(given, "worker"), bool(text(given, "on"))
    return await _apply(request, lambda uow: administration.drain(uow, name, on),
                        f"{name} takes nothing new." if on else f"{name} takes jobs again.")


async def on_job(request: Request) -> Response:
    """POST /admin/generation/jobs/ID/up, /down, /cancel {reason}"""
    wanted, verb = request.path_params["id"], request.path_params["verb"]
    given = await checked_form(request)
    await require_admin(request)
    if verb == "cancel":
        return await _apply(request, lambda uow: administration.cancel(uow, wanted, text(given, "reason")), "Cancelled.")

    def shift(uow: UnitOfWork) -> None:
        row = uow.session.get(Generation, wanted)
        administration.prioritise(uow, wanted, (row.priority if row is not None else 0) + (1 if verb == "up" else -1))

    return await _apply(request, shift, "The priority is changed.")
