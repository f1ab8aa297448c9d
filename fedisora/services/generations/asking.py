"""Asking for generated videos, and looking at one's own."""
from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Forbidden, Invalid, NotFound
from ...models import Actor, Generation
from ...store import generation_queue, jobs
from ...store.paging import Page, newest_first, paginate
from ...translations import Sentence
from .. import agents, storage_quota
from ..cameos.publishing import is_render, own
from . import notify, quotas
from .plan import Plan
from .states import HIDDEN

OFF = Sentence("This server is AI-free: nothing is generated here. You can upload what you filmed or drew yourself.")
MAX_PROMPT = 1000
MAX_SEED = 2**63
BYTES_PER_SECOND = 1 << 20
"""About what a second of video takes in the storage."""
NET = dt.timedelta(seconds=30)
"""When a worker screens what the request itself did not come to (its process was killed)."""


def allowed(uow: UnitOfWork) -> None:
    """Raises Forbidden when this instance makes nothing (FEDISORA_AI_POLICY)."""
    if uow.settings.ai_policy == "ai-free":
        raise Forbidden(OFF, code="ai-free")


def request(uow: UnitOfWork, actor: Actor, plan: Plan, *, publish_as: dict[str, Any] | None = None, webhook_url: str = "",
            webhook_secret: bytes | None = None) -> list[Generation]:
    """Write a plan's rows, one for each variant with the seeds seed, seed + 1, …; they wait to be screened.

    Args:
        publish_as: the post that each becomes by itself (members of `services.publish.Draft`, `show_prompt`, `description`).
        webhook_secret: signs what is sent to `webhook_url`; kept sealed.

    Raises:
        Forbidden: this instance makes none, this account may not have that much, or it is an agent that may not act now.
        TooManyRequests: too many at a time, or too much GPU time; the text says when it works again.
        StorageFull: the finished videos would be more than this account may keep.
        Invalid: more variants than this instance allows.
    """
    allowed(uow)
    agents.require(uow, actor)
    if not 1 <= plan.variants <= uow.settings.generation_variants:
        raise Invalid(f"One to {uow.settings.generation_variants} variants can be asked for at once.", code="variants")
    storage_quota.check(uow, actor, int(BYTES_PER_SECOND * plan.seconds * plan.variants))
    payer_id = quotas.payer_of(uow.session, actor)
    cost = generation_queue.expected(uow.session, plan.model, plan.backend, plan.bucket)
    limits = quotas.check(uow, actor, payer_id, plan.variants, cost * plan.variants)
    sealed = uow.vault.seal(webhook_secret, "webhook") if webhook_url and webhook_secret else None
    ids = [uow.new_id() for _ in range(plan.variants)]
    rows = []
    for number, row_id in enumerate(ids):
        row = Generation(
            id=row_id, actor_id=actor.id, payer_id=payer_id, state="submitted", task=plan.task, prompt=plan.prompt,
            seed=str((plan.seed + number) % MAX_SEED), width=plan.width, height=plan.height, seconds=plan.seconds,
            frames=plan.frames, fps=plan.fps, backend=plan.backend, model=plan.model, gpu_class=plan.gpu_class,
            options=plan.options(), input_media_id=plan.input_media_id, people=plan.people,
            batch_id=ids[0] if len(ids) > 1 else None,
            priority=limits.priority, expected_seconds=cost, publish_as=publish_as, webhook_url=webhook_url or None,
            webhook_secret=sealed, run_at=uow.now, created_at=uow.now)
        uow.session.add(row)
        rows.append(row)
    for row in rows:  # not flushed here: where it is queued in the same transaction it is written once
        jobs.enqueue(uow, "screen_generation", {"generation_id": row.id}, delay=NET)
        notify.changed(uow, row)
    return rows


def get(session: Session, actor: Actor, generation_id: int) -> Generation:
    """One of this account's generations. What was rendered for somebody's request is none: it is answered at the request.

    Raises:
        NotFound: not there, or another account's.
    """
    row = session.get(Generation, generation_id)
    if row is None or row.actor_id != actor.id or is_render(row):
        raise NotFound("There is no such video in the making.")
    return row


def mine(session: Session, actor: Actor, limit: int = 40) -> Sequence[Generation]:
    """An account's generations that are neither published nor discarded, newest first."""
    return page(session, actor, Page(limit=limit))


def page(session: Session, actor: Actor, wanted: Page, states: Collection[str] = ()) -> list[Generation]:
    """A page of an account's generations in some states (none given: neither published nor discarded), newest first."""
    query = select(Generation).where(Generation.actor_id == actor.id, own())
    query = query.where(Generation.state.in_(states)) if states else query.where(Generation.state.not_in(HIDDEN))
    return newest_first(session.scalars(paginate(query, Generation.id, wanted)).all(), wanted)
