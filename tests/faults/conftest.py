"""What the fault tests share: people who follow, and what the database says."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.support.instances import Api, InstanceProcess, eventually
from tests.support.remote import RemoteActor
from tests.support.world import World

RETRY = "0.3"
"""Seconds before the first retry, so that tests see several."""


@pytest.fixture
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Callable[..., InstanceProcess]]:
    """Start an instance that retries soon; `starting(**settings)`."""
    running: list[InstanceProcess] = []

    def start(**settings: str) -> InstanceProcess:
        found = InstanceProcess(tmp_path / f"data{len(running)}", **{"retry_seconds": RETRY, **settings})
        running.append(found)
        return found.start()

    yield start
    for instance in running:
        instance.close()


def rows(instance: InstanceProcess, query: str) -> list[tuple[object, ...]]:
    """What the instance's database answers."""
    url = instance.env["FEDISORA_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://") \
        or f"sqlite:///{instance.folder / 'fedisora.sqlite3'}"
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


def follower(world: World, whom: Api, name: str) -> RemoteActor:
    """A new actor of the world that follows somebody here."""
    fan = world.actor(name)
    assert fan.send(f"{whom.actor}/inbox", fan.activity("Follow", whom.actor)).status_code == 202
    eventually(lambda: [item for item in world.activities("Accept") if item["object"]["actor"] == fan.uri],
               what=f"Accept for {name}")
    return fan


def followed(world: World, who: Api, name: str) -> RemoteActor:
    """A new actor of the world that somebody here follows."""
    author = world.actor(name)
    account = who.resolve(author.uri)
    who.post(f"/api/v1/accounts/{account['id']}/follow")
    request = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == author.uri], what="Follow")[0]
    assert author.send(f"{who.actor}/inbox", author.activity("Accept", request)).status_code == 202
    eventually(lambda: who.get("/api/v1/accounts/relationships", **{"id[]": account["id"]})[0]["following"], what="accepted")
    return author
