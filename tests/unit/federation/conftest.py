"""A database, a client and what resolves and crawls, against made-up servers over real HTTP on loopback."""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.federation.backfill import Backfill
from fedisora.federation.client import Client
from fedisora.federation.fetch import Fetcher
from fedisora.federation.follower_sync import FollowerSync
from fedisora.federation.resolve import Resolver
from fedisora.federation.threads import Threads
from fedisora.models import Actor, Base, Follow, Job, Status
from fedisora.services import accounts, instance, publish
from fedisora.settings import load_settings
from fedisora.store import actors, statuses
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.world import World

T = TypeVar("T")


@dataclass
class Tools:
    """What works on one running loop."""

    fetcher: Fetcher
    resolver: Resolver
    threads: Threads
    backfill: Backfill
    sync: FollowerSync


class Place:
    """An instance without its web server: Ada lives here."""

    def __init__(self, db: Database) -> None:
        self.db = db

        def people(uow: UnitOfWork) -> str:
            instance.initialise(uow)
            user = accounts.create(uow, "ada", "ada@example.org", "a fine password")
            return actors.get(uow.session, user.actor_id).uri

        self.ada = db.write_now(people)

    def go(self, work: Callable[[Tools], Awaitable[T]]) -> T:
        """Run something with a client of its own."""
        async def run() -> T:
            client = Client(self.db.instance.settings)
            await client.open()
            fetcher = Fetcher(self.db, client)
            resolver = Resolver(self.db, fetcher, client)
            try:
                return await work(Tools(fetcher, resolver, Threads(self.db, fetcher, resolver),
                                        Backfill(self.db, fetcher, resolver), FollowerSync(self.db, fetcher)))
            finally:
                await client.close()

        return asyncio.run(run())

    def status(self, uri: str) -> Status | None:
        return self.db.read_now(lambda session: statuses.by_uri(session, uri))

    def known(self, uri: str) -> Status:
        found = self.status(uri)
        assert found is not None
        return found

    def actor(self, uri: str) -> Actor:
        found = self.db.read_now(lambda session: actors.by_uri(session, uri))
        assert found is not None
        return found

    def resolve(self, uri: str) -> Status:
        return self.go(lambda tools: tools.resolver.status(uri))

    def person(self, name: str) -> str:
        """Another local account."""
        def make(uow: UnitOfWork) -> str:
            user = accounts.create(uow, name, f"{name}@example.org", "a fine password")
            return actors.get(uow.session, user.actor_id).uri

        return self.db.write_now(make)

    def follow(self, who: str, whom: str, state: str = "accepted") -> None:
        def apply(uow: UnitOfWork) -> None:
            row_id = uow.new_id()
            uow.session.add(Follow(id=row_id, actor_id=_id(uow, who), target_id=_id(uow, whom), uri=uow.uris.follow(who, row_id),
                                   state=state, created_at=uow.now))

        self.db.write_now(apply)

    def post(self, text: str = "a post of Ada's", **more: Any) -> Status:
        def apply(uow: UnitOfWork) -> Status:
            return publish.create(uow, actors.get(uow.session, _id(uow, self.ada)), publish.Draft(text=text, **more))

        return self.db.write_now(apply)

    def jobs(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of waiting jobs of a kind."""
        return self.db.read_now(lambda session: list(session.scalars(
            select(Job.payload).where(Job.kind == kind, Job.state == "pending").order_by(Job.id))))


def _id(uow: UnitOfWork, uri: str) -> int:
    found = actors.by_uri(uow.session, uri)
    assert found is not None
    return found.id


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    settings = load_settings(tmp_path, base_url="http://127.0.0.1:1", database_url=database_url,
                             allow_private_network="127.0.0.0/8")
    database = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(database.engine)
    yield Place(database)
    database.close()


@pytest.fixture
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture
def other_world() -> Iterator[World]:
    with World() as found:
        yield found
