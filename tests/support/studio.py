"""A house with two people and a moderator, and generations of theirs, for what happens around the making."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import delete, select

from fedisora.app import House, build_house
from fedisora.db import UnitOfWork
from fedisora.models import (
    Actor,
    ConsentRequest,
    ConsentStamp,
    DeniedHash,
    Generation,
    Job,
    Media,
    Notification,
    Screening,
    User,
)
from fedisora.services import accounts
from fedisora.settings import load_settings
from fedisora.store import actors

T = TypeVar("T")


@dataclass
class Studio:
    """The house, and shorthands."""

    house: House

    def run(self, use_case: Callable[[UnitOfWork], T]) -> T:
        return self.house.db.write_now(use_case)

    def actor(self, name: str) -> Actor:
        found = self.house.db.read_now(lambda session: actors.by_handle(session, name))
        assert found is not None
        return found

    def user(self, name: str) -> User:
        who = self.actor(name).id
        return self.house.db.read_now(lambda session: session.scalars(select(User).where(User.actor_id == who)).one())

    def ask(self, prompt: str = "a calm sea", by: str = "ada", **values: Any) -> int:
        """A request that waits for its screening."""
        actor = self.actor(by)

        def write(uow: UnitOfWork) -> int:
            row = Generation(id=uow.new_id(), actor_id=actor.id, payer_id=actor.id, prompt=prompt, seed="7", width=320,
                             height=180,
                             seconds=1.0, fps=24, frames=24, backend="procedural", model="procedural", run_at=uow.now,
                             created_at=uow.now, **{"options": {}, **values})
            uow.session.add(row)
            uow.session.flush()
            return row.id

        return self.run(write)

    def get(self, generation_id: int) -> Generation:
        return self.house.db.read_now(lambda session: session.get_one(Generation, generation_id))

    def screenings(self, generation_id: int) -> list[Screening]:
        return self.house.db.read_now(lambda session: list(session.scalars(
            select(Screening).where(Screening.generation_id == generation_id).order_by(Screening.id))))

    def jobs(self, kind: str) -> list[dict[str, Any]]:
        return self.house.db.read_now(lambda session: [job.payload for job in session.scalars(
            select(Job).where(Job.kind == kind).order_by(Job.id))])

    def clear(self) -> None:
        """Leave nothing but the people."""
        def gone(uow: UnitOfWork) -> None:
            for table in (Generation, Media, Notification, Job, DeniedHash, ConsentStamp, ConsentRequest):
                uow.session.execute(delete(table))

        self.run(gone)

    @classmethod
    def open(cls, folder: Path, **settings: str) -> Studio:
        """A new one, with `ada`, `bea` and the moderator `mod`."""
        house = build_house(load_settings(folder, base_url="https://here.example", **settings))

        def people(uow: UnitOfWork) -> None:
            for name in ("ada", "bea", "mod"):
                accounts.create(uow, name, f"{name}@example.org", "correct horse battery", admin=name == "mod")

        house.db.write_now(people)
        return cls(house)
