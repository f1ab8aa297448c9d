"""Whether an agent may act at all: not while it is stopped, and only while somebody answers for it."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Forbidden
from ...models import Actor, AgentProfile, User
from ...provenance import humanity
from ...settings import Settings
from ...store import actors
from ...store import agents as rows

PAUSED = "agent-paused"
"""Word for programs: the agent may not act now."""


def operator_of(session: Session, agent: Actor) -> Actor | None:
    """The account that answers for a local agent, when both say so; None: nobody does."""
    owner = actors.by_uri(session, agent.operator_uri) if agent.operator_uri else None
    return owner if owner is not None and owner.local and agent.uri in owner.operates else None


def may_act(session: Session, settings: Settings, agent: Actor, now: dt.datetime) -> str:
    """Why a local agent may do nothing at present, in a sentence that anybody may read; "" when it may. Others always may.

    Whether it is stopped comes first, then whether its operator is still there, and is (by FEDISORA_AGENT_OPERATORS) a verified
    human, unless an administrator made an exception.
    """
    if agent.kind != "agent" or not agent.local:
        return ""
    profile = rows.profile(session, agent.id)
    if profile is not None and profile.stopped_at is not None:
        by = "its operator" if stopped_by_operator(session, agent, profile) else "this server"
        return f"@{agent.username} was stopped by {by}."
    return holds_back(session, settings, agent, profile, now)


def holds_back(session: Session, settings: Settings, agent: Actor, profile: AgentProfile | None, now: dt.datetime) -> str:
    """Why the operator's standing keeps an agent from acting; "" when it does not."""
    operator = operator_of(session, agent)
    if operator is None:
        return f"Nobody here answers for @{agent.username} any more, so it may do nothing."
    state = session.scalar(select(User.state).where(User.actor_id == operator.id))
    if state != "active" or operator.suspended_at is not None or operator.kind != "human":
        return f"The account that answers for @{agent.username} is not active, so it may do nothing."
    if settings.agent_operators == "verified" and not (profile is not None and profile.exempt) and not humanity.holds(
            operator.human, operator.human_until, now):
        return f"Whoever answers for @{agent.username} is not a verified human at present, so it may do nothing."
    return ""


def stopped_by_operator(session: Session, agent: Actor, profile: AgentProfile) -> bool:
    """Whether it was its operator who stopped it; else it was this server."""
    operator = operator_of(session, agent)
    return operator is not None and profile.stopped_by == operator.id


def require(uow: UnitOfWork, actor: Actor) -> None:
    """Raises Forbidden with the reason when this is an agent that may not act; anybody else may."""
    reason = may_act(uow.session, uow.settings, actor, uow.now)
    if reason:
        raise Forbidden(reason, code=PAUSED)
