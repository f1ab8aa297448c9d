"""The hourly plan and the jobs that weigh people's credentials, on an instance whose jobs are run by hand."""
from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import delete, select

from fedisora.app import workers_module
from fedisora.models import Actor, Attestation, Job, RemoteStatusList
from fedisora.provenance.humanity import CLAIMED, TRUSTED
from fedisora.services import verifiers
from fedisora.store import attestations
from tests.support.studio import Studio

pytestmark = pytest.mark.xdist_group("attestations")  # its tests go through one scene

WORKER = workers_module("attestations")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio.open(tmp_path_factory.mktemp("studio"))


def _vouched(uow: Any, number: int) -> int:
    uri = f"https://home.example/users/p{number}"
    actor = Actor(id=uow.new_id(), uri=uri, username=f"p{number}", username_key=f"p{number}", domain="home.example",
                  human=CLAIMED, human_issuer="v.example", human_until=uow.now + dt.timedelta(days=3),
                  created_at=uow.now, updated_at=uow.now)
    uow.session.add(actor)
    uow.session.flush()
    uow.session.add(Attestation(actor_id=actor.id, url="https://v.example/1", recheck_at=uow.now))
    return actor.id


def test_every_job_that_is_planned_has_a_handler_and_the_rest_is_weighed_in_batches(
        studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attestations, "_BATCH", 2)
    ids = [studio.run(lambda uow, number=number: _vouched(uow, number)) for number in range(5)]  # type: ignore[misc]
    studio.run(lambda uow: verifiers.add(uow, "v.example"))
    while waiting := studio.jobs("judge_people"):
        studio.run(lambda uow: uow.session.execute(delete(Job).where(Job.kind == "judge_people")))
        for payload in waiting:
            asyncio.run(WORKER.HOUSEKEEPING["judge_people"](studio.house, payload))
    found = studio.house.db.read_now(lambda session: set(session.scalars(select(Actor.human).where(Actor.id.in_(ids)))))
    assert found == {TRUSTED}


def test_a_sweep_plans_what_is_due_and_removes_what_nobody_believes(studio: Studio) -> None:
    def old(uow: Any) -> None:
        uow.session.add(RemoteStatusList(url="https://v.example/1", issuer="https://v.example/actor", document=b"{}",
                                         fetched_at=uow.now, valid_until=uow.now - dt.timedelta(hours=1)))

    studio.run(old)
    actor_id = studio.run(lambda uow: _vouched(uow, 9))
    asyncio.run(WORKER.plan(studio.house))
    assert {"actor_id": actor_id, "due": True} in studio.jobs("check_attestation")
    assert studio.house.db.read_now(lambda session: session.query(RemoteStatusList).count()) == 0
    assert {"check_attestation"} == set(WORKER.FEDERATION)


def test_a_look_at_an_account_that_is_gone_does_nothing(studio: Studio) -> None:
    asyncio.run(WORKER.check_attestation(studio.house, {"actor_id": 1}))
