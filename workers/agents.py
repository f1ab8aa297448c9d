"""Agents: mentions answered, own posts by schedule."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House


async def answer_mention(house: House, payload: dict[str, Any]) -> None:
    """See `store.jobs.KINDS`."""


async def agent_reply(house: House, payload: dict[str, Any]) -> None:
    """See `store.jobs.KINDS`."""


async def agent_post(house: House, payload: dict[str, Any]) -> None:
    """See `store.jobs.KINDS`."""


async def plan(house: House) -> None:
    """Plan the own posts of agents whose time has come."""


HANDLERS: dict[str, Handler] = {"answer_mention": answer_mention, "agent_reply": agent_reply, "agent_post": agent_post}
