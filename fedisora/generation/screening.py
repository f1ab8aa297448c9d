"""Asking the gates: before a request is queued, and before a finished video becomes its author's draft or a post."""
from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ..db import Database, UnitOfWork
from ..errors import Busy, NotFound
from ..media.scratch import scratch
from ..models import Actor, Generation, Media
from ..services import generations, screenings
from ..services.cameos import asking
from ..services.cameos import publishing as cameos
from ..services.generations.reasons import sentence
from ..storage import Store
from ..store import generation_queue
from .safety import ALLOW, Gates, Stage, Subject, Verdict
from .safety.gates import together

log = structlog.get_logger()
LEASE: Final = dt.timedelta(seconds=15)
RENEW: Final = 5.0
"""Seconds between two renewals of the lease while gates are asked."""
BEFORE: Final[tuple[Stage, ...]] = ("prompt", "inputs", "likeness")


async def screen(db: Database, storage: Store, gates: Gates, generation_id: int) -> None:
    """Ask the stages `prompt`, `inputs` and `likeness`; afterwards the generation is queued, held or rejected.

    Safe to repeat and to kill: who asks holds a lease, and only who still holds it writes the outcome. One that has moved on is
    left alone. What several gates hold waits for one decision.

    Raises:
        Busy: somebody else is asking right now; try again after the lease.
    """
    owner = f"screening-{secrets.token_hex(8)}"
    found = await db.write(lambda uow: _claim(uow, generation_id, owner))
    if found is None:
        return
    subject, keys = found
    try:
        async with _renewing(db, generation_id, owner):
            said = await _ask(storage, gates, subject, keys)
    except BaseException:
        await asyncio.shield(db.write(lambda uow: _release(uow, generation_id, owner)))
        raise
    if not await db.write(lambda uow: _conclude(uow, generation_id, owner, said)):
        log.warning("somebody else has screened this meanwhile", generation=generation_id)


async def _ask(storage: Store, gates: Gates, subject: Subject, keys: list[str] | None) -> tuple[str, Verdict] | None:
    """What all stages say together, and at which one; None when the input is gone."""
    holds: list[tuple[str, Verdict]] = []
    async with scratch("media") as folder:
        if keys is None:
            return None
        for number, key in enumerate(keys):
            try:
                await asyncio.to_thread(storage.get_to, key, folder / f"input-{number}")
            except NotFound:
                return None
        subject = dataclasses.replace(subject, inputs=tuple(folder / f"input-{number}" for number in range(len(keys))))
        for stage in BEFORE:
            verdict = await gates.run(stage, subject)
            if verdict.decision == "deny":
                return stage, verdict
            if verdict.decision == "hold":
                holds.append((stage, verdict))
    return (holds[0][0], together(holds)) if holds else (BEFORE[-1], ALLOW)


def subject_of(session: Session, row: Generation) -> Subject:
    """What gates may know of a generation, without its files."""
    actor, options = session.get_one(Actor, row.actor_id), row.options or {}
    likenesses = options.get("likenesses")
    return Subject(actor.id, actor.kind or "", row.prompt, row.id, str(options.get("negative_prompt") or ""), row.task, row.model,
                   row.width, row.height, row.seconds, row.fps,
                   likenesses=tuple(map(str, likenesses)) if isinstance(likenesses, list) else (), options=options)


def _claim(uow: UnitOfWork, generation_id: int, owner: str) -> tuple[Subject, list[str] | None] | None:
    """Take a generation for screening. The subject and the storage keys of its inputs (None: gone); None: it has moved on."""
    taken = uow.session.execute(update(Generation).where(
        Generation.id == generation_id, Generation.state.in_(("submitted", "screening")),
        or_(Generation.lease_until.is_(None), Generation.lease_until < uow.now))
        .values(state="screening", lease_owner=owner, lease_until=uow.now + LEASE),
        execution_options={"synchronize_session": False})
    row = uow.session.get(Generation, generation_id, populate_existing=True)
    if getattr(taken, "rowcount", 0) != 1 or row is None:
        if row is not None and row.state in ("submitted", "screening"):
            raise Busy("This is being checked right now.", retry_after=LEASE.total_seconds())
        return None
    uow.ring(f"generation:{generation_id}")
    if row.input_media_id is None:
        return subject_of(uow.session, row), []
    media = uow.session.get(Media, row.input_media_id)
    key = (media.storage_key or media.upload_key) if media is not None else None
    return subject_of(uow.session, row), [key] if key else None


@contextlib.asynccontextmanager
async def _renewing(db: Database, generation_id: int, owner: str) -> AsyncIterator[None]:
    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW)
            await db.write(lambda uow: uow.session.execute(update(Generation).where(
                Generation.id == generation_id, Generation.lease_owner == owner).values(lease_until=uow.now + LEASE),
                execution_options={"synchronize_session": False}))

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _release(uow: UnitOfWork, generation_id: int, owner: str) -> None:
    uow.session.execute(update(Generation).where(Generation.id == generation_id, Generation.lease_owner == owner)
                        .values(state="submitted", lease_owner=None, lease_until=None),
                        execution_options={"synchronize_session": False})


def _conclude(uow: UnitOfWork, generation_id: int, owner: str, said: tuple[str, Verdict] | None) -> bool:
    """Write the outcome, once: False when the lease was lost."""
    row = uow.session.scalar(select(Generation).where(
        Generation.id == generation_id, Generation.state == "screening", Generation.lease_owner == owner).with_for_update())
    if row is None:
        return False
    free = {"lease_owner": None, "lease_until": None}
    if row.cancel_requested:
        generations.change(uow, row, "cancelled", **free, cancel_requested=False, finished_at=uow.now,
                           code=row.code or "cancelled-by-author",
                           error=row.error or sentence("cancelled-by-author"))
        return True
    if said is None:
        generations.change(uow, row, "rejected", **free, finished_at=uow.now, code="input-missing",
                           error=sentence("input-missing"))
        return True
    row.lease_owner = row.lease_until = None
    stage, verdict = said
    if verdict.decision == "allow":
        if cameos.waits(row):
            asking.screened(uow, row)
        else:
            generation_queue.admit(uow, row)
            generations.changed(uow, row)
    else:
        screenings.note(uow, row, gate=verdict.gate, stage=stage, decision=verdict.decision, code=verdict.code,
                        reason=verdict.reason, evidence=verdict.evidence)
    return True


async def frames(db: Database, gates: Gates, subject: Subject, output: Path) -> Verdict:
    """Ask the stage `frames` about a finished video, a local file: all of it, as it will be served. The caller writes what
    follows (`services.screenings.note`)."""
    return await gates.run("frames", dataclasses.replace(subject, output=output))
