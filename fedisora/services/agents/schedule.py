"""An agent's own posts: when the next one is due, and what it shows.

Times are UTC. What was due while the agent was stopped, or the server down, is not made up for: one post at most.
"""
from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import select

from ...db import UnitOfWork
from ...errors import Invalid, Refused
from ...models import AgentMention, AgentProfile, Generation
from ...store import actors, agent_mentions, jobs
from .. import generations
from . import answers, asking, parsing, replies
from .mention_states import change
from .standing import may_act

log = structlog.get_logger()
MOST_ENTRIES: Final = 20
MOST_PROMPTS: Final = 50
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
FORM: Final = ('A schedule is a list such as [{"days": [0, 1, 2, 3, 4, 5, 6], "at": "08:30", "prompts": ["a calm sea"]}]: days '
               "from 0 (Monday) to 6, the time in UTC.")


def checked(value: object) -> list[dict[str, Any]]:
    """A schedule as it is kept: days sorted, prompts in one line.

    Raises:
        Invalid: it has another form; the text says which it should have.
    """
    if not isinstance(value, list):
        raise Invalid(FORM, code="schedule")
    if len(value) > MOST_ENTRIES:
        raise Invalid(f"A schedule has {MOST_ENTRIES} times at most.", code="schedule")
    return [_entry(item) for item in value]


def _entry(item: object) -> dict[str, Any]:
    if not isinstance(item, dict) or set(item) - {"days", "at", "prompts"}:
        raise Invalid(FORM, code="schedule")
    days, at, prompts = item.get("days", list(range(7))), item.get("at"), item.get("prompts")
    if not (isinstance(days, list) and days and all(type(day) is int and 0 <= day <= 6 for day in days)):
        raise Invalid(f"The days are numbers from 0 (Monday) to 6. {FORM}", code="schedule")
    if not (isinstance(at, str) and _TIME.fullmatch(at)):
        raise Invalid(f"The time is written HH:MM, in UTC. {FORM}", code="schedule")
    lines = [" ".join(prompt.split()) for prompt in prompts if isinstance(prompt, str)] if isinstance(prompts, list) else []
    if not lines or len(lines) > MOST_PROMPTS or len(lines) != len(prompts or []) or not all(
            0 < len(line) <= generations.MAX_PROMPT for line in lines):
        raise Invalid(f"Every time of a schedule needs 1 to {MOST_PROMPTS} prompts of at most {generations.MAX_PROMPT} "
                      "characters.", code="schedule")
    return {"days": sorted(set(days)), "at": at, "prompts": lines}


def _moment(day: dt.date, at: str) -> dt.datetime:
    hour, minute = map(int, at.split(":"))
    return dt.datetime.combine(day, dt.time(hour, minute), dt.UTC)


def next_time(entries: Sequence[dict[str, Any]], after: dt.datetime) -> dt.datetime | None:
    """The first moment of a schedule after another one; None when there is none."""
    moments = [moment for entry in entries for offset in range(8)
               if (day := (after + dt.timedelta(days=offset)).date()).weekday() in entry["days"]
               and (moment := _moment(day, entry["at"])) > after]
    return min(moments, default=None)


def prompt_at(entries: Sequence[dict[str, Any]], at: dt.datetime, posted: int) -> str | None:
    """The prompt of a moment of a schedule: in turn, by how many were posted; None when nothing is due then."""
    prompts = [prompt for entry in entries if at.weekday() in entry["days"] and at.strftime("%H:%M") == entry["at"]
               for prompt in entry["prompts"]]
    return prompts[posted % len(prompts)] if prompts else None


def plan(uow: UnitOfWork, profile: AgentProfile) -> None:
    """Set when the next post of an agent is due, and write its job. After a change of the schedule `next_post_at` is set to
    None first."""
    if not profile.schedule:
        profile.next_post_at = None
        return
    if profile.next_post_at is None:
        profile.next_post_at = next_time(profile.schedule, uow.now)
    at = profile.next_post_at
    if at is not None:
        text = at.isoformat()
        jobs.enqueue(uow, "agent_post", {"agent_id": profile.actor_id, "at": text}, key=f"{profile.actor_id}:{text}",
                     delay=max(dt.timedelta(), at - uow.now))


def plan_all(uow: UnitOfWork) -> None:
    """Make sure that every scheduled post has its job; called at every start and by the sweep. Planning twice is harmless."""
    for profile in uow.session.scalars(select(AgentProfile).where(AgentProfile.next_post_at.is_not(None))):
        plan(uow, profile)


def post(uow: UnitOfWork, agent_id: int, at: dt.datetime, planner: Callable[[answers.Order], generations.Plan]) -> int | None:
    """Queue the post that is due, and plan the next one, in one transaction. A moment that is not the planned one any more (the
    schedule was changed, another worker was faster) is passed over.

    Returns:
        the id of the generation; None when none was queued.
    """
    profile = agent_mentions.profile(uow, agent_id)
    if profile is None or profile.next_post_at != at:
        return None
    prompt = prompt_at(profile.schedule, at, profile.posted)
    profile.next_post_at = next_time(profile.schedule, max(at, uow.now))
    plan(uow, profile)
    agent = actors.get(uow.session, agent_id)
    if prompt is None or may_act(uow.session, uow.settings, agent, uow.now):
        return None
    mention = AgentMention(id=uow.new_id(), agent_id=agent_id, created_at=uow.now, state="received")
    uow.session.add(mention)
    no = asking.over_limit(uow, profile, None)
    if no is not None:
        change(mention, "refused", no.reason)
        return None
    try:
        made = planner(answers.order_of(profile, parsing.Asked("video", prompt)))
        own = replies.own_post(uow.session, profile, mention, made)
        row: Generation = generations.request(uow, agent, made, publish_as=own)[0]
    except Refused as error:
        if error.code == "too-many-jobs" and uow.now < at + answers.PATIENCE:
            uow.session.delete(mention)  # many people ask right now: its own post waits as they do
            profile.next_post_at, text = at, at.isoformat()
            jobs.enqueue(uow, "agent_post", {"agent_id": agent_id, "at": text}, key=f"{agent_id}:{text}:{answers.turn(uow.now)}",
                         delay=answers.WAIT)
            return None
        change(mention, "refused", error.text)
        log.info("an agent's own post was not made", agent=agent_id, reason=error.text)
        return None
    profile.posted += 1
    answers.queued(mention, row)
    return row.id
