"""Claiming and recording deliveries: order within a lane, fences, what a Delete makes pointless."""
from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select, update

from fedisora.activities import outbox
from fedisora.db import Database, UnitOfWork
from fedisora.federation import delivery_rows
from fedisora.federation.delivery_rows import Item, Outcome
from fedisora.models import Actor, Delivery
from fedisora.services import accounts, instance
from fedisora.store import actors

INBOX = "https://b.example/inbox"
NOTE = "https://here.example/users/ada/statuses/1"


@pytest.fixture
def ada(db: Database) -> int:
    def make(uow: UnitOfWork) -> int:
        instance.initialise(uow)
        return accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id

    return db.write_now(make)


def send(db: Database, ada: int, kind: str, number: int, target: object = NOTE) -> None:
    def run(uow: UnitOfWork) -> None:
        actor = uow.session.get_one(Actor, ada)
        outbox.send(uow, actor, {"id": f"{NOTE}#{kind}/{number}", "type": kind, "actor": actor.uri, "object": target}, [INBOX])

    db.write_now(run)


def due(db: Database) -> list[str]:
    """Types of the activities that may be tried now."""
    def types(uow: UnitOfWork) -> list[str]:
        ids = [row_id for row_id, _ in delivery_rows.due(uow.session, uow.now, ())]
        items = delivery_rows.claim(uow, ids, "me")
        uow.session.execute(update(Delivery).values(lease_owner=None, lease_until=None))
        return sorted(item.body.decode().partition('"type":"')[2].partition('"')[0] for item in items)

    return db.write_now(types)


def finish(db: Database, state: str, status: int) -> None:
    def run(uow: UnitOfWork) -> None:
        ids = [row_id for row_id, _ in delivery_rows.due(uow.session, uow.now, ())]
        delivery_rows.record(uow, [Outcome(item, "me", state, status) for item in delivery_rows.claim(uow, ids, "me")])

    db.write_now(run)


def test_an_update_waits_for_its_create(db: Database, ada: int) -> None:
    send(db, ada, "Create", 1)
    send(db, ada, "Update", 1)
    assert due(db) == ["Create"]
    finish(db, "done", 202)
    assert due(db) == ["Update"]


def test_what_is_tried_again_still_comes_first(db: Database, ada: int) -> None:
    send(db, ada, "Create", 1)
    send(db, ada, "Update", 1)
    finish(db, "retry", 503)
    assert due(db) == []  # the Create waits for its next try, and the Update behind it


def test_an_undo_follows_what_it_undoes(db: Database, ada: int) -> None:
    boost = {"id": f"{NOTE}#Announce/1", "type": "Announce", "object": NOTE}
    send(db, ada, "Announce", 1)
    send(db, ada, "Undo", 1, boost)
    assert due(db) == ["Announce"]


def test_different_objects_do_not_wait_for_each_other(db: Database, ada: int) -> None:
    send(db, ada, "Create", 1, f"{NOTE}1")
    send(db, ada, "Create", 2, f"{NOTE}2")
    assert due(db) == ["Create", "Create"]


def test_a_delete_makes_the_unsent_pointless(db: Database, ada: int) -> None:
    send(db, ada, "Create", 1)
    send(db, ada, "Update", 1)
    send(db, ada, "Delete", 1)
    assert due(db) == ["Delete"]
    states = db.read_now(lambda session: list(session.scalars(select(Delivery.state).order_by(Delivery.id))))
    assert states == ["failed", "failed", "pending"]


def test_a_lost_lease_writes_nothing(db: Database, ada: int) -> None:
    send(db, ada, "Create", 1)

    def claim(uow: UnitOfWork) -> list[Item]:
        ids = [row_id for row_id, _ in delivery_rows.due(uow.session, uow.now, ())]
        return delivery_rows.claim(uow, ids, "first")

    first = db.write_now(claim)
    db.write_now(lambda uow: uow.session.execute(update(Delivery).values(lease_until=uow.now - dt.timedelta(seconds=1))))
    second = db.write_now(lambda uow: delivery_rows.claim(uow, [item.id for item in first], "second"))
    assert [item.attempt for item in second] == [2]
    db.write_now(lambda uow: delivery_rows.record(uow, [Outcome(item, "first", "done", 202) for item in first]))
    assert db.read_now(lambda session: session.scalar(select(Delivery.state))) == "pending"
    assert db.write_now(lambda uow: delivery_rows.claim(uow, [item.id for item in first], "third")) == []


def test_nobody_is_behind_a_gone_inbox(db: Database, ada: int) -> None:
    from fedisora.models import Follow
    from fedisora.serializers.activitypub.actor import from_activitypub
    from tests.unit.activities.conftest import remote_actor

    def follow(uow: UnitOfWork) -> None:
        document = remote_actor("https://b.example/users/rem") | {"endpoints": {"sharedInbox": INBOX}}
        rem = actors.upsert_remote(uow, from_activitypub(document))
        uow.session.add(Follow(id=uow.new_id(), actor_id=rem.id, target_id=ada, uri=f"{rem.uri}#f", state="accepted",
                               created_at=uow.now))

    db.write_now(follow)
    send(db, ada, "Create", 1)
    finish(db, "gone", 410)
    assert db.read_now(lambda session: session.scalar(select(Follow.id))) is None
    assert db.read_now(lambda session: session.scalar(select(Delivery.state))) == "failed"
