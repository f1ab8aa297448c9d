"""Two people: Ada lives here, Rem on another server and follows her; a use case's surroundings, without a network."""
from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import pytest
from sqlalchemy import select

from fedisora.activities import HANDLERS, Received
from fedisora.activitypub.parse import type_of
from fedisora.activitypub.vocabulary import PUBLIC
from fedisora.db import Database, UnitOfWork
from fedisora.models import Actor, Delivery, Follow, OutboxActivity
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.services import accounts, instance, publish
from fedisora.store import actors

T = TypeVar("T")
REM = "https://remote.example/users/rem"
EVE = "https://evil.example/users/eve"


def remote_actor(uri: str) -> dict[str, Any]:
    name = uri.rpartition("/")[2]
    return {"id": uri, "type": "Person", "preferredUsername": name, "inbox": f"{uri}/inbox", "followers": f"{uri}/followers",
            "featured": f"{uri}/featured",
            "publicKey": {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": "PEM"}}


@dataclass
class Town:
    """A database with the people, and shorthands."""

    db: Database
    ada: str
    numbers: Any

    def run(self, use_case: Callable[[UnitOfWork], T]) -> T:
        return self.db.write_now(use_case)

    def activity(self, kind: str, about: Any, /, actor: str = REM, **more: Any) -> dict[str, Any]:
        return {"id": f"{actor}#{kind}/{next(self.numbers)}", "type": kind, "actor": actor, "object": about, **more}

    def note(self, text: str = "hello", author: str = REM, **more: Any) -> dict[str, Any]:
        return {"id": f"{author}/notes/{next(self.numbers)}", "type": "Note", "attributedTo": author, "content": f"<p>{text}</p>",
                "to": [PUBLIC], "cc": [f"{author}/followers"], "published": "2026-11-01T00:00:00Z", **more}

    def receive(self, activity: dict[str, Any], fetched: dict[str, dict[str, Any]] | None = None) -> str:
        def apply(uow: UnitOfWork) -> str:
            actor = actors.by_uri(uow.session, activity["actor"])
            assert actor is not None
            return HANDLERS[type_of(activity)].receive(uow, activity, Received(actor, fetched or {}))

        return self.run(apply)

    def act(self, use_case: Callable[..., T], *uris: str, **more: Any) -> T:
        """Run a use case with the rows of some actors."""
        def apply(uow: UnitOfWork) -> T:
            return use_case(uow, *[actors.by_uri(uow.session, uri) for uri in uris], **more)

        return self.run(apply)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """Activities of a type that were queued for somebody."""
        return self.db.read_now(lambda session: [orjson.loads(body) for body in session.scalars(
            select(OutboxActivity.document).join(Delivery, Delivery.activity_id == OutboxActivity.id)
            .where(OutboxActivity.type == kind).order_by(OutboxActivity.id))])

    def post(self, text: str = "a post of Ada's") -> str:
        def apply(uow: UnitOfWork) -> str:
            ada = actors.by_uri(uow.session, self.ada)
            assert ada is not None
            return publish.create(uow, ada, publish.Draft(text=text)).uri

        return self.run(apply)

    def follows(self, who: str, whom: str) -> None:
        """An accepted follow."""
        def apply(uow: UnitOfWork) -> None:
            actor, target = actors.by_uri(uow.session, who), actors.by_uri(uow.session, whom)
            assert actor is not None
            assert target is not None
            uow.session.add(Follow(id=uow.new_id(), actor_id=actor.id, target_id=target.id, uri=f"{who}#follows/{target.id}",
                                   state="accepted", created_at=uow.now))

        self.run(apply)

    def actor(self, uri: str) -> Actor:
        found = self.db.read_now(lambda session: actors.by_uri(session, uri))
        assert found is not None
        return found


@pytest.fixture
def town(db: Database) -> Town:
    def people(uow: UnitOfWork) -> str:
        instance.initialise(uow)
        user = accounts.create(uow, "ada", "ada@example.org", "a fine password")
        for uri in (REM, EVE):
            actors.upsert_remote(uow, from_activitypub(remote_actor(uri)))
        return actors.get(uow.session, user.actor_id).uri

    return Town(db, db.write_now(people), itertools.count(1))
