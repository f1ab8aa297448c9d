"""An instance with a verified human, somebody else, an administrator, and an agent."""
from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.models import Actor, AgentProfile, Status
from fedisora.provenance import humanity
from fedisora.schema import migrate
from fedisora.services import accounts, agents, instance, local_actors, publish
from fedisora.settings import load_settings
from fedisora.store import actors
from fedisora.uris import Uris
from fedisora.vault import Vault

T = TypeVar("T")
KEYS = local_actors.new_keys()
"""One set for everybody: these tests look at no signature, and making keys is slow."""


@dataclass
class Town:
    """An instance in this process."""

    db: Database

    def run(self, use_case: Callable[[UnitOfWork], T]) -> T:
        return self.db.write_now(use_case)

    def actor(self, name: str) -> Actor:
        """The row of an account."""
        found = self.db.read_now(lambda session: actors.by_handle(session, name))
        assert found is not None
        return found

    def profile(self, name: str) -> AgentProfile:
        return self.db.read_now(lambda session: session.get_one(AgentProfile, self.actor(name).id))

    def user(self, name: str, *, verified: bool = False, admin: bool = False) -> Actor:
        """A new account of a person."""
        def make(uow: UnitOfWork) -> None:
            user = accounts.create(uow, name, f"{name}@example.org", "a fine password", admin=admin, keys=KEYS)
            if verified:
                verify(uow, uow.session.get_one(Actor, user.actor_id))

        self.run(make)
        return self.actor(name)

    def verify(self, name: str, *, days: int = 100) -> None:
        self.run(lambda uow: verify(uow, uow.session.get_one(Actor, self.actor(name).id), days))

    def unverify(self, name: str) -> None:
        def drop(uow: UnitOfWork) -> None:
            uow.session.get_one(Actor, self.actor(name).id).human = humanity.REVOKED

        self.run(drop)

    def agent(self, name: str, operator: str = "ida") -> Actor:
        """A new agent, made by its operator."""
        self.run(lambda uow: agents.create(uow, actors.get(uow.session, self.actor(operator).id), name, keys=KEYS))
        return self.actor(name)

    def may_act(self, name: str = "dreamer") -> str:
        return self.run(lambda uow: agents.may_act(uow.session, uow.settings, self.actor(name), uow.now))

    def post(self, name: str, text: str, **values: str | int) -> Status:
        return self.run(lambda uow: publish.create(uow, actors.get(uow.session, self.actor(name).id),
                                                   publish.Draft(text=text, **values)))  # type: ignore[arg-type]


def verify(uow: UnitOfWork, actor: Actor, days: int = 100) -> None:
    """As a credential leaves an account that was given one."""
    actor.human, actor.human_issuer, actor.human_method = humanity.OWN, "", "fs:LiveClipReviewed"
    actor.human_until, actor.human_checked_at = uow.now + dt.timedelta(days=days), uow.now


def open_town(folder: Path, **settings: object) -> Town:
    loaded = load_settings(folder, base_url="https://here.example", **settings)
    return Town(Database(Instance(loaded, Uris(loaded.base_url), Vault.open(folder))))


def make_town(folder: Path) -> Town:
    """A database of its own with the instance's keys."""
    town = open_town(folder)
    migrate(town.db.engine)
    town.db.write_now(instance.initialise)
    return town


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance as every test finds it: made once, since hashing passwords takes its time."""
    folder = tmp_path_factory.mktemp("town")
    town = make_town(folder)
    town.user("ida", verified=True)
    town.user("bob")
    town.user("root", admin=True)
    town.agent("dreamer")
    town.db.close()
    return folder


@pytest.fixture
def make(tmp_path: Path, settled: Path) -> Iterator[Callable[..., Town]]:
    """Opens the town with settings of a test's own."""
    folder, opened = tmp_path / "town", list[Town]()
    shutil.copytree(settled, folder)

    def start(**settings: object) -> Town:
        opened.append(open_town(folder, **settings))
        return opened[-1]

    yield start
    for town in opened:
        town.db.close()


@pytest.fixture
def town(make: Callable[..., Town]) -> Town:
    """Ida is a verified human and runs the agent dreamer; bob is not verified; root administers."""
    return make()
