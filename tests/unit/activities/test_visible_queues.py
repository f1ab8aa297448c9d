"""How far a post got, and what was put aside: counted from the rows, and tried again as if it were new."""
from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select, update

from fedisora.db import UnitOfWork
from fedisora.errors import NotFound
from fedisora.models import Delivery, Follow, InboxMessage, Job, RemoteHost
from fedisora.services import accounts, interactions, publish, quarantine
from fedisora.store import actors, deliveries, jobs, statuses
from fedisora.store import quarantine as rows

from .conftest import EVE, REM, Town


def set_deliveries(town: Town, host: str, **values: object) -> None:
    town.run(lambda uow: uow.session.execute(update(Delivery).where(Delivery.host == host).values(**values)))


def state(town: Town, uri: str) -> deliveries.DeliveryState:
    return town.db.read_now(lambda session: deliveries.state_of(session, uri))


def test_the_newest_delivery_of_each_inbox_counts(town: Town) -> None:
    town.follows(REM, town.ada)
    town.follows(EVE, town.ada)
    uri = town.post()
    town.post("another")
    assert (state(town, uri).inboxes, state(town, uri).pending) == (2, 2)
    set_deliveries(town, "remote.example", state="done", status=202)
    when = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    set_deliveries(town, "evil.example", last_error="answered 503: ", status=503, attempt=3, run_at=when)
    found = state(town, uri)
    assert (found.inboxes, found.reached, found.pending, found.failed, found.servers) == (2, 1, 1, 0, 2)
    assert found.failures == (deliveries.Failure("evil.example", 503, "answered 503: ", 3, when),)
    set_deliveries(town, "evil.example", state="failed", last_error="answered 410: gone", status=410)
    assert state(town, uri).failures == (deliveries.Failure("evil.example", 410, "answered 410: gone", 3, None),)

    def edit(uow: UnitOfWork) -> None:
        row, ada = statuses.by_uri(uow.session, uri), actors.by_uri(uow.session, town.ada)
        assert row is not None
        assert ada is not None
        publish.edit(uow, ada, row.id, text="changed")

    town.run(edit)
    found = state(town, uri)
    assert (found.inboxes, found.reached, found.pending, found.failed) == (2, 0, 2, 0)


def test_what_others_do_with_a_post_is_not_its_delivery(town: Town) -> None:
    town.follows(REM, town.ada)
    uri = town.post()

    def boost(uow: UnitOfWork) -> str:
        user = accounts.create(uow, "bob", "bob@example.org", "a fine password")
        bob, row = actors.get(uow.session, user.actor_id), statuses.by_uri(uow.session, uri)
        assert row is not None
        eve = actors.by_uri(uow.session, EVE)
        assert eve is not None
        uow.session.add(Follow(id=uow.new_id(), actor_id=eve.id, target_id=bob.id, uri="https://evil.example/f", state="accepted",
                               created_at=uow.now))
        uow.session.flush()
        return interactions.reblog(uow, bob, row.id).uri

    boost_uri = town.run(boost)
    assert [item.host for item in town.db.read_now(lambda session: session.scalars(select(Delivery)).all())] == [
        "remote.example", "evil.example"]
    assert state(town, uri).inboxes == 1
    assert state(town, boost_uri).inboxes == 1
    assert state(town, "https://here.example/nothing").inboxes == 0


def message(uow: UnitOfWork, name: str, state: str, reason: str = "because") -> int:
    row = InboxMessage(id=uow.new_id(), activity_uri=f"{REM}#{name}", actor_uri=REM, key_id=f"{REM}#main-key", type="Create",
                       body=b"{}", state=state, received_at=uow.now, run_at=uow.now, done_at=uow.now, attempt=8,
                       last_error=reason)
    uow.session.add(row)
    return row.id


def job(uow: UnitOfWork, key: str, state: str = "dead") -> int:
    row = Job(id=uow.new_id(), queue="federation", kind="fetch_status", key=f"fetch_status:{key}", payload={"uri": key},
              state=state, created_at=uow.now, attempt=8, last_error="RemoteUnavailable: no answer")
    uow.session.add(row)
    return row.id


