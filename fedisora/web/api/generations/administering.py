"""The queue for administrators: /api/fedisora/v1/admin/generations."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ....db import UnitOfWork
from ....errors import Forbidden, Invalid
from ....models import Actor, Generation, GenerationWorker
from ....serializers.mastodon.account import when
from ....services import generations
from ....services.generations import administration
from ....services.generations.administration import LaneState
from ....store import actors, generation_workers
from ...auth import Person, person
from ...body import params, row_id

if TYPE_CHECKING:
    from ....app import House

PRIVATE = {"Cache-Control": "private, no-store"}


async def _admin(request: Request, scope: str) -> Person:
    who = await person(request, scope)
    if not who.user.admin:
        raise Forbidden("This is for administrators.")
    return who


def lane_entity(found: LaneState) -> dict[str, Any]:
    """A lane with what waits in it."""
    row = found.lane
    return {"lane": found.gpu_class, "paused_at": when(row.paused_at) if row is not None else None,
            "reason": row.reason if row is not None else "", "waiting": found.waiting, "running": found.running,
            "expected_seconds": found.seconds}


def worker_entity(row: GenerationWorker, alive: bool) -> dict[str, Any]:
    """A worker and whether it was seen lately."""
    return {"name": row.name, "host": row.host, "device": row.device, "memory_mb": row.memory_mb, "watts": row.watts,
            "models": row.models, "lanes": row.gpu_classes, "state": row.state, "draining": row.draining, "alive": alive,
            "generation_id": str(row.generation_id) if row.generation_id is not None else None, "done": row.done,
            "failed": row.failed, "started_at": when(row.started_at), "seen_at": when(row.seen_at)}


def pending_entity(session: Session, row: Generation) -> dict[str, Any]:
    """A job without its prompt."""
    return {"id": str(row.id), "account": session.get_one(Actor, row.actor_id).username, "state": row.state, "stage": row.stage,
            "progress": row.progress, "model": row.model, "lane": row.gpu_class, "priority": row.priority,
            "position": generations.position(session, row) if row.state == "queued" else 0,
            "expected_seconds": row.expected_seconds, "worker": row.worker, "cancel_requested": row.cancel_requested,
            "created_at": when(row.created_at), "started_at": when(row.started_at)}


def _lane(session: Session, gpu_class: str) -> dict[str, Any]:
    return next(lane_entity(one) for one in administration.lane_states(session) if one.gpu_class == gpu_class)


async def queue(request: Request) -> Response:
    """GET admin/generations"""
    house: House = request.app.state.house
    await _admin(request, "admin:read")

    def look(session: Session) -> dict[str, Any]:
        now = house.db.clock()
        return {"lanes": [lane_entity(one) for one in administration.lane_states(session)],
                "workers": [worker_entity(row, row.seen_at > now - generation_workers.GONE)
                            for row in generation_workers.everybody(session)],
                "pending": [pending_entity(session, row) for row in administration.pending(session)]}

    return JSONResponse(await house.db.read(look), headers=PRIVATE)


async def pause(request: Request) -> Response:
    """POST admin/generations/pause {lane, reason}"""
    house: House = request.app.state.house
    who, given = await _admin(request, "admin:write"), await params(request)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        row = administration.pause(uow, actors.get(uow.session, who.actor.id), given.text("lane"), given.text("reason"))
        return _lane(uow.session, row.gpu_class)

    return JSONResponse(await house.db.write(apply))


async def resume(request: Request) -> Response:
    """POST admin/generations/resume {lane}"""
    house: House = request.app.state.house
    await _admin(request, "admin:write")
    given = await params(request)
    return JSONResponse(await house.db.write(
        lambda uow: _lane(uow.session, administration.resume(uow, given.text("lane")).gpu_class)))


async def drain(request: Request) -> Response:
    """POST admin/generations/workers/drain {worker, draining}"""
    house: House = request.app.state.house
    await _admin(request, "admin:write")
    given = await params(request)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        row = administration.drain(uow, given.text("worker"), given.flag("draining", True) is not False)
        return worker_entity(row, row.seen_at > uow.now - generation_workers.GONE)

    return JSONResponse(await house.db.write(apply))


async def cancel(request: Request) -> Response:
    """POST admin/generations/:id/cancel {reason}"""
    house: House = request.app.state.house
    await _admin(request, "admin:write")
    wanted, given = row_id(request), await params(request)
    return JSONResponse(await house.db.write(
        lambda uow: pending_entity(uow.session, administration.cancel(uow, wanted, given.text("reason")))))


async def priority(request: Request) -> Response:
    """POST admin/generations/:id/priority {priority}"""
    house: House = request.app.state.house
    await _admin(request, "admin:write")
    wanted, given = row_id(request), await params(request)
    try:
        level = int(given.text("priority"))
    except ValueError as error:
        raise Invalid("The priority is a whole number from -10 to 10.", cause=error, code="priority") from error
    return JSONResponse(await house.db.write(
        lambda uow: pending_entity(uow.session, administration.prioritise(uow, wanted, level))))
