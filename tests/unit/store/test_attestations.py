"""Verdicts on people weighed again by stored facts, looks that are due, lists that are kept: in both databases."""
from __future__ import annotations

import datetime as dt

import pytest

from fedisora.db import Database, UnitOfWork
from fedisora.models import Actor, Attestation, Job, RemoteStatusList
from fedisora.provenance.humanity import CLAIMED, OWN, TRUSTED
from fedisora.services import verifiers
from fedisora.store import attestations
from fedisora.store import verifiers as rows

HOUR = dt.timedelta(hours=1)


def _actor(uow: UnitOfWork, name: str, human: str, issuer: str) -> int:
    uri = f"https://home.example/users/{name}"
    actor = Actor(id=uow.new_id(), uri=uri, username=name, username_key=name, domain="home.example", human=human,
                  human_issuer=issuer, human_until=uow.now + HOUR, created_at=uow.now, updated_at=uow.now)
    uow.session.add(actor)
    uow.session.flush()
    return actor.id


def test_another_list_weighs_only_what_that_server_said(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attestations, "_BATCH", 2)

    def setup(uow: UnitOfWork) -> list[int]:
        return [*(_actor(uow, f"c{number}", CLAIMED, "v.example") for number in range(3)),
                _actor(uow, "own", OWN, "home.example"), _actor(uow, "other", CLAIMED, "w.example")]

    ids = db.write_now(setup)

    def verdicts() -> list[str | None]:
        return db.read_now(lambda session: [session.get_one(Actor, row).human for row in ids])

    db.write_now(lambda uow: verifiers.add(uow, "V.example", note="checks in person"))
    assert verdicts() == [TRUSTED, TRUSTED, CLAIMED, OWN, CLAIMED]
    jobs = db.read_now(lambda session: [(job.kind, job.payload) for job in session.query(Job)])
    assert jobs == [("judge_people", {"host": "v.example", "after": ids[1]})]
    db.write_now(lambda uow: verifiers.judge(uow, "v.example", ids[1]))
    assert verdicts() == [TRUSTED, TRUSTED, TRUSTED, OWN, CLAIMED]
    assert db.read_now(rows.hosts) == {"v.example"}
    db.write_now(lambda uow: verifiers.remove(uow, "v.example"))
    assert verdicts() == [CLAIMED, CLAIMED, TRUSTED, OWN, CLAIMED]


def test_what_is_due_is_planned_once_and_spread(db: Database) -> None:
    def setup(uow: UnitOfWork) -> None:
        for number in range(3):
            actor_id = _actor(uow, f"a{number}", CLAIMED, "v.example")
            uow.session.add(Attestation(actor_id=actor_id, url="https://v.example/1",
                                        recheck_at=uow.now + HOUR * (number - 1)))

    db.write_now(setup)
    assert db.write_now(lambda uow: attestations.plan_due(uow, 10, HOUR)) == 2
    assert db.write_now(lambda uow: attestations.plan_due(uow, 10, HOUR)) == 0
    moments = db.read_now(lambda session: sorted(job.run_at for job in session.query(Job)))
    assert moments[1] - moments[0] == HOUR / 2


def test_a_list_is_believed_for_a_week_at_most_and_for_its_issuer(db: Database) -> None:
    url, issuer = "https://v.example/1", "https://v.example/actor"

    def keep(uow: UnitOfWork) -> None:
        attestations.keep_list(uow, url, issuer, {"a": 1}, uow.now + HOUR * 24 * 365)
        uow.session.flush()
        attestations.keep_list(uow, url, issuer, {"a": 2}, uow.now + HOUR * 24 * 365)

    db.write_now(keep)
    now = db.clock()

    def at(moment: dt.datetime, by: str = issuer) -> bytes | None:
        row = db.read_now(lambda session: attestations.status_list(session, url, by, moment))
        return row.document if row is not None else None

    assert at(now) == b'{"a":2}'
    assert at(now, "https://v.example/another") is None
    assert at(now + HOUR * 24 * 8) is None
    db.clock = lambda: now + HOUR * 24 * 8
    db.write_now(attestations.sweep_lists)
    assert db.read_now(lambda session: session.query(RemoteStatusList).count()) == 0
