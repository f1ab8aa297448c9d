"""Indexes of status lists, on both databases: none is given away twice, and no bit is lost when many act at once."""
from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from fedisora.db import Database, UnitOfWork
from fedisora.models import HumanCredential, StatusIndex, StatusList
from fedisora.provenance import credentials as documents
from fedisora.services import accounts, instance
from fedisora.services.verification import credentials, status_lists
from fedisora.store import actors
from fedisora.store import credentials as rows

PEOPLE = 6


@pytest.fixture
def people(db: Database, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Row ids of a few accounts."""
    monkeypatch.setattr(accounts, "hash_password", lambda _: "none")  # argon2 is not what is looked at here

    def make(uow: UnitOfWork) -> list[int]:
        instance.initialise(uow)
        return [accounts.create(uow, f"p{number}", f"p{number}@example.org", "a fine password").actor_id
                for number in range(PEOPLE)]

    return db.write_now(make)


def at_once(db: Database, *use_cases: Callable[[UnitOfWork], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(use_cases)) as pool:
        return list(pool.map(db.write_now, use_cases))


def issuing(actor_id: int, method: str = "vouch") -> Callable[[UnitOfWork], HumanCredential]:
    return lambda uow: credentials.issue(uow, actors.get(uow.session, actor_id), method)


def revoking(actor_id: int) -> Callable[[UnitOfWork], None]:
    return lambda uow: credentials.revoke(uow, actors.get(uow.session, actor_id), "why not")


def revoked(db: Database, number: int) -> set[int]:
    document = orjson.loads(db.read_now(lambda session: session.get_one(StatusList, number).document))
    given = db.read_now(lambda session: list(session.scalars(select(StatusIndex.position).where(
        StatusIndex.list_number == number))))
    return {position for position in given if documents.is_revoked(document, position, now=db.clock())}


def test_many_at_once_share_no_index_and_lose_no_bit(db: Database, people: list[int]) -> None:
    given = at_once(db, *(issuing(actor_id) for actor_id in people))
    assert len({(row.list_number, row.list_index) for row in given}) == PEOPLE
    assert db.read_now(lambda session: session.scalar(select(func.count()).select_from(StatusList))) == 1
    assert db.read_now(lambda session: session.get_one(StatusList, 1).used) == PEOPLE
    # Some renew (which takes the former one back), some give up, while the hour's sweep signs the list.
    def signing(uow: UnitOfWork) -> None:
        status_lists.sign(uow, 1)

    at_once(db, *(issuing(actor_id, "oidc") for actor_id in people[:3]), *(revoking(actor_id) for actor_id in people[3:]),
            signing)
    assert revoked(db, 1) == {row.list_index for row in given}


def test_one_person_twice_at_once_has_one_credential(db: Database, people: list[int]) -> None:
    at_once(db, issuing(people[0]), issuing(people[0], "oidc"))
    listed = db.read_now(lambda session: rows.history(session, people[0]))
    assert sorted(row.end for row in listed) == ["", "renewed"]
    assert revoked(db, 1) == {row.list_index for row in listed if row.end}


def test_two_begin_a_new_list_at_once(db: Database, people: list[int]) -> None:
    db.write_now(issuing(people[0]))
    db.write_now(lambda uow: setattr(uow.session.get_one(StatusList, 1), "used", rows.FULLEST))
    given = at_once(db, issuing(people[1]), issuing(people[2]), issuing(people[0]))
    assert len({row.list_number for row in given}) == 1 and given[0].list_number > 1
    assert db.read_now(lambda session: session.get_one(StatusList, given[0].list_number).used) == 3


def test_an_index_that_is_taken_is_not_drawn_again(db: Database, people: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([5, 5, 5, 9])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(draws))
    assert [db.write_now(status_lists.draw), db.write_now(status_lists.draw)] == [(1, 5), (1, 9)]
    # Not even of an account that is gone, or of a transaction that was undone and one that was not.
    db.write_now(lambda uow: status_lists.revoke(uow, 1, 5))
    draws = iter([5, 9, 11])
    assert db.write_now(status_lists.draw) == (1, 11)


def test_what_is_served_due_and_listed(db: Database, people: list[int]) -> None:
    row = db.write_now(issuing(people[0]))
    other = db.write_now(issuing(people[1]))
    now = db.clock()

    def served(when: dt.datetime) -> bool:
        return db.read_now(lambda session: rows.served(session, row.id, when)) is not None

    assert (served(now), served(row.valid_until)) == (True, False)
    db.write_now(lambda uow: setattr(accounts.user_of(uow.session, people[0]), "state", "disabled"))
    assert not served(now)
    assert [found.id for found, _ in db.read_now(rows.listed)] == [other.id, row.id]
    assert [actor.username for _, actor in db.read_now(lambda session: rows.listed(session, after=other.id))] == ["p0"]
    assert db.read_now(lambda session: rows.run_out(session, row.valid_until, 1)) == [row.id]
    db.write_now(revoking(people[0]))
    assert [found.id for found, _ in db.read_now(lambda session: rows.listed(session, ended=True))] == [row.id]
    assert db.read_now(lambda session: rows.unclaimed(session, 9)) == []
    assert db.read_now(lambda session: rows.stale_lists(session, now)) == []
    assert db.read_now(lambda session: rows.stale_lists(session, db.clock())) == [1]
