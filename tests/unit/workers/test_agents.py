"""The jobs of agents as workers run them: with real gates, twice, and after an outage."""
from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.app import House, build_house, workers_module
from fedisora.models import AgentMention, AgentProfile, Generation, Job
from fedisora.services import accounts
from fedisora.settings import load_settings
from tests.support.asking import Asking

pytestmark = pytest.mark.xdist_group("agents_worker")  # its tests go through one scene

AGENTS, ROWS, MADE = (workers_module(name) for name in ("agents", "rows", "generation_jobs"))
HANDLERS = AGENTS.HANDLERS | MADE.MEDIA


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("agents")
    (folder / "blocklist.txt").write_text("forbidden lighthouse\n")
    made = build_house(load_settings(folder, base_url="https://here.example", generation_jobs_per_agent=50))
    for name, more in (("ida", {}), ("dreamer", {"kind": "agent", "operator": "ida"})):
        made.db.write_now(lambda uow, n=name, m=more: accounts.create(  # type: ignore[misc]
            uow, n, f"{n}@example.org", "a fine password", **m))
    yield made
    made.db.close()


@pytest.fixture
def asking(house: House) -> Asking:
    return Asking(house.db, seconds=1.0)


def drain(house: House) -> None:
    """The agents' jobs that are due, until there are none."""
    async def go() -> None:
        while await ROWS.drain(house, "media", HANDLERS, "w", at_once=4):
            pass

    asyncio.run(go())


def again(house: House, mention: AgentMention) -> AgentMention:
    return house.db.read_now(lambda session: session.get_one(AgentMention, mention.id))


def found(asking: Asking, words: str, author: str) -> AgentMention:
    status_id = asking.arrives(words, author)
    mention = asking.mention(status_id)
    assert mention is not None
    return mention


def test_what_the_gates_let_is_queued(house: House, asking: Asking) -> None:
    mention = found(asking, "a red kite", "mia")
    drain(house)
    now = again(house, mention)
    assert now.state == "making" and asking.generation(now).state == "queued"


def test_what_a_gate_refuses_is_refused_with_its_reason(house: House, asking: Asking) -> None:
    mention = found(asking, "a f0rbidden lighthouse", "noa")
    drain(house)
    now, said = again(house, mention), asking.said()[-1]
    assert now.state == "refused" and asking.generation(now).state == "rejected"
    assert said.id == now.reply_id and "I could not make this." in said.text and "lighthouse" not in said.text
    assert "words that this server does not allow" in said.text and "lighthouse" in now.reason
    before = len(asking.said())
    second = found(asking, "another forbidden lighthouse", "noa")
    drain(house)
    assert again(house, second).state == "refused" and len(asking.said()) == before


def test_a_lost_job_is_planned_again(house: House, asking: Asking) -> None:
    mention = found(asking, "a blue kite", "pia")

    def lose(uow: Any) -> None:
        uow.session.query(Job).delete()
        uow.session.get_one(AgentMention, mention.id).created_at = uow.now - dt.timedelta(minutes=20)

    house.db.write_now(lose)
    for _ in range(2):
        house.db.write_now(AGENTS.schedule)
    drain(house)
    assert again(house, mention).state == "making"


def test_old_lines_are_forgotten(house: House, asking: Asking) -> None:
    mention = found(asking, "a kite", "kim")
    house.db.write_now(lambda uow: setattr(uow.session.get_one(AgentMention, mention.id), "created_at",
                                           uow.now - dt.timedelta(days=91)))
    house.db.write_now(AGENTS.schedule)
    assert house.db.read_now(lambda session: session.get(AgentMention, mention.id)) is None


def test_an_own_post_is_queued_by_its_job_and_the_next_one_planned(house: House, asking: Asking) -> None:
    now = house.db.clock()
    at = now.replace(second=0, microsecond=0) - dt.timedelta(minutes=1)
    asking.set(schedule=[{"days": list(range(7)), "at": f"{at:%H:%M}", "prompts": ["a sea at night"]}], next_post_at=at)
    house.db.write_now(AGENTS.schedule)
    drain(house)
    rows = house.db.read_now(lambda session: session.scalars(
        select(Generation).where(Generation.prompt == "a sea at night")).all())
    assert [row.state for row in rows] == ["queued"]
    profile = house.db.read_now(lambda session: session.get_one(AgentProfile, asking.agent.id))
    assert profile.next_post_at == at + dt.timedelta(days=1) and profile.posted == 1
    left = house.db.read_now(lambda session: session.scalars(select(Job).where(Job.kind == "agent_post")).all())
    assert [job.run_at for job in left] == [pytest.approx(at + dt.timedelta(days=1), abs=dt.timedelta(seconds=1))]
    asking.set(schedule=[], next_post_at=None)
