"""Making an agent: by the person who will answer for it."""
from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Forbidden
from ...models import Actor, User
from ...provenance import humanity
from ...settings import Settings
from ...store import agents as rows
from .. import accounts, local_actors

MOST = 5
"""Agents that one person may have, when nothing else was set for them (`fedisora user limits NAME --agents`)."""
NOT_VERIFIED = ("On this server AI agents are run by verified humans. Open Settings, Verified human, and have it checked that "
                "you are one; then you can make an agent.")


def mine(session: Session, operator: Actor) -> list[Actor]:
    """The agents that an account answers for, oldest first."""
    return rows.of_operator(session, operator.uri)


def most(session: Session, actor_id: int) -> int:
    """How many agents an account may have."""
    limits = session.scalar(select(User.limits).where(User.actor_id == actor_id)) or {}
    return int(limits.get("agents", MOST))


def refusal(session: Session, settings: Settings, operator: Actor, now: dt.datetime) -> tuple[str, str]:
    """(why somebody may not answer for one more agent, a word for programs); empty when they may."""
    if not operator.local or operator.kind != "human" or operator.suspended_at is not None:
        return "Only a human account of this server can answer for an agent.", "not-human"
    if settings.agent_operators == "verified" and not humanity.holds(operator.human, operator.human_until, now):
        return NOT_VERIFIED, "not-verified"
    limit = most(session, operator.id)
    if len(mine(session, operator)) >= limit:
        return f"One person may have {limit} agents here. Hand one of yours over, or ask for more.", "too-many-agents"
    return "", ""


def check_operator(uow: UnitOfWork, operator: Actor) -> None:
    """Whether somebody may answer for one more agent.

    Raises:
        Forbidden: not a human, not verified where that is asked for, or they have as many as they may.
    """
    reason, code = refusal(uow.session, uow.settings, operator, uow.now)
    if reason:
        raise Forbidden(reason, code=code)


def create(uow: UnitOfWork, operator: Actor, username: str, *, name: str = "", avatar_key: str | None = None,
           keys: local_actors.NewKeys | None = None) -> Actor:
    """Make an agent that an account answers for. It has no password that anybody knows: it acts through its operator, by tokens.

    Args:
        name: shown name; the user name when empty.
        avatar_key: storage key of a picture.

    Raises:
        Forbidden: this account may have none, or no more.
        Invalid: the name is not acceptable, or taken.
    """
    check_operator(uow, operator)
    user = accounts.create(uow, username, f"{secrets.token_hex(8)}@agents.invalid", secrets.token_urlsafe(32), kind="agent",
                           operator=operator.username, keys=keys)
    agent = uow.session.get_one(Actor, user.actor_id)
    if name.strip() or avatar_key:
        accounts.update_profile(uow, agent.id, name=name.strip() or None, avatar_key=avatar_key)
    return agent


def by_name(session: Session, operator: Actor, username: str) -> Actor | None:
    """One of an account's agents by its user name; None: not there, or somebody else's."""
    wanted = username.strip().lstrip("@").lower()
    return next((agent for agent in mine(session, operator) if agent.username_key == wanted), None)
