"""What local agents were asked for: counted, looked up, cleared away."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import AgentMention, AgentOptOut, AgentProfile, Generation, Mention, Status
from . import jobs
from .paging import Page, newest_first, paginate

DAY = dt.timedelta(hours=24)
KEPT = dt.timedelta(days=90)
ANSWER, OWN, SAYS = "agent-answer-", "agent-own-", "agent-say-"
"""How the idempotency keys of an agent's posts begin: a video that answers, one of its schedule, an answer in words alone. The id
of the mention follows."""
WAITING = ("received", "making", "held")


def get(uow: UnitOfWork, mention_id: int) -> AgentMention | None:
    """A mention, locked until the end of the transaction."""
    return uow.session.get(AgentMention, mention_id, with_for_update=True, populate_existing=True)


def profile(uow: UnitOfWork, agent_id: int) -> AgentProfile | None:
    """An agent's profile, locked: whoever decides about it decides alone, and limits are counted right."""
    return uow.session.get(AgentProfile, agent_id, with_for_update=True, populate_existing=True)


def made(session: Session, agent_id: int, now: dt.datetime, *, author_id: int | None = None, domain: str | None = None,
         ) -> list[dt.datetime]:
    """When the videos of an agent's last 24 hours were asked for, oldest first; only of one person or of one domain.

    Args:
        domain: "" for people of this instance.
    """
    query = select(AgentMention.created_at).where(AgentMention.agent_id == agent_id, AgentMention.created_at > now - DAY,
                                                  AgentMention.generation_id.is_not(None))
    if author_id is not None:
        query = query.where(AgentMention.author_id == author_id)
    if domain is not None:
        query = query.where(AgentMention.domain == domain, AgentMention.author_id.is_not(None))
    return list(session.scalars(query.order_by(AgentMention.created_at)))


def told_since(session: Session, agent_id: int, author_id: int, since: dt.datetime, state: str) -> bool:
    """Whether an agent answered somebody with words alone since then. `state`: `refused`, or `told` (help, being left alone)."""
    return session.scalar(select(AgentMention.id).where(
        AgentMention.author_id == author_id, AgentMention.agent_id == agent_id, AgentMention.state == state,
        AgentMention.reply_id.is_not(None), AgentMention.answered_at > since).limit(1)) is not None


def says(session: Session, agent_id: int, status: Status | None) -> bool:
    """Whether a post is an answer of an agent in words alone."""
    return status is not None and status.actor_id == agent_id and (status.idempotency_key or "").startswith(SAYS)


def in_context(session: Session, agent_id: int, status: Status) -> int:
    """How many posts of an agent are in the conversation of a post, where its author's server names conversations."""
    if status.context_uri is None:
        return 0
    return session.scalar(select(func.count()).select_from(Status).where(
        Status.context_uri == status.context_uri, Status.actor_id == agent_id)) or 0


def ancestors(session: Session, status: Status, most: int) -> list[Status]:
    """What a post answers, nearest first, at most so many."""
    found: list[Status] = []
    at: Status | None = status
    while at is not None and at.in_reply_to_id is not None and len(found) < most:
        at = session.get(Status, at.in_reply_to_id)
        if at is not None:
            found.append(at)
    return found


def opted_out(session: Session, agent_id: int, actor_id: int) -> AgentOptOut | None:
    """That somebody wants to be left alone by an agent."""
    return session.get(AgentOptOut, (agent_id, actor_id))


def asker_deleted(uow: UnitOfWork, status_id: int) -> None:
    """A post is deleted: what agents were asked for in it is not made any more."""
    people = select(Mention.actor_id).where(Mention.status_id == status_id)
    for mention_id in uow.session.scalars(select(AgentMention.id).where(
            AgentMention.agent_id.in_(people), AgentMention.status_id == status_id,
            AgentMention.state.in_((*WAITING, "answered")))):
        jobs.enqueue(uow, "agent_reply", {"mention_id": mention_id}, key=f"{mention_id}:deleted")


def unwanted(session: Session, status: Status) -> bool:
    """Whether a post is an agent's answer to somebody who has deleted the question, or wants to be left alone, meanwhile."""
    mention_id = of_post(status, ANSWER)
    if mention_id is None:
        return False
    mention = session.get(AgentMention, mention_id)
    taken_back = mention is not None and mention.agent_id == status.actor_id and mention.state == "withdrawn"
    return taken_back or status.in_reply_to_id is None or session.get(Status, status.in_reply_to_id) is None


def open_of(session: Session, agent_id: int, author_id: int) -> Sequence[AgentMention]:
    """What somebody asked an agent for and has not had yet, locked."""
    return session.scalars(select(AgentMention).where(
        AgentMention.author_id == author_id, AgentMention.agent_id == agent_id, AgentMention.state.in_(WAITING))
        .order_by(AgentMention.id).with_for_update()).all()


def of_post(status: Status, *kinds: str) -> int | None:
    """Of which mention a post is the video; None for any other post. `kinds`: of `ANSWER` and `OWN`; none: both."""
    key = status.idempotency_key or ""
    number = next((key.removeprefix(kind) for kind in kinds or (ANSWER, OWN) if key.startswith(kind)), "")
    return int(number) if number.isdecimal() and number.isascii() and len(number) < 19 else None


def settled(uow: UnitOfWork, status: Status, what: str) -> None:
    """The post of a video was sent, or given up: have that noted. Other posts are left alone."""
    mention_id = of_post(status)
    if mention_id is not None:
        jobs.enqueue(uow, "agent_reply", {"mention_id": mention_id}, key=f"{mention_id}:{what}")


def page(session: Session, agent_id: int, wanted: Page) -> list[AgentMention]:
    """What an agent was asked for, newest first."""
    return newest_first(session.scalars(paginate(select(AgentMention).where(AgentMention.agent_id == agent_id),
                                                 AgentMention.id, wanted)).all(), wanted)


def generation_of(session: Session, mention: AgentMention) -> Generation | None:
    """The video that is made for a mention."""
    return session.get(Generation, mention.generation_id) if mention.generation_id is not None else None


def unanswered(session: Session, before: dt.datetime, limit: int) -> Sequence[AgentMention]:
    """Mentions that nothing has come of since then: their job used up its tries, or was lost with a restored backup."""
    return session.scalars(select(AgentMention).where(AgentMention.state.in_(WAITING), AgentMention.created_at < before,
                                                      AgentMention.created_at > before - DAY)
                           .order_by(AgentMention.id).limit(limit)).all()


def forget_old(uow: UnitOfWork) -> None:
    """Remove what nobody counts any more."""
    uow.session.execute(delete(AgentMention).where(AgentMention.created_at < uow.now - KEPT),
                        execution_options={"synchronize_session": False})
