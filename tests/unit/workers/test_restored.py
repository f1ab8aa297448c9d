"""A database that is restored from a backup is older than what others have seen: no index of a status list is given twice, and
what was taken back stays so. Real files of SQLite are put back. What is wrong comes first."""
from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.errors import Busy
from fedisora.models import Actor, Base, HumanCredential, StatusList
from fedisora.provenance import credentials as documents
from fedisora.services import accounts, instance
from fedisora.services.verification import credentials, status_lists
from fedisora.services.verification.ledger import Entry, Ledger
from fedisora.settings import load_settings
from fedisora.store import actors
from fedisora.store import credentials as rows
from fedisora.uris import Uris
from fedisora.vault import Vault
from fedisora.workers.credentials import sweep

FILES = ("fedisora.sqlite3", "fedisora.sqlite3-wal", "fedisora.sqlite3-shm")


class Home:
    """An instance in a folder that can be backed up and put back, by the ways of docs/operate/backup.md."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.db = self.start()
        Base.metadata.create_all(self.db.engine)
        with mock.patch.object(accounts, "hash_password", return_value="none"):
            self.db.write_now(lambda uow: (instance.initialise(uow), [
                accounts.create(uow, name, f"{name}@example.org", "a fine password") for name in ("ada", "bea", "cy")]))
        self.backup()

    def start(self) -> Database:
        found = load_settings(self.folder, base_url="https://here.example")
        return Database(Instance(found, Uris(found.base_url), Vault.open(self.folder)))

    def backup(self) -> None:
        (self.folder / "old").mkdir(exist_ok=True)
        with sqlite3.connect(self.folder / FILES[0]) as here, sqlite3.connect(self.folder / "old" / FILES[0]) as there:
            here.backup(there)
        for kept in ("secret.key", "status-indexes"):
            shutil.copy2(self.folder / kept, self.folder / "old" / kept)

    def restore(self, *also: str) -> None:
        self.db.close()
        for name in FILES:
            (self.folder / name).unlink(missing_ok=True)
        for name in (FILES[0], *also):
            shutil.copy2(self.folder / "old" / name, self.folder / name)
        self.db = self.start()

    def issue(self, name: str, position: int | None = None) -> HumanCredential:
        with mock.patch("secrets.randbelow", _falls(position)):
            return self.db.write_now(lambda uow: credentials.issue(uow, self.actor(uow, name), "vouch"))

    def actor(self, uow: UnitOfWork, name: str) -> Actor:
        found = actors.local_active(uow.session, name)
        assert found is not None
        return found

    def hour(self) -> None:
        asyncio.run(sweep(cast(Any, SimpleNamespace(db=self.db))))

    def revoked(self, row: HumanCredential) -> bool:
        document = orjson.loads(self.db.read_now(lambda session: session.get_one(StatusList, row.list_number).document))
        return documents.is_revoked(document, row.list_index, now=self.db.clock())


def _falls(position: int | None) -> Any:
    real, given = secrets.randbelow, iter([] if position is None else [position])
    return lambda most: next(given, None) if position is not None else real(most)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    made.db.close()


def at(row: HumanCredential) -> tuple[int, int]:
    return row.list_number, row.list_index


def test_what_was_given_and_taken_back_since_is_known_again(home: Home) -> None:
    kept, back, renewed = (home.issue(name, place) for name, place in (("ada", 5), ("bea", 6), ("cy", 7)))
    home.backup()
    home.db.write_now(lambda uow: credentials.revoke(uow, home.actor(uow, "bea"), "no person"))
    anew = home.issue("cy", 8)
    home.restore()
    assert not home.revoked(back), "the old database says so"
    home.hour()
    assert [home.revoked(row) for row in (kept, back, renewed, anew)] == [False, True, True, True]
    assert home.db.read_now(lambda session: rows.current(session, renewed.actor_id)) is None
    for name, verdict in (("ada", "checked-by-own-host"), ("bea", None), ("cy", None)):
        found = home.db.write_now(lambda uow, name=name: home.actor(uow, name))  # type: ignore[misc]
        assert (found.human, bool(found.attestation)) == (verdict, verdict is not None)
    with mock.patch("secrets.randbelow", side_effect=[5, 6, 7, 8, 9]):
        again = home.db.write_now(lambda uow: credentials.issue(uow, home.actor(uow, "cy"), "vouch"))
    assert at(again) == (1, 9)
    home.hour()
    assert not home.revoked(again) and not home.revoked(kept)


def test_a_draw_and_a_revocation_come_before_the_first_sweep(home: Home) -> None:
    given = home.issue("ada", 5)
    home.restore()
    with mock.patch("secrets.randbelow", side_effect=[5, 6]):
        assert at(home.db.write_now(lambda uow: credentials.issue(uow, home.actor(uow, "bea"), "vouch"))) == (1, 6)
    assert home.revoked(given)
    home.db.write_now(lambda uow: credentials.revoke(uow, home.actor(uow, "bea"), "no"))
    assert Ledger(home.folder).entries() == {(1, 5): False, (1, 6): True}


@pytest.mark.parametrize("way", ["the key is put back as well", "the whole folder", "another machine", "the file is lost"])
def test_who_cannot_know_begins_a_new_list(home: Home, way: str, tmp_path: Path) -> None:
    home.issue("ada")
    home.backup()
    lost = home.issue("bea", 77)
    if way == "another machine":
        home.db.close()
        shutil.copytree(home.folder / "old", tmp_path / "other")
        home.folder = tmp_path / "other"
        home.db = home.start()
    elif way == "the file is lost":
        home.restore()
        (home.folder / "status-indexes").unlink()
    else:
        home.restore("secret.key", *(["status-indexes"] if way == "the whole folder" else []))
    for name in ("bea", "cy"):
        given = home.issue(name, 77 if name == "bea" else None)
        assert given.list_number > lost.list_number
    assert home.db.read_now(lambda session: rows.newest_list(session)).used == 2  # type: ignore[union-attr]


def test_a_new_list_is_begun_also_when_the_first_try_is_undone(home: Home) -> None:
    home.issue("ada")
    (home.folder / "status-indexes").unlink()

    def undone(uow: UnitOfWork) -> None:
        status_lists.draw(uow)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        home.db.write_now(undone)
    assert home.issue("bea").list_number > 1
    clock = home.db.clock
    home.db.clock = lambda: clock() - dt.timedelta(days=400)  # a clock that was set back holds up nobody
    (home.folder / "status-indexes").unlink()
    assert home.issue("cy").list_number > 1


def test_what_is_undone_or_cut_short_harms_nobody(home: Home) -> None:
    row, book = home.issue("ada", 5), Ledger(home.folder)

    def undone(uow: UnitOfWork) -> None:
        credentials.issue(uow, home.actor(uow, "ada"), "vouch")  # which would end the former
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), mock.patch("secrets.randbelow", _falls(6)):
        home.db.write_now(undone)
    with book.path.open("ab") as file:
        file.write(b"\nrevoked 1 5")  # the machine lost power
    home.hour()
    assert not home.revoked(row) and home.db.read_now(lambda session: rows.given(session, 1)) == {5: False, 6: True}
    book.add(Entry(1, 7, revoked=False))
    assert book.last() == Entry(1, 7, revoked=False) and book.path.stat().st_mode & 0o077 == 0
    book.path.unlink()
    book.path.mkdir()
    with pytest.raises(Busy):
        home.issue("bea")
    book.path.rmdir()


@given(steps=st.lists(st.sampled_from(["draw", "revoke", "undo", "backup", "restore", "key", "all", "lose"]), max_size=14))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_put_back_no_index_is_given_twice(home: Home, steps: list[str]) -> None:
    seen: set[tuple[int, int]] = home.__dict__.setdefault("seen", set())

    def draw(uow: UnitOfWork, *, undo: bool = False) -> tuple[int, int]:
        places = iter(range(100_000))  # the worst of luck: always the same ones
        with mock.patch("secrets.randbelow", side_effect=places):
            found = status_lists.draw(uow)
        if undo:
            raise ZeroDivisionError
        return found

    for step in steps:
        if step in ("draw", "revoke"):
            found = home.db.write_now(draw)
            assert found not in seen
            seen.add(found)
            if step == "revoke":
                home.db.write_now(lambda uow, at=found: status_lists.revoke(uow, *at))  # type: ignore[misc]
        elif step == "undo":
            with pytest.raises(ZeroDivisionError):
                home.db.write_now(lambda uow: draw(uow, undo=True))
        elif step == "backup":
            home.backup()
        elif step == "lose":
            (home.folder / "status-indexes").unlink(missing_ok=True)
            Ledger(home.folder).path.touch()
        else:
            home.restore(*{"restore": (), "key": ("secret.key",), "all": ("secret.key", "status-indexes")}[step])
