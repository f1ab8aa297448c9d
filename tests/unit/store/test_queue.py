"""Claims: leased, fenced, released; nobody gets a row that somebody holds."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import select

from fedisora.db import Database, UnitOfWork
from fedisora.models import Job
from fedisora.store import jobs, queue

LEASE = dt.timedelta(seconds=10)


def claim(db: Database, owner: str, *, later: float = 0, limit: int = 1) -> list[Job]:
    def take(uow: UnitOfWork) -> list[Job]:
        return list(queue.claim(uow.session, Job, Job.state == "pending", owner=owner,
                                now=uow.now + dt.timedelta(seconds=later), lease=LEASE, limit=limit))

    return db.write_now(take)


def test_a_claimed_row_is_held_until_its_lease_ends(db: Database) -> None:
    db.write_now(lambda uow: jobs.enqueue(uow, "sweep", {}))
    [first] = claim(db, "a")
    assert (first.lease_owner, first.attempt) == ("a", 1)
    assert claim(db, "b") == []
    [again] = claim(db, "b", later=11)
    assert (again.id, again.lease_owner, again.attempt) == (first.id, "b", 2)


def test_who_lost_the_lease_changes_nothing(db: Database) -> None:
    db.write_now(lambda uow: jobs.enqueue(uow, "sweep", {}))
    [old] = claim(db, "a")
    [new] = claim(db, "b", later=11)
    assert not db.write_now(lambda uow: queue.finish(uow.session, Job, old.id, "a", old.attempt, state="dead"))
    assert not db.write_now(lambda uow: queue.heartbeat(uow.session, Job, old.id, "a", 1, now=uow.now, lease=LEASE))
    assert db.write_now(lambda uow: queue.heartbeat(uow.session, Job, new.id, "b", 2, now=uow.now, lease=LEASE))
    assert db.read_now(lambda session: session.scalar(select(Job.state))) == "pending"


def test_rows_that_are_not_due_wait(db: Database) -> None:
    db.write_now(lambda uow: jobs.enqueue(uow, "sweep", {}, delay=dt.timedelta(minutes=1)))
    assert claim(db, "a") == []
    assert len(claim(db, "a", later=61)) == 1


def test_reschedule_lets_go(db: Database) -> None:
    db.write_now(lambda uow: jobs.enqueue(uow, "sweep", {}))
    [row] = claim(db, "a")
    db.write_now(lambda uow: queue.reschedule(uow.session, Job, row.id, "a", row.attempt,
                                              run_at=uow.now + dt.timedelta(seconds=5), error="x" * 900))
    assert claim(db, "b") == []
    [again] = claim(db, "b", later=6)
    assert again.last_error == "x" * 500


def test_a_clean_stop_gives_everything_back(db: Database) -> None:
    for _ in range(3):
        db.write_now(lambda uow: jobs.enqueue(uow, "sweep", {}))
    assert len(claim(db, "a", limit=5)) == 3
    assert db.write_now(lambda uow: queue.release_all(uow.session, Job, "a")) == 3
    assert len(claim(db, "b", limit=5)) == 3


def test_a_key_is_unique_among_pending_jobs(db: Database) -> None:
    for _ in range(2):
        db.write_now(lambda uow: jobs.enqueue(uow, "refresh_actor", {"uri": "u"}, key="u"))
    assert len(claim(db, "a", limit=5)) == 1
