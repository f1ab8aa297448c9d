"""What the hour brings: credentials that run out, people who are reminded, lists that are signed again."""
from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from fedisora.models import HumanCredential, StatusList
from fedisora.provenance import credentials as documents
from fedisora.services.verification import credentials
from fedisora.workers.credentials import sweep
from tests.unit.activities.conftest import Town, town

__all__ = ["town"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What differs between databases is tested in tests/unit/store/test_credentials.py."""
    return sqlite_url


def test_the_hour(town: Town) -> None:
    now = [dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)]
    town.db.clock = lambda: now[0]
    house = cast(Any, SimpleNamespace(db=town.db))
    row = town.act(lambda uow, ada: credentials.issue(uow, ada, "live-clip"), town.ada)

    def after(**span: int) -> dict[str, Any]:
        now[0] += dt.timedelta(**span)
        asyncio.run(sweep(house))
        return dict(orjson.loads(town.db.read_now(lambda session: session.get_one(StatusList, 1).document)))

    first = after(hours=1)
    assert first["validFrom"] == "2026-11-26T09:00:00Z"
    assert after(days=2) == first
    later = after(days=1)
    assert later["validFrom"] == documents.timestamp(now[0])

    def reminded() -> dt.datetime | None:
        return town.db.read_now(lambda session: session.get_one(HumanCredential, row.id).reminded_at)

    assert reminded() is None
    after(days=150)
    assert reminded() == now[0]
    ended = after(days=40)  # the server was down when its time was over
    assert documents.is_revoked(ended, row.list_index, now=now[0])
    assert town.actor(town.ada).human == "expired"
    assert after(hours=1) == ended
