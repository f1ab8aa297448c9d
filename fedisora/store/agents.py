"""Agents of this instance: their profiles, who mentions them, who wants to be left alone."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, AgentMention, AgentProfile, Status
from . import jobs


def profile(session: Session, actor_id: int) -> AgentProfile | None:
    """How a local agent behaves; None for anybody else."""
    return session.get(AgentProfile, actor_id)


def add_profile(uow: UnitOfWork, actor_id: int, *, exempt: bool = False) -> AgentProfile:
    """The profile of a new agent, as agents are at first. `exempt`: although its operator is not a verified human."""
    row = AgentProfile(actor_id=actor_id, exempt=exempt, created_at=uow.now, updated_at=uow.now)
    uow.session.add(row)
    uow.session.flush()
    return row


def of_operator(session: Session, operator_uri: str) -> list[Actor]:
    """The local agents that name an account as their operator, oldest first."""
    return list(session.scalars(select(Actor).where(Actor.operator_uri == operator_uri, Actor.domain == "",
                                                    Actor.kind == "agent").order_by(Actor.id)))


def everybody(session: Session, operator_uri: str | None = None) -> list[tuple[Actor, AgentProfile]]:
    """Every agent of this instance (of one operator only, when given) with its profile, oldest first."""
    query = select(Actor, AgentProfile).join(AgentProfile, AgentProfile.actor_id == Actor.id).order_by(Actor.id)
    if operator_uri is not None:
        query = query.where(Actor.operator_uri == operator_uri)
    return [(actor, row) for actor, row in session.execute(query)]


MACHINES = frozenset({"Service", "Application", "Group", "Organization"})
"""Types of actors that no agent answers: two machines that answer each other never stop."""
FRESH = dt.timedelta(hours=24)
"""Older posts (fetched late, released late) ask for nothing any more."""


def machine(actor: Actor) -> bool:
    """Whether an account is a program, or a group, by what it says of itself."""
    return actor.kind == "agent" or actor.type in MACHINES


def mentioned(uow: UnitOfWork, agent: Actor, status: Status) -> None:
    """A stored, shown post mentions a local agent: whether and how it answers is decided in a job. Once for each post."""
    session = uow.session
    row = profile(session, agent.id)
    if row is None or not row.answers or row.stopped_at is not None or status.actor_id == agent.id:
        return
    if status.created_at < uow.now - FRESH or status.reblog_of_id is not None:
        return
    if session.scalar(select(AgentMention.id).where(AgentMention.agent_id == agent.id,
                                                    AgentMention.status_id == status.id)) is not None:
        return
    author = session.get_one(Actor, status.actor_id)
    if machine(author):
        return
    mention = AgentMention(id=uow.new_id(), agent_id=agent.id, status_id=status.id, author_id=author.id, domain=author.domain,
                           created_at=uow.now)
    session.add(mention)
    session.flush()
    jobs.enqueue(uow, "answer_mention", {"mention_id": mention.id}, key=str(mention.id))
