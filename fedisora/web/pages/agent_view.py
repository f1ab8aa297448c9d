"""What the profile of an agent says beside its posts: what it may, who may ask it, whether it is stopped."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...ids import id_floor
from ...models import Actor, AgentProfile, Generation
from ...services import agents
from ...services.agents import conduct
from ...store import agents as rows

if TYPE_CHECKING:
    from ...app import House

DAY = dt.timedelta(hours=24)
MONTH = dt.timedelta(days=30)
MADE = ("draft", "publishing", "done")
AUDIENCES = {"everyone": "everybody", "followers": "who follows it", "operator": "whom its operator follows",
             "listed": "only whom its operator named"}


@dataclass(frozen=True)
class AgentView:
    """An agent of ours, beyond its account and who answers for it (`who`).

    Attributes:
        models: names of what makes its videos.
        limits: sentences.
        asked_by: who may ask it for a video; "" when it answers nobody.
        stop_word: what one says to be left alone.
        today: videos that it made in the last 24 hours.
        held_back: why it may do nothing now, else "".
        mine: whoever looks answers for it.
    """

    models: tuple[str, ...]
    limits: tuple[str, ...] = ()
    asked_by: str = ""
    stop_word: str = ""
    today: int = 0
    per_day: int = 0
    held_back: str = ""
    stopped_at: dt.datetime | None = None
    mine: bool = False


def agent_view(session: Session, house: House, actor: Actor, viewer_id: int | None) -> AgentView | None:
    """What is said about an agent of this instance; None for anybody else."""
    if actor.kind != "agent" or not actor.local:
        return None
    operator = agents.operator_of(session, actor)
    profile, now = rows.profile(session, actor.id) or AgentProfile(answers=False, per_day=100, model=""), house.db.clock()
    limits = ["Never writes first."]
    if profile.answers:
        limits.insert(0, f"{profile.per_day} videos a day, {profile.per_person} for one person.")
    hourly = conduct.posts_per_hour(session, actor.id)
    limits.append(f"At most {hourly} post{'' if hourly == 1 else 's'} an hour.")
    return AgentView(
        models=_models(session, house, actor, profile.model, now),
        limits=tuple(limits), asked_by=AUDIENCES.get(profile.audience, "") if profile.answers else "",
        stop_word=profile.stop_word if profile.answers else "", per_day=profile.per_day if profile.answers else 0,
        today=session.scalar(select(func.count()).select_from(Generation).where(
            Generation.actor_id == actor.id, Generation.id >= id_floor(now - DAY), Generation.state.in_(MADE))) or 0,
        held_back=agents.may_act(session, house.settings, actor, now), stopped_at=profile.stopped_at,
        mine=operator is not None and viewer_id == operator.id)


def _models(session: Session, house: House, actor: Actor, chosen: str, now: dt.datetime) -> tuple[str, ...]:
    """What it was set to, or else the instance's model, and what it used lately."""
    usual = chosen or house.settings.generation_model or house.settings.generation_backend
    lately = session.scalars(select(Generation.model).where(
        Generation.actor_id == actor.id, Generation.id >= id_floor(now - MONTH), Generation.state.in_(MADE)).distinct())
    return tuple(dict.fromkeys((usual, *sorted(lately))))
