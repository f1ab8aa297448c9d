"""Agents: mentions answered, own posts by schedule."""
from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any

from fedisora.db import UnitOfWork
from fedisora.errors import Busy
from fedisora.generation import screening, submission
from fedisora.generation.intake import Wanted
from fedisora.services.agents import answers, stopping
from fedisora.services.agents import schedule as own_posts
from fedisora.services.generations import Plan
from fedisora.store import agent_mentions, jobs

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

LOST = dt.timedelta(minutes=10)
AT_ONCE = 200


def _planner(house: House, uow: UnitOfWork) -> answers.Planner:
    def plan(order: answers.Order) -> Plan:
        return submission.planned(uow.session, house.db, order.agent_id, Wanted(
            prompt=order.prompt, model=order.model, orientation=order.orientation, size=order.size, seconds=order.seconds,
            seed=order.seed))

    return plan


async def _screen(house: House, generation_id: int | None) -> None:
    """Ask the gates at once; when this process dies first, the job that came with the request does."""
    if generation_id is not None:
        with contextlib.suppress(Busy):
            await screening.screen(house.db, house.storage, house.gates, generation_id)


async def answer_mention(house: House, payload: dict[str, Any]) -> None:
    """Decide about a mention: the video is queued, or it is said why not. Safe to repeat."""
    mention_id = int(payload["mention_id"])
    await _screen(house, await house.db.write(lambda uow: answers.answer(uow, mention_id, _planner(house, uow))))


async def agent_reply(house: House, payload: dict[str, Any]) -> None:
    """Write down what became of a mention, and tell who asked. Safe to repeat."""
    mention_id = int(payload["mention_id"])
    await house.db.write(lambda uow: answers.settle(uow, mention_id))


async def agent_post(house: House, payload: dict[str, Any]) -> None:
    """Queue an agent's own post and plan the next one. Safe to repeat: a moment is taken once."""
    agent_id, at = int(payload["agent_id"]), dt.datetime.fromisoformat(payload["at"])
    await _screen(house, await house.db.write(lambda uow: own_posts.post(uow, agent_id, at, _planner(house, uow))))


def schedule(uow: UnitOfWork) -> None:
    """Plan own posts, and what was lost of mentions; called at every start and by the sweep."""
    own_posts.plan_all(uow)
    for mention in agent_mentions.unanswered(uow.session, uow.now - LOST, AT_ONCE):
        kind = "answer_mention" if mention.state == "received" else "agent_reply"
        jobs.enqueue(uow, kind, {"mention_id": mention.id}, key=f"{mention.id}:again")
    agent_mentions.forget_old(uow)


async def plan(house: House) -> None:
    """What the sweep does every hour."""
    await house.db.write(schedule)
    await house.db.write(stopping.look_after)


HANDLERS: dict[str, Handler] = {"answer_mention": answer_mention, "agent_reply": agent_reply, "agent_post": agent_post}
