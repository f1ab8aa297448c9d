"""Applying what arrived: many in one transaction, each as if it were alone, and fairly among peers."""
from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select, update

from fedisora.activities import HANDLERS
from fedisora.activitypub import parse
from fedisora.db import UnitOfWork
from fedisora.federation import processing_rows as rows
from fedisora.federation.processing import Processor
from fedisora.federation.processing_rows import Work
from fedisora.models import Actor, InboxMessage, Job, Status
from fedisora.store import statuses
from tests.unit.activities.conftest import EVE, REM, Town, town

__all__ = ["town"]


def arrive(town: Town, *activities: dict[str, Any]) -> list[Work]:
    """Rows of these activities, claimed by `me`."""
    def put(uow: UnitOfWork) -> list[Work]:
        for activity in activities:
            actor = activity["actor"]
            uow.session.add(InboxMessage(
                id=uow.new_id(), activity_uri=activity["id"], actor_uri=actor, key_id=f"{actor}#main-key", type=activity["type"],
                host=parse.host_of(actor), body=orjson.dumps(activity), received_at=uow.now, run_at=uow.now))
        uow.session.flush()
        return rows.claim(uow, "me")

    works = town.run(put)
    for work in works:
        Processor._read(work)
    return works


def apply(town: Town, works: list[Work]) -> list[tuple[str, str]]:
    """(state, outcome or reason) of each row, oldest first."""
    rest = list(works)
    while rest:
        try:
            done = town.run(lambda uow, items=rest: rows.apply_slice(uow, items, "me", careful=False))  # type: ignore[misc]
        except rows.Careful as careful:
            done = town.run(lambda uow, items=rest[:careful.reached]: rows.apply_slice(  # type: ignore[misc]
                uow, items, "me", careful=True))
        rest = rest[done:]
    return town.db.read_now(lambda session: [
        (row.state, row.outcome or row.last_error or "")
        for row in session.scalars(select(InboxMessage).order_by(InboxMessage.id))])


def create(town: Town, note: dict[str, Any], actor: str = REM) -> dict[str, Any]:
    return town.activity("Create", note, actor)


@pytest.fixture
def followed(town: Town) -> Town:
    town.follows(town.ada, REM)
    return town


def posts(town: Town) -> dict[str, Status]:
    return town.db.read_now(lambda session: {row.uri: row for row in session.scalars(select(Status))})


def test_the_same_post_twice_in_one_transaction(followed: Town) -> None:
    note = followed.note("once")
    assert apply(followed, arrive(followed, create(followed, note), create(followed, note))) == [("done", "stored")] * 2
    assert list(posts(followed)) == [note["id"]]


def test_an_answer_before_what_it_answers(followed: Town) -> None:
    parent = followed.note("first")
    answer = followed.note("second", inReplyTo=parent["id"])
    apply(followed, arrive(followed, create(followed, answer), create(followed, parent)))
    found = posts(followed)
    assert found[answer["id"]].in_reply_to_id == found[parent["id"]].id
    assert found[parent["id"]].replies_count == 1


def test_a_delete_before_its_create(followed: Town) -> None:
    note = followed.note("never")
    delete = followed.activity("Delete", note["id"])
    states = apply(followed, arrive(followed, delete, create(followed, note)))
    assert [state for state, _ in states] == ["done", "done"]
    assert posts(followed) == {}


def test_a_follow_that_ends_in_between(followed: Town) -> None:
    """What is remembered about followers does not outlive the activity that changes it."""
    before, after = followed.note("heard"), followed.note("not heard")
    follow = followed.db.read_now(lambda session: session.execute(select(func.max(Status.id))).scalar())
    assert follow is None
    reject = followed.activity("Reject", {"type": "Follow", "actor": followed.ada, "object": REM})
    apply(followed, arrive(followed, create(followed, before), reject, create(followed, after)))
    assert list(posts(followed)) == [before["id"]]


def test_one_that_fails_leaves_the_others_as_they_are(followed: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in one handler: the others are stored once, the broken one is tried later, and in the end quarantined."""
    class Broken:
        @staticmethod
        def needs(activity: dict[str, Any]) -> list[str]:
            return []

        @staticmethod
        def receive(uow: UnitOfWork, activity: dict[str, Any], got: Any) -> str:
            statuses.tombstone(uow, "https://remote.example/half-done", REM)
            raise RuntimeError("a defect")

    monkeypatch.setattr(rows, "HANDLERS", {**HANDLERS, "Like": Broken})
    first, last = followed.note("one"), followed.note("two")
    works = arrive(followed, create(followed, first), followed.activity("Like", "https://x.example/1"), create(followed, last))
    states = apply(followed, works)
    assert [state for state, _ in states] == ["done", "pending", "done"]
    assert states[1][1] == "RuntimeError: a defect"
    assert set(posts(followed)) == {first["id"], last["id"]}
    assert followed.db.read_now(
        lambda session: statuses.is_tombstoned(session, "https://remote.example/half-done")) is None
    broken = works[1]
    broken.attempt = rows.ATTEMPTS
    followed.run(lambda uow: _steal(uow, broken, "me"))
    assert apply(followed, [broken])[1] == ("dead", "RuntimeError: a defect")


def _steal(uow: UnitOfWork, work: Work, owner: str) -> None:
    row = uow.session.get_one(InboxMessage, work.id)
    row.lease_owner, row.attempt, row.lease_until = owner, work.attempt, uow.now + dt.timedelta(seconds=10)


def test_who_lost_its_lease_applies_nothing(followed: Town) -> None:
    works = arrive(followed, create(followed, followed.note("contested")))
    followed.run(lambda uow: _steal(uow, works[0], "another"))
    assert apply(followed, works) == [("pending", "")]
    assert posts(followed) == {}


def test_one_loud_peer_does_not_crowd_out_the_others(town: Town) -> None:
    flood = [town.activity("Like", f"https://x.example/{number}", EVE) for number in range(rows.WINDOW + 50)]
    works = arrive(town, *flood, create(town, town.note("a quiet word")))
    assert REM in {work.actor_uri for work in works}
    assert len(works) == rows.BATCH


def test_an_actor_not_looked_at_for_a_day_is_fetched_again(followed: Town) -> None:
    """Whatever it does, not only when it posts; its own Delete is no reason."""
    def pending(uow: UnitOfWork) -> list[Any]:
        return list(uow.session.scalars(select(Job.payload).where(Job.kind == "refresh_actor")))

    def age(uow: UnitOfWork) -> None:
        uow.session.execute(update(Actor).where(Actor.uri == REM).values(fetched_at=uow.now - dt.timedelta(days=2)))

    apply(followed, arrive(followed, followed.activity("Like", "https://x.example/1")))
    assert followed.run(pending) == []
    followed.run(age)
    apply(followed, arrive(followed, followed.activity("Delete", f"{REM}/notes/999")))
    assert followed.run(pending) == []
    apply(followed, arrive(followed, followed.activity("Like", "https://x.example/2"), followed.activity("Like", "https://x.example/3")))
    assert followed.run(pending) == [{"uri": REM}]
