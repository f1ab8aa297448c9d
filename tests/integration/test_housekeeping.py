"""Clearing up the queues: everything that is over goes, in steps, and nothing that is not."""
from __future__ import annotations

import asyncio
import datetime as dt
import importlib
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from fedisora.app import build_house
from fedisora.db import UnitOfWork
from fedisora.ids import new_id
from fedisora.models import InboxMessage, Job, Lineage, Status
from fedisora.services import accounts, instance
from fedisora.settings import load_settings
from fedisora.store import lineage

OLD, NEW = dt.timedelta(days=8), dt.timedelta(days=1)


def test_old_messages_go_and_waiting_ones_stay(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    housekeeping = importlib.import_module("fedisora.workers.housekeeping")
    monkeypatch.setattr(housekeeping, "AT_ONCE", 10)
    house = build_house(load_settings(tmp_path, base_url="https://here.example", database_url=database_url))

    def fill(uow: UnitOfWork) -> None:
        rows = []
        states = [("done", OLD)] * 25 + [("refused", OLD), ("dead", OLD), ("pending", OLD), ("done", NEW)]
        for number, (state, age) in enumerate(states):
            at = uow.now - age
            rows.append({"id": new_id(at), "activity_uri": f"https://a.example/{number}", "actor_uri": "https://a.example/u",
                         "key_id": "k", "type": "Create", "body": b"{}", "state": state, "received_at": at, "run_at": at,
                         "done_at": None if state == "pending" else at, "attempt": 1, "host": "a.example"})
        uow.session.execute(insert(InboxMessage), rows)

    async def scene() -> list[str]:
        await house.open()
        await house.db.write(fill)
        await housekeeping.sweep(house, {})
        found = await house.db.read(lambda session: list(session.scalars(
            select(InboxMessage.state).order_by(InboxMessage.id))))
        await house.close()
        return found

    assert asyncio.run(scene()) == ["pending", "done"]


def test_consents_that_are_due_are_looked_at_again_spread_and_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    housekeeping = importlib.import_module("fedisora.workers.housekeeping")
    monkeypatch.setattr(housekeeping, "AT_ONCE", 40)  # four consents a step
    monkeypatch.setattr(housekeeping, "STAMPS_PER_SWEEP", 8)
    house = build_house(load_settings(tmp_path, base_url="https://here.example"))

    def fill(uow: UnitOfWork) -> None:
        actor_id = accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id
        uow.session.add(Status(id=1, uri="https://here.example/1", actor_id=actor_id, local=True, created_at=uow.now))
        uow.session.flush()
        for number in range(12):
            uow.session.add(Lineage(id=new_id(uow.now), child_id=1, child_uri="x", parent_uri=f"https://a.example/{number}",
                                    kind="remix", created_at=uow.now, recheck_at=None if number == 0 else uow.now + (
                                        NEW if number == 1 else -NEW)))

    async def scene() -> tuple[list[Job], int]:
        await house.open()
        await house.db.write(instance.initialise)
        await house.db.write(fill)
        await housekeeping.sweep(house, {})
        found = await house.db.read(lambda session: list(session.scalars(select(Job).where(Job.kind == "check_consent"))))
        left = await house.db.read(lambda session: len(lineage.due(session, house.db.clock(), 100)))
        await house.close()
        return found, left

    jobs, left = asyncio.run(scene())
    assert (len(jobs), left) == (8, 2)
    assert max(job.run_at for job in jobs) - min(job.run_at for job in jobs) > dt.timedelta(0)
