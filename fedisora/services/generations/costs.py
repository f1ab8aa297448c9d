"""What a video costs: before it is made as an estimate, afterwards as it was."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ...models import Generation
from ...settings import Settings
from ...store import generation_queue
from .plan import Plan


@dataclass(frozen=True)
class Estimate:
    """What a request would cost.

    Attributes:
        seconds: GPU seconds of all variants together.
        energy_wh: None: no worker says its power.
        waiting_seconds: until the first starts; None: nobody can say.
        reason: why nobody can say; "" otherwise.
    """

    seconds: float
    energy_wh: float | None
    gpu_class: str
    waiting_seconds: float | None
    reason: str = ""


def energy(session: Session, settings: Settings, model: str, seconds: float, now: dt.datetime) -> float | None:
    """Watt-hours that some GPU seconds of a model's workers take; None: unknown."""
    watts = generation_queue.watts(session, model, now, settings.generation_watts)
    return round(seconds * watts / 3600, 4) if watts else None


def hindrance(session: Session, model: str, gpu_class: str, now: dt.datetime) -> str:
    """Why what is queued does not get on; "" when it does."""
    lane = generation_queue.paused(session, gpu_class)
    if lane is not None:
        return f"The queue is paused: {lane.reason}" if lane.reason else "The queue is paused by an administrator."
    if not generation_queue.makers(session, model, now):
        return "No worker can make this now. It waits until one comes back."
    return ""


def estimate(session: Session, settings: Settings, plan: Plan, now: dt.datetime) -> Estimate:
    """What a plan would cost, from what such videos took so far."""
    seconds = generation_queue.expected(session, plan.model, plan.backend, plan.bucket) * plan.variants
    return Estimate(round(seconds, 1), energy(session, settings, plan.model, seconds, now), plan.gpu_class,
                    generation_queue.queue_seconds(session, plan.gpu_class, plan.model, now),
                    hindrance(session, plan.model, plan.gpu_class, now))


def eta(session: Session, row: Generation, now: dt.datetime) -> float | None:
    """About how many seconds until it is done; 0 when it is, None when nobody can say."""
    cost = row.expected_seconds
    if row.state == "running":
        return round(cost * (1 - row.progress), 1) if cost is not None else None
    if row.state != "queued":
        return None
    wait = generation_queue.waiting_seconds(session, row, now)
    return round(wait + cost, 1) if wait is not None and cost is not None else None
