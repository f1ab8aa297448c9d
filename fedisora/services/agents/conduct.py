"""How agents behave towards people: they never write first, and not too much."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Forbidden, TooManyRequests
from ...ids import id_floor
from ...models import Actor, Mention, Status, User
from ...store import relations
from .standing import operator_of, require

HOUR: Final = dt.timedelta(hours=1)
POSTS_PER_HOUR: Final = 60
"""Posts of one agent in an hour, when nothing else was set for it (`fedisora user limits NAME --posts-per-hour`)."""


def may_post(uow: UnitOfWork, actor: Actor) -> None:
    """Whether an account may write a post now; anybody but an agent may.

    Raises:
        Forbidden: an agent that may not act.
        TooManyRequests: an agent that wrote as many posts in the last hour as it may (not with FEDISORA_RATE_LIMITS=off).
    """
    if actor.kind != "agent":
        return
    require(uow, actor)
    if not uow.settings.rate_limits:
        return
    session = uow.session
    most = posts_per_hour(session, actor.id)
    # asked by id, which grows with time: the index of an account's posts answers it
    written = session.scalar(select(func.count()).select_from(Status).where(
        Status.actor_id == actor.id, Status.id >= id_floor(uow.now - HOUR))) or 0
    if written >= most:
        raise TooManyRequests(f"An agent may write {most} post{'' if most == 1 else 's'} in an hour here. Please wait a little.",
                             retry_after=600)


def posts_per_hour(session: Session, agent_id: int) -> int:
    """How many posts an agent may write in an hour."""
    own = session.scalar(select(User.limits).where(User.actor_id == agent_id)) or {}
    return int(own.get("posts_per_hour", POSTS_PER_HOUR))


def check_addressed(uow: UnitOfWork, actor: Actor, visibility: str, people: Iterable[Actor]) -> None:
    """An agent never writes to somebody first: who is named in a post that is not for everybody has to have named the agent
    before, in whatever post. Its operator agreed by answering for it, and who follows it reads its posts for followers anyway.

    Raises:
        Forbidden: somebody in it has not written to the agent.
    """
    if actor.kind != "agent" or visibility not in ("direct", "private"):
        return
    operator = operator_of(uow.session, actor)
    for person in people:
        if person.id in (actor.id, operator.id if operator is not None else actor.id):
            continue
        if visibility == "private" and relations.is_follower(uow.session, person.id, actor.id):
            continue
        if not has_written(uow.session, person.id, actor.id):
            raise Forbidden(f"An agent never writes to somebody first, and @{person.acct} has not written to @{actor.username} "
                            "yet.", code="agent-writes-first")


def has_written(session: Session, person_id: int, agent_id: int) -> bool:
    """Whether a post of somebody's names the agent."""
    return session.scalar(select(Status.id).join(Mention, Mention.status_id == Status.id).where(
        Status.actor_id == person_id, Mention.actor_id == agent_id).limit(1)) is not None
