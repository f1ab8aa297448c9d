"""Plans, people and workers for tests of the generation queue."""
from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from fedisora.db import Database, UnitOfWork
from fedisora.models import Actor, Generation, GenerationWorker, User
from fedisora.services import generations
from fedisora.services.generations import Plan
from fedisora.store import actors, agents, generation_queue

LEASE = dt.timedelta(seconds=15)


def plan_of(prompt: str = "a lake", **values: Any) -> Plan:
    """A plan for the procedural backend: 5 seconds of 720x1280."""
    return Plan(**{"prompt": prompt, "backend": "procedural", "model": "procedural", "gpu_class": "cpu", "seed": 7, "width": 720,
                   "height": 1280, "frames": 120, "fps": 24, "seconds": 5.0, **values})


def person(uow: UnitOfWork, name: str, *, operator: str = "", limits: dict[str, Any] | None = None, admin: bool = False) -> int:
    """A new account without keys; the id of its actor. With an `operator` it is an agent, for whom that account answers."""
    actor_id = uow.new_id()
    uow.session.add(Actor(
        id=actor_id, uri=uow.uris.actor(name), username=name, username_key=name, kind="agent" if operator else "human",
        operator_uri=uow.uris.actor(operator) if operator else None, created_at=uow.now, updated_at=uow.now))
    uow.session.flush()
    uow.session.add(User(id=uow.new_id(), actor_id=actor_id, email=f"{name}@example.org", email_key=f"{name}@example.org",
                         password_hash="", admin=admin, limits=limits, created_at=uow.now))
    uow.session.flush()
    if operator:
        agents.add_profile(uow, actor_id, exempt=True)
        owner = actors.by_handle(uow.session, operator)
        if owner is not None:
            owner.operates = [*owner.operates, uow.uris.actor(name)]
    return actor_id


def actor_of(uow: UnitOfWork, actor_id: int) -> Actor:
    """The row of an account."""
    return actors.get(uow.session, actor_id)


def queued(db: Database, actor_id: int, plan: Plan | None = None) -> list[int]:
    """Ask for a plan and let it pass the gates; the ids."""
    def write(uow: UnitOfWork) -> list[int]:
        rows = generations.request(uow, actor_of(uow, actor_id), plan or plan_of())
        for row in rows:
            generation_queue.admit(uow, row)
        return [row.id for row in rows]

    return db.write_now(write)


def take(db: Database, owner: str = "w", models: Collection[str] = ("procedural",)) -> int | None:
    """Claim the next one as a worker does, and say that it runs; its id."""
    def claim(uow: UnitOfWork) -> int | None:
        row = generation_queue.take(uow, models=models, owner=owner, lease=LEASE)
        if row is None:
            return None
        row.state, row.started_at = "running", uow.now
        return row.id

    return db.write_now(claim)


def finish(db: Database, generation_id: int, state: str = "draft", **values: Any) -> None:
    """The worker is done with it."""
    def end(uow: UnitOfWork) -> None:
        row = uow.session.get_one(Generation, generation_id)
        row.lease_owner = row.lease_until = None
        generations.change(uow, row, state, finished_at=uow.now, **values)

    db.write_now(end)


def worker(db: Database, name: str = "w", *, models: Collection[str] = ("procedural",), lanes: Collection[str] = ("cpu",),
           **values: Any) -> None:
    """A worker that was seen just now."""
    db.write_now(lambda uow: uow.session.merge(GenerationWorker(
        name=name, models=list(models), gpu_classes=list(lanes), started_at=uow.now, seen_at=uow.now, **values)))
