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
from fedisora.models import InboxMessage
from fedisora.settings import load_settings

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
