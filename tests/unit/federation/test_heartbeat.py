"""A lease is renewed while its work goes on, and only by who holds it."""
from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from fedisora.db import Database, UnitOfWork
from fedisora.federation import heartbeat
from fedisora.models import InboxMessage


def message(uow: UnitOfWork, owner: str) -> int:
    row = InboxMessage(id=uow.new_id(), activity_uri=f"https://a.example/{owner}", actor_uri="https://a.example/u", key_id="k",
                       type="Create", body=b"{}", received_at=uow.now, run_at=uow.now, lease_owner=owner,
                       lease_until=uow.now + dt.timedelta(seconds=1), attempt=1)
    uow.session.add(row)
    return row.id


def test_only_the_owner_renews(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "RENEW", 0.01)
    mine, stolen = db.write_now(lambda uow: message(uow, "me")), db.write_now(lambda uow: message(uow, "thief"))
    soon = db.clock() + dt.timedelta(seconds=10)

    def until(row_id: int) -> dt.datetime:
        return db.read_now(lambda session: session.get_one(InboxMessage, row_id).lease_until) or dt.datetime.min.replace(
            tzinfo=dt.UTC)

    async def scene() -> None:
        heart = heartbeat.Heartbeat(db, InboxMessage)
        heart.hold([mine, stolen], "me")
        async with asyncio.timeout(10):
            while until(mine) < soon:
                await asyncio.sleep(0.01)
        heart.drop([mine, stolen])
        heart.close()

    asyncio.run(scene())
    assert until(stolen) < soon
