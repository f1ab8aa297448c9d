"""Houses with generations: one whose generations are made by hand, one with two people and a moderator."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
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
from tests.support.rendering import Shop, install_faulty

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


@pytest.fixture(scope="session")
def made_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The house itself: keys and passwords of its people take a second."""
    house = build_house(load_settings(tmp_path_factory.mktemp("studio"), base_url="https://here.example"))

    def people(uow: UnitOfWork) -> None:
        for name in ("ada", "bea", "mod"):
            accounts.create(uow, name, f"{name}@example.org", "correct horse battery", admin=name == "mod")

    house.db.write_now(people)
    yield Studio(house)
    house.db.close()


@pytest.fixture
def studio(made_studio: Studio) -> Studio:
    """The house with nothing in it but its people."""
    def clear(uow: UnitOfWork) -> None:
        for table in (Generation, Media, Notification, Job, DeniedHash, ConsentStamp, ConsentRequest):
            uow.session.execute(delete(table))

    made_studio.run(clear)
    return made_studio


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("PYTHONPATH", str(install_faulty(tmp_path / "packages")))
    found = Shop.open(tmp_path / "data")
    yield found
    found.close()
