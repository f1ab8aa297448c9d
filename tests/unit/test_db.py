"""Units of work and group commit, on SQLite and PostgreSQL."""
from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from fedisora.db import Database, GroupCommit, UnitOfWork, WriteTurn, _json_for_postgres
from fedisora.errors import Conflict
from fedisora.models import Tombstone


def add(uow: UnitOfWork, uri: str) -> None:
    uow.session.add(Tombstone(uri=uri, actor_uri="https://a.example/u", deleted_at=uow.now))
    uow.session.flush()


def count(db: Database) -> int:
    return db.read_now(lambda session: session.scalar(select(func.count()).select_from(Tombstone))) or 0


def test_a_use_case_commits_whole_or_not_at_all(db: Database) -> None:
    def half(uow: UnitOfWork) -> None:
        add(uow, "one")
        raise Conflict

    with pytest.raises(Conflict):
        db.write_now(half)
    assert count(db) == 0
    db.write_now(lambda uow: add(uow, "one"))
    assert count(db) == 1


def test_errors_name_no_values(db: Database) -> None:
    """They are logged: what somebody wrote is nobody's to read there."""
    db.write_now(lambda uow: add(uow, "one"))
    with pytest.raises(SQLAlchemyError) as caught:
        db.write_now(lambda uow: add(uow, "one"))
    assert "tombstones" in str(caught.value)
    assert "parameters:" not in str(caught.value) and "datetime" not in str(caught.value)


def test_what_is_deleted_is_overwritten(db: Database) -> None:
    if db.engine.dialect.name == "sqlite":
        assert db.read_now(lambda session: session.execute(text("PRAGMA secure_delete")).scalar()) == 1


def test_bells_ring_after_the_commit_only(db: Database) -> None:
    heard: list[tuple[set[str], int]] = []
    db.on_commit = lambda names: heard.append((names, count(db)))

    def work(uow: UnitOfWork) -> None:
        add(uow, "one")
        uow.ring("inbox")
        assert not heard

    def fails(uow: UnitOfWork) -> None:
        uow.ring("inbox")
        raise Conflict

    db.write_now(work)
    assert heard == [({"inbox"}, 1)]
    with pytest.raises(Conflict):
        db.write_now(fails)
    assert len(heard) == 1


def test_group_commit_puts_many_into_few_transactions(db: Database) -> None:
    groups: list[int] = []

    def store(uow: UnitOfWork, items: list[str]) -> list[str]:
        groups.append(len(items))
        for item in items:
            add(uow, item)
        return [item.upper() for item in items]

    async def scene() -> list[str]:
        group = GroupCommit(db, store)
        return await asyncio.gather(*(group.put(f"u{n}") for n in range(300)))

    assert asyncio.run(scene()) == [f"U{n}" for n in range(300)]
    assert count(db) == 300
    assert len(groups) <= 10


def test_a_bad_item_fails_alone(db: Database) -> None:
    def store(uow: UnitOfWork, items: list[str]) -> list[str]:
        for item in items:
            if item == "bad":
                raise Conflict("bad")
            add(uow, item)
        return items

    async def scene() -> list[str | BaseException]:
        group = GroupCommit(db, store)
        return await asyncio.gather(*(group.put(item) for item in ("a", "bad", "b")), return_exceptions=True)

    results = asyncio.run(scene())
    assert results[0] == "a" and isinstance(results[1], Conflict) and results[2] == "b"
    assert count(db) == 2


def test_a_process_that_waits_to_write_is_seen_and_comes_next(tmp_path: Path) -> None:
    """Two `WriteTurn`s stand for two processes: file locks belong to the open file, not to the process."""
    here, there = WriteTurn(tmp_path / "x.sqlite3"), WriteTurn(tmp_path / "x.sqlite3")
    order: list[str] = []
    waiting = threading.Event()

    def other() -> None:
        waiting.set()
        with there:
            order.append("there")

    with here:
        assert not here.wanted()
        thread = threading.Thread(target=other)
        thread.start()
        waiting.wait(5)
        end = time.monotonic() + 5
        while not here.wanted() and time.monotonic() < end:
            pass
        assert here.wanted()
        order.append("here")
    with here:
        order.append("here again")
    thread.join(5)
    assert order == ["here", "there", "here again"]


@pytest.mark.parametrize(("given", "kept"), [
    ("a\0b", "ab"), ("\\u0000", "\\u0000"), ("\\\0", "\\"), ({"k\0": ["\0"]}, {"k": [""]})])
def test_json_for_postgres_has_no_nul(given: object, kept: object) -> None:
    assert json.loads(_json_for_postgres(given)) == kept
