"""An agent's own posts: when, which, and only once."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.errors import Invalid
from fedisora.models import AgentMention, AgentProfile, Generation, Job, User
from fedisora.services.agents import configure, schedule
from tests.support.asking import Asking, planner
from tests.unit.services.agents.conftest import Town

MONDAY = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
ENTRIES = [{"days": [0, 2], "at": "09:00", "prompts": ["a sea", "a hill"]}, {"days": [6], "at": "23:30", "prompts": ["stars"]}]


@pytest.mark.parametrize("wrong", [
    None, {}, "daily", [1], [{}], [{"at": "9:00", "prompts": ["x"]}], [{"at": "24:00", "prompts": ["x"]}],
    [{"at": "09:00", "prompts": []}], [{"at": "09:00", "prompts": ["  "]}], [{"at": "09:00", "prompts": [1]}],
    [{"at": "09:00", "prompts": ["x" * 1001]}], [{"at": "09:00", "prompts": ["x"], "days": [7]}],
    [{"at": "09:00", "prompts": ["x"], "days": [True]}], [{"at": "09:00", "prompts": ["x"], "days": []}],
    [{"at": "09:00", "prompts": ["x"], "more": 1}], [{"at": "09:00", "prompts": ["x"]}] * 21])
def test_another_form_is_refused(wrong: object) -> None:
    with pytest.raises(Invalid):
        schedule.checked(wrong)


def test_a_schedule_is_kept_tidy() -> None:
    assert schedule.checked([{"at": "09:00", "prompts": [" a  sea\n"]}]) == [
        {"days": [0, 1, 2, 3, 4, 5, 6], "at": "09:00", "prompts": ["a sea"]}]
    assert schedule.checked([]) == []


def test_the_next_time() -> None:
    assert schedule.next_time(ENTRIES, MONDAY) == dt.datetime(2026, 11, 25, 9, 0, tzinfo=dt.UTC)
    assert schedule.next_time(ENTRIES, dt.datetime(2026, 11, 25, 9, 0, tzinfo=dt.UTC)) == dt.datetime(
        2026, 11, 29, 23, 30, tzinfo=dt.UTC)
    assert schedule.next_time([{"days": [0], "at": "12:00", "prompts": ["x"]}], MONDAY) == MONDAY + dt.timedelta(days=7)
    assert schedule.next_time([], MONDAY) is None


def test_prompts_take_turns() -> None:
    at = dt.datetime(2026, 11, 25, 9, 0, tzinfo=dt.UTC)
    entries, seen = ENTRIES, []
    for _ in range(3):
        seen.append(schedule.prompt_at(entries, at))
        entries = schedule.next_turn(entries, at)
    assert seen == ["a sea", "a hill", "a sea"]
    assert schedule.prompt_at(ENTRIES, MONDAY) is None and schedule.bare(entries) == ENTRIES


@pytest.fixture
def due(town: Town) -> Asking:
    """An agent whose post was due an hour ago, every hour since three days."""
    asking = Asking(town.db)
    now = asking.db.clock().replace(second=0, microsecond=0)
    entries = [{"days": list(range(7)), "at": f"{hour:02d}:{now.minute:02d}", "prompts": ["a sea", "a hill"]}
               for hour in range(24)]
    asking.set(schedule=entries, next_post_at=now - dt.timedelta(hours=72))
    return asking


def planned(asking: Asking) -> list[dict[str, Any]]:
    return asking.db.read_now(lambda session: [
        job.payload for job in session.scalars(select(Job).where(Job.kind == "agent_post"))])


def profile(asking: Asking) -> AgentProfile:
    return asking.db.read_now(lambda session: session.get_one(AgentProfile, asking.agent.id))


def post(asking: Asking, at: dt.datetime) -> int | None:
    return asking.db.write_now(lambda uow: schedule.post(uow, asking.agent.id, at, planner(asking.db, uow)))


def test_after_an_outage_one_post_is_made_and_the_next_is_planned(due: Asking) -> None:
    for _ in range(2):
        due.db.write_now(schedule.plan_all)
    assert len(planned(due)) == 1
    at = dt.datetime.fromisoformat(planned(due)[0]["at"])
    made, twice = post(due, at), post(due, at)
    assert made is not None and twice is None
    now = profile(due)
    assert now.posted == 1 and now.next_post_at is not None and now.next_post_at > due.db.clock()
    assert {item["at"] for item in planned(due)} == {at.isoformat(), now.next_post_at.isoformat()}
    row = due.db.read_now(lambda session: session.get_one(Generation, made))
    assert row.prompt == "a sea" and (row.publish_as or {})["visibility"] == "public"
    assert "in_reply_to_id" not in (row.publish_as or {}) and "@" not in (row.publish_as or {})["text"]


def test_the_daily_limit_counts_own_posts(due: Asking) -> None:
    due.set(per_day=0)
    at = profile(due).next_post_at
    assert at is not None and post(due, at) is None
    noted = due.db.read_now(lambda session: session.scalars(select(AgentMention)).one())
    assert noted.state == "refused" and "day" in noted.reason and profile(due).next_post_at != at
    due.set(per_day=1)
    due.asks("a cat")
    at = profile(due).next_post_at
    assert at is not None and post(due, at) is None


def test_a_stopped_agent_posts_nothing_and_goes_on_later(due: Asking) -> None:
    due.set(stopped_at=due.db.clock())
    at = profile(due).next_post_at
    assert at is not None and post(due, at) is None and profile(due).next_post_at != at
    assert due.db.read_now(lambda session: session.scalars(select(Generation)).all()) == []


def test_a_schedule_that_was_taken_away_posts_nothing(due: Asking) -> None:
    at = profile(due).next_post_at
    due.set(schedule=[], next_post_at=None)
    due.db.write_now(schedule.plan_all)
    assert at is not None and post(due, at) is None and planned(due) == []


def test_an_own_post_waits_for_an_agent_with_its_hands_full(due: Asking) -> None:
    at = due.db.clock().replace(second=0, microsecond=0)
    due.set(schedule=[{"days": list(range(7)), "at": f"{at:%H:%M}", "prompts": ["a sea"]}], next_post_at=at)
    due.db.write_now(lambda uow: setattr(uow.session.scalars(select(User).where(User.actor_id == due.agent.id)).one(),
                                         "limits", {"jobs": 1}))
    asked = due.asks("a cat")
    assert post(due, at) is None and profile(due).next_post_at == at
    assert {"agent_id": due.agent.id, "at": at.isoformat()} in planned(due)
    due.db.write_now(lambda uow: setattr(uow.session.get_one(Generation, asked.generation_id), "state", "done"))
    assert post(due, at) is not None and profile(due).posted == 1 and post(due, at) is None


@pytest.mark.parametrize(("lists", "seen"), [
    ((["a", "b"], ["c"]), "acbcac"),  # two times a day: whichever is even would else have its first prompt for ever
    ((["a", "b"], ["a", "b"]), "ababab"),  # the same prompts at several times are one list
    ((["a", "b", "c"], ["d", "e"]), "adbecd")])
def test_each_list_of_prompts_takes_its_own_turns(town: Town, lists: tuple[list[str], list[str]], seen: str) -> None:
    asking = Asking(town.db)
    asking.db.write_now(lambda uow: setattr(uow.session.scalars(select(User).where(User.actor_id == asking.agent.id)).one(),
                                            "limits", {"jobs": 50}))
    begun = asking.db.clock().replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    entries = [{"days": list(range(7)), "at": at, "prompts": prompts}
               for at, prompts in zip(("09:00", "18:00"), lists, strict=True)]
    asking.db.write_now(lambda uow: configure.change(uow, asking.agent, {"schedule": entries}, []))
    made = []
    for number in range(len(seen)):
        asking.db.clock = lambda n=number: begun + dt.timedelta(days=n // 2, hours=9 if n % 2 == 0 else 18)  # type: ignore[misc]
        asking.set(next_post_at=asking.db.clock())
        row_id = post(asking, asking.db.clock())
        assert row_id is not None
        made.append(asking.db.read_now(lambda session, i=row_id: session.get_one(Generation, i)).prompt)  # type: ignore[misc]
        kept = asking.db.read_now(lambda session: configure.values(session, configure.profile_of(session, asking.agent)))
        assert kept["schedule"] == entries  # what it keeps for itself is nobody's setting
        asking.db.write_now(lambda uow, k=kept: configure.change(uow, asking.agent, {"schedule": k["schedule"]}, []))  # type: ignore[misc]
    assert "".join(made) == seen
