"""What one account may have made: jobs at a time, GPU seconds in 24 hours, and its priority."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Forbidden, TooManyRequests
from ...models import Actor, Generation, User
from ...settings import Settings
from ...store import actors, generation_queue
from ...translations import Sentence
from .states import UNFINISHED

DAY = dt.timedelta(hours=24)
# Asked for every video: building a statement costs more than running it, so these are built once.
_LIMITS = select(User.actor_id, User.limits).where(User.actor_id.in_([bindparam("own"), bindparam("payer")]))
_UNFINISHED = select(func.count()).select_from(Generation).where(
    Generation.actor_id == bindparam("actor"), Generation.state.in_([state for state in UNFINISHED if state != "asked"]))
"""What waits for somebody's answer takes nothing here, and they may never answer: `services.cameos.asking` counts those."""


@dataclass(frozen=True)
class Limits:
    """Of one account; 0 seconds: no limit."""

    jobs: int
    seconds: float
    """GPU seconds in 24 hours of the payer: a person with all their agents."""
    agent_seconds: float
    """Of this agent alone; 0 for a person."""
    priority: int


def payer_of(session: Session, actor: Actor) -> int:
    """On whose account it goes: an agent's on its operator's, so that ten agents have one share."""
    if actor.kind == "agent" and actor.operator_uri:
        operator = actors.by_uri(session, actor.operator_uri)
        if operator is not None and not operator.domain:
            return operator.id
    return actor.id


def limits_of(session: Session, settings: Settings, actor: Actor, payer_id: int) -> Limits:
    """What an account may, its own limits (`fedisora user limits`) before the instance's."""
    agent = actor.kind == "agent"
    kept: dict[int, dict[str, Any]] = {owner: found or {} for owner, found in session.execute(
        _LIMITS, {"own": actor.id, "payer": payer_id})}
    own, payer = kept.get(actor.id, {}), kept.get(payer_id, {})
    jobs = settings.generation_jobs_per_agent if agent else settings.generation_jobs_per_user
    apart = own.get("gpu_seconds_per_day", settings.generation_seconds_per_day_agent) if agent else 0
    shared = settings.generation_seconds_per_day if agent and payer_id == actor.id else payer.get(
        "gpu_seconds_per_day", settings.generation_seconds_per_day)
    return Limits(int(own.get("jobs", jobs)), float(shared), float(apart),
                  int(own.get("priority", payer.get("priority", 0))))


def _costs(session: Session, who: ColumnElement[bool], now: dt.datetime) -> list[tuple[dt.datetime, float]]:
    """When the jobs of the last 24 hours were asked for and what they cost: what is not done yet as expected."""
    rows = session.execute(select(Generation.created_at, Generation.state, Generation.gpu_seconds, Generation.expected_seconds)
                           .where(who, Generation.created_at > now - DAY).order_by(Generation.created_at)).all()
    return [(at, max(had or 0.0, planned or 0.0) if state in UNFINISHED else had or 0.0) for at, state, had, planned in rows]


def spent(session: Session, actor: Actor, payer_id: int, now: dt.datetime) -> tuple[float, float]:
    """GPU seconds of the last 24 hours: (of the payer with all agents, of this account alone)."""
    return (sum(cost for _, cost in _costs(session, Generation.payer_id == payer_id, now)),
            sum(cost for _, cost in _costs(session, _by(actor, payer_id), now)))


def _by(actor: Actor, payer_id: int) -> ColumnElement[bool]:
    return (Generation.payer_id == payer_id) & (Generation.actor_id == actor.id)


def _length(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def _check_seconds(costs: Sequence[tuple[dt.datetime, float]], cost: float, limit: float, whose: str, now: dt.datetime) -> None:
    used = sum(one for _, one in costs)
    if used + cost <= limit:
        return
    if cost > limit:
        raise Forbidden(f"This would take about {_length(cost)} of GPU time, and {whose} {_length(limit)} in 24 hours. Ask for a "
                        "shorter or smaller video, or for fewer variants.", code="too-costly")
    free, again = used + cost - limit, now + DAY
    for at, one in costs:
        free -= one
        if free <= 0:
            again = at + DAY
            break
    wait = max(1.0, (again - now).total_seconds())
    raise TooManyRequests(
        f"{whose.capitalize()} {_length(limit)} of GPU time in 24 hours; {_length(used)} are used up or planned, and this needs "
        f"about {_length(cost)}. It works again in {_length(wait)} ({again:%H:%M} UTC); a shorter or smaller video may work now.",
        retry_after=wait, code="gpu-seconds")


def check(uow: UnitOfWork, actor: Actor, payer_id: int, count: int, cost: float) -> Limits:
    """Let an account ask for `count` more videos that cost about `cost` GPU seconds together; its limits.

    Raises:
        TooManyRequests: too many at a time, or too much GPU time in 24 hours; the text says when it works again.
        Forbidden: it never works for this account, or this is more than it may have in 24 hours altogether.
    """
    generation_queue.one_at_a_time(uow, payer_id)
    limits = limits_of(uow.session, uow.settings, actor, payer_id)
    if limits.jobs == 0:
        raise Forbidden(Sentence("This account may not make videos here. Ask an administrator of this server."),
                        code="not-allowed")
    if count > limits.jobs:
        raise Forbidden(f"You asked for {count} variants, and {limits.jobs} videos at a time are the most for this account. Ask "
                        "for fewer.", code="too-many-variants")
    waiting = uow.session.scalar(_UNFINISHED, {"actor": actor.id}) or 0
    if waiting + count > limits.jobs:
        raise TooManyRequests(f"You have {waiting} unfinished videos, and {limits.jobs} at a time are the most. Wait until one "
                              "is done, or cancel one: then it works again.", retry_after=30, code="too-many-jobs")
    if limits.seconds:
        _check_seconds(_costs(uow.session, Generation.payer_id == payer_id, uow.now), cost, limits.seconds,
                       "a person and their agents together have", uow.now)
    if limits.agent_seconds:
        _check_seconds(_costs(uow.session, _by(actor, payer_id), uow.now), cost, limits.agent_seconds, "this agent has", uow.now)
    return limits
