"""Counting and locking what agents were asked for, on both databases."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedisora.app import House, build_house
from fedisora.models import User
from fedisora.services import accounts
from fedisora.settings import load_settings
from fedisora.store import agent_mentions
from tests.support.asking import Asking


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[House]:
    made = build_house(load_settings(tmp_path, base_url="https://here.example", database_url=database_url,
                                     generation_jobs_per_agent=50))
    for name, more in (("ida", {}), ("dreamer", {"kind": "agent", "operator": "ida"})):
        made.db.write_now(lambda uow, n=name, m=more: accounts.create(  # type: ignore[misc]
            uow, n, f"{n}@example.org", "a fine password", **m))
    yield made
    made.db.close()


def test_questions_are_counted_by_person_domain_and_day(house: House) -> None:
    asking = Asking(house.db, per_person=2, per_domain=3, per_day=4)
    states = [asking.asks(f"a cat {number}", *who).state for number, who in enumerate((
        ("mia", "m.example"), ("mia", "m.example"), ("mia", "m.example"), ("noa", "m.example"), ("pia", "m.example"),
        ("kim", "n.example"), ("lou", "o.example")))]
    assert states == ["making", "making", "refused", "making", "refused", "making", "refused"]
    mia = asking.mention(asking.arrives("thanks"))
    assert mia is not None and mia.author_id is not None
    now = house.db.clock()

    def count(author_id: int | None = None, domain: str | None = None) -> int:
        return house.db.read_now(lambda session: len(agent_mentions.made(
            session, asking.agent.id, now, author_id=author_id, domain=domain)))

    assert (count(), count(mia.author_id), count(domain="m.example"), count(domain="")) == (4, 2, 3, 0)
    assert len(asking.said()) == 3, "one refusal for each person"
    asking.asks("stop")
    assert len(asking.said()) == 4, "whoever says stop hears that it was heard, also after a refusal"
    assert asking.asks("a cat").state == "ignored" and len(asking.said()) == 4
    asking.forget(mia.status_id or 0)
    assert house.db.read_now(lambda session: session.query(User).count()) == 2
