"""What administrators see of the generation queue: what waits in a lane, what failed, who used how much."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models import Actor, Generation


def queued(session: Session, gpu_class: str) -> int:
    """How many wait in a lane."""
    return session.scalar(select(func.count()).select_from(Generation).where(
        Generation.gpu_class == gpu_class, Generation.state == "queued")) or 0


def failures(session: Session, since: dt.datetime, limit: int) -> Sequence[Generation]:
    """What failed, the last first."""
    return session.scalars(select(Generation).where(Generation.state == "failed", Generation.finished_at > since)
                           .order_by(Generation.finished_at.desc()).limit(limit)).all()


def spent(session: Session, since: dt.datetime, limit: int) -> list[tuple[Actor, float, int]]:
    """(account, GPU seconds, videos) of those who used most since then; agents count for their operator."""
    seconds = func.sum(func.coalesce(Generation.gpu_seconds, 0.0)).label("seconds")
    payer = func.coalesce(Generation.payer_id, Generation.actor_id)
    sums = (select(payer.label("payer"), seconds, func.count().label("videos")).where(Generation.created_at > since)
            .group_by(payer).subquery())
    rows = session.execute(select(Actor, sums.c.seconds, sums.c.videos).join(sums, sums.c.payer == Actor.id)
                           .order_by(sums.c.seconds.desc()).limit(limit))
    return [(actor, float(total), int(count)) for actor, total, count in rows]
