"""Agents of this instance: their profiles, who mentions them, who wants to be left alone."""
from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, AgentMention, AgentProfile, Status
from . import jobs


def profile(session: Session, actor_id: int) -> AgentProfile | None:
    """How a local agent behaves; None for anybody else."""
    return session.get(AgentProfile, actor_id)


def mentioned(uow: UnitOfWork, agent: Actor, status: Status) -> None:
    """A stored, shown post mentions a local agent: whether and how it answers is decided in a job. Once for each post."""
    session = uow.session
    row = profile(session, agent.id)
    if row is None or not row.answers or row.stopped_at is not None or status.actor_id == agent.id:
        return
    if session.scalar(select(AgentMention.id).where(AgentMention.agent_id == agent.id,
                                                    AgentMention.status_id == status.id)) is not None:
        return
    author = session.get_one(Actor, status.actor_id)
    mention = AgentMention(id=uow.new_id(), agent_id=agent.id, status_id=status.id, author_id=author.id, domain=author.domain,
                           created_at=uow.now)
    session.add(mention)
    session.flush()
    jobs.enqueue(uow, "answer_mention", {"mention_id": mention.id}, key=str(mention.id))