def test_what_is_put_aside_is_listed_and_nothing_else(town: Town) -> None:
    town.run(lambda uow: [message(uow, "a", "dead"), message(uow, "b", "refused", "NotOwner"), message(uow, "c", "done"),
                          message(uow, "d", "pending"), job(uow, "https://x.example/1"),
                          job(uow, "https://x.example/2", "pending")])
    items = town.db.read_now(rows.items)
    assert {(item.queue, item.state, item.type, item.sender) for item in items} == {
        ("inbox", "dead", "Create", REM), ("inbox", "refused", "Create", REM),
        ("federation", "dead", "fetch_status", "https://x.example/1")}
    assert {item.reason for item in items} == {"because", "NotOwner", "RemoteUnavailable: no answer"}
    counts = town.db.read_now(rows.waiting)
    assert (counts["inbox"], counts["put aside"]) == (1, 3)
    assert counts["federation jobs"] >= 1


def test_trying_again_starts_from_the_beginning(town: Town) -> None:
    ids = town.run(lambda uow: (message(uow, "a", "dead"), message(uow, "b", "refused"), job(uow, "https://x.example/1")))
    assert town.run(lambda uow: quarantine.retry(uow, f"inbox:{ids[0]}")) == 1

    def first(uow: UnitOfWork) -> InboxMessage:
        return uow.session.get_one(InboxMessage, ids[0])

    found = town.run(first)
    assert (found.state, found.attempt, found.last_error, found.done_at, found.lease_owner) == ("pending", 0, None, None, None)
    assert town.run(lambda uow: quarantine.retry(uow, "all")) == 2
    assert town.db.read_now(rows.items) == []


def test_a_job_that_was_asked_for_again_meanwhile_is_not_doubled(town: Town) -> None:
    uri = "https://x.example/1"
    town.run(lambda uow: [job(uow, uri), job(uow, "https://x.example/2"), job(uow, "https://x.example/2")])
    town.run(lambda uow: jobs.enqueue(uow, "fetch_status", {"uri": uri}, key=uri))
    assert town.run(lambda uow: quarantine.retry(uow, "all")) == 3
    keys = town.db.read_now(lambda session: session.scalars(select(Job.key).where(Job.kind == "fetch_status")).all())
    assert sorted(keys, key=str) == ["fetch_status:https://x.example/1", "fetch_status:https://x.example/2"]


@pytest.mark.parametrize("item", ["", "all", "inbox:", "inbox:0", "job:1", "inbox:x", "mail:1", "inbox:" + "9" * 30,
                                  "1", "inbox:-1"])
def test_only_what_is_there_and_put_aside_can_be_dropped(town: Town, item: str) -> None:
    with pytest.raises(NotFound):
        town.run(lambda uow: quarantine.drop(uow, item))


def test_what_works_cannot_be_dropped_or_tried_again(town: Town) -> None:
    ids = town.run(lambda uow: [f"inbox:{message(uow, 'a', 'done')}", f"inbox:{message(uow, 'b', 'pending')}",
                                f"job:{job(uow, 'x', 'pending')}"])
    for item in ids:
        for use_case in (quarantine.drop, quarantine.retry):
            with pytest.raises(NotFound):
                town.run(lambda uow, item=item, use_case=use_case: use_case(uow, item))  # type: ignore[misc]
    dead = town.run(lambda uow: f"job:{job(uow, 'y')}")
    town.run(lambda uow: quarantine.drop(uow, dead))
    assert town.db.read_now(rows.items) == []


def test_servers_that_are_left_alone(town: Town) -> None:
    town.follows(EVE, town.ada)
    town.post()

    def fail(uow: UnitOfWork) -> None:
        later = uow.now + dt.timedelta(hours=1)
        for host, until in (("evil.example", later), ("fine.example", None), ("back.example", uow.now - dt.timedelta(hours=1))):
            row = uow.session.get(RemoteHost, host) or RemoteHost(host=host)
            row.blocked_until, row.failures = until, 12
            uow.session.add(row)

    town.run(fail)
    found = town.db.read_now(lambda session: rows.closed_hosts(session, town.db.clock()))
    assert [(host.host, waiting) for host, waiting in found] == [("evil.example", 1)]
