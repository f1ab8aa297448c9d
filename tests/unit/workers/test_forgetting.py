"""After a decision the key of a clip, and what had to be said in it, are in no byte of the database, nor of its log."""
from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fedisora.db import UnitOfWork
from fedisora.models import VerificationCase
from fedisora.services import accounts
from fedisora.services.verification import cases, challenges
from fedisora.workers.clips import sweep
from tests.support.enrolment import Office

NAMES = [f"p{number}" for number in range(12)]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(accounts, "hash_password", lambda _: "none")  # argon2 is not what is looked at here
    made = Office(tmp_path)
    for name in NAMES:
        made.person(name)
    made.person("mo", moderator=True)
    yield made
    made.house.db.close()


def found(office: Office, *secret: bytes) -> set[str]:
    """Files of the database that hold one of these."""
    return {path.name for path in office.folder.glob("fedisora.sqlite3*") if any(one in path.read_bytes() for one in secret)}


def handed_in(office: Office, name: str) -> tuple[int, bytes, bytes]:
    """(case, the sealed key, the sealed phrase)"""
    case_id = office.handed_in(name)

    def seal(uow: UnitOfWork) -> None:
        cases.seal(uow, uow.session.get_one(VerificationCase, case_id), {"phrase": secrets.token_hex(40), "token": "t"})

    office.house.db.write_now(seal)
    row = office.case(case_id)
    assert row.clip_secret is not None and row.challenge is not None and challenges.unseal(office.house.vault, row)
    return case_id, row.clip_secret, row.challenge


@pytest.mark.parametrize("settled", [False, True], ids=["still in the log", "in the file"])
def test_nothing_of_a_key_is_left(office: Office, settled: bool) -> None:
    waiting = {name: handed_in(office, name) for name in NAMES}
    kept = NAMES[::2]
    if settled:
        assert office.house.db.forget_now()
    for name in NAMES[1::2]:
        office.looked(waiting[name][0], "mo")
        office.act(cases.decide, waiting[name][0], "mo", name != "p1", "no")
    gone = [one for name in NAMES[1::2] for one in waiting[name][1:]]
    assert found(office, *gone), "the decision alone leaves them in the log"
    office.run_deletions()
    assert not found(office, *gone)
    for name in kept:
        assert len(found(office, waiting[name][1])) == len(found(office, waiting[name][2])) == 1, "of those who wait it is there"
    office.act(cases.withdraw, kept[0], waiting[kept[0]][0])
    office.run_deletions()
    assert not found(office, *waiting[kept[0]][1:])


def test_a_reader_in_the_way_delays_it_to_the_sweep(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedisora.db.FORGET_MS", 10)
    case_id, key, phrase = handed_in(office, "p1")
    with office.house.db.reading() as session:
        session.execute(text("SELECT count(*) FROM users"))
        office.act(cases.withdraw, "p1", case_id)
        office.run_deletions()
        assert not office.sealed_files(), "the file is gone all the same"
        assert found(office, key, phrase) == {"fedisora.sqlite3-wal"}
        assert not office.house.db.forget_now()
        office.person("other")  # nobody else is held up
    asyncio.run(sweep(office.house))
    assert not found(office, key, phrase)
