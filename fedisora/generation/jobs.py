"""The SQL side of a generation: claim, progress, outcome. Every write is fenced by the claim (attempt, lease owner)."""
from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..media.claims import Made, keep_made
from ..models import Generation, GenerationTiming, Likeness, Media
from ..provenance import digital_source
from ..services import screenings
from ..services.generations.notify import changed
from ..services.generations.reasons import LOW_MEMORY, sentence
from ..store import fingerprints, generation_queue, generation_workers, queue
from ..store import jobs as rows
from ..store.actors import maker_of
from ..store.media import plan_extras
from .safety import Subject, Verdict
from .screening import subject_of

ATTEMPTS = 3
WEIGHTS: Mapping[str, float] = {"load": 0.1, "text": 0.02, "denoise": 0.72, "decode": 0.05, "encode": 0.06, "check": 0.05}
"""Share of each stage of the whole, until there is a history."""
Going = Literal["on", "cancel", "lost"]


@dataclass(frozen=True)
class Worker:
    """Who claims: `owner` holds leases, `name` is the row in `generation_workers`, `lease` the time without a sign of life."""

    owner: str
    name: str
    lease: dt.timedelta


@dataclass(frozen=True)
class Claim:
    """One claimed generation, as plain values for the host."""

    id: int
    attempt: int
    worker: Worker
    actor_id: int
    subject: Subject
    """What the gates may know."""
    prompt: str
    seed: int
    width: int
    height: int
    seconds: float
    fps: int
    frames: int
    task: str
    backend: str
    model: str
    options: dict[str, Any]
    input_key: str | None
    """Storage key of the picture or video it starts from."""
    sealed: tuple[str, bytes, str] | None
    """(key in the private storage, sealed secret, media type) of the picture or clip of a likeness that it starts from."""
    mark: int | None
    """Id for the invisible watermark."""
    weights: Mapping[str, float]
    spent: float = 0.0
    """GPU seconds of the attempts before."""
    energy: float | None = None
    """Watt hours of the attempts before."""

    @property
    def run(self) -> str:
        """A name of this attempt that no other has."""
        return f"{self.id}:{self.attempt}"


@dataclass
class Cost:
    """What one attempt took: seconds of the runner, by stage, and the power meanwhile (None: not known)."""

    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    watts: float | None = None

    def columns(self, held: Claim) -> dict[str, Any]:
        """The columns that say so, all attempts added up."""
        values: dict[str, Any] = {"gpu_seconds": round(held.spent + self.seconds, 3),
                                  "timings": {stage: round(seconds, 3) for stage, seconds in self.stages.items()}}
        if self.watts is not None:
            values["energy_wh"] = round((held.energy or 0.0) + self.watts * self.seconds / 3600, 4)
        return values


def _changed(uow: UnitOfWork, generation_id: int) -> None:
    changed(uow, uow.session.get_one(Generation, generation_id, populate_existing=True))


def claim(uow: UnitOfWork, worker: Worker, models: Collection[str], *, watermark: bool) -> Claim | None:
    """Take the next generation (or one whose worker died); None when there is nothing to do, or the worker is to take nothing.

    A generation whose worker died `ATTEMPTS` times fails: what kills a worker would kill the next one too.
    """
    if not models or generation_workers.draining(uow.session, worker.name):
        return None
    while (row := generation_queue.take(uow, models=models, owner=worker.owner, lease=worker.lease)) is not None:
        if row.cancel_requested:
            _over(uow, row, "cancelled", row.code or "cancelled-by-author", row.error)
        elif row.attempt > ATTEMPTS:
            _over(uow, row, "failed", "crashed")
        else:
            row.state, row.stage, row.progress, row.started_at, row.worker = "running", "load", 0.0, uow.now, worker.name
            row.code, row.error = None, None
            generation_workers.busy(uow, worker.name, row.id)
            changed(uow, row)
            return _claim(uow.session, row, worker, watermark)
    return None


def _over(uow: UnitOfWork, row: Generation, state: str, code: str, error: str | None = None) -> None:
    row.state, row.code, row.error, row.finished_at = state, code, error or sentence(code), uow.now
    row.lease_owner, row.lease_until, row.cancel_requested = None, None, False
    uow.session.flush()
    changed(uow, row)


def _claim(session: Session, row: Generation, worker: Worker, watermark: bool) -> Claim:
    source = session.get(Media, row.input_media_id) if row.input_media_id is not None else None
    known = session.get(GenerationTiming, (row.model, generation_queue.bucket(row)))
    return Claim(
        row.id, row.attempt, worker, row.actor_id, subject_of(session, row), row.prompt, int(row.seed),
        row.width, row.height, row.seconds, row.fps, row.frames, row.task, row.backend, row.model, dict(row.options),
        (source.storage_key or source.upload_key) if source is not None else None, _sealed(session, row),
        fingerprints.free_mark(session) if watermark else None, (known.stages if known is not None else None) or WEIGHTS,
        row.gpu_seconds or 0.0, row.energy_wh)


def _sealed(session: Session, row: Generation) -> tuple[str, bytes, str] | None:
    likeness = session.get(Likeness, row.likeness_id) if row.likeness_id is not None else None
    if likeness is None or likeness.state != "active":
        return None
    key, secret, mime = (likeness.clip_key, likeness.clip_secret, likeness.clip_mime) if row.task == "video" else (
        likeness.picture_key, likeness.picture_secret, likeness.picture_mime)
    return (key, secret, mime) if key is not None and secret is not None else None


def _write(uow: UnitOfWork, held: Claim, **values: Any) -> bool:
    return queue.write(uow.session, Generation, held.id, held.worker.owner, held.attempt, **values)


def progress(uow: UnitOfWork, held: Claim, stage: str, share: float, cost: Cost) -> Going:
    """Write progress (0 … 1 of the whole) and renew the lease."""
    if not _write(uow, held, stage=stage, progress=round(share, 4), lease_until=uow.now + held.worker.lease,
                  gpu_seconds=round(held.spent + cost.seconds, 3)):
        return "lost"
    uow.ring(f"generation:{held.id}")
    return going(uow.session, held)


def going(session: Session, held: Claim) -> Going:
    """Whether to go on."""
    found = session.execute(select(Generation.cancel_requested).where(
        *queue.held(Generation, held.id, held.worker.owner, held.attempt))).one_or_none()
    return "lost" if found is None else "cancel" if found[0] else "on"


def once_more(uow: UnitOfWork, held: Claim, error: str) -> bool:
    """The card ran out of memory: say that it is made again, saving memory. Another attempt begins that way, too."""
    options = {**held.options, "low_memory": True, "adjusted": [*held.options.get("adjusted", []), LOW_MEMORY]}
    done = _write(uow, held, options=options, stage="load", progress=0.0, last_error=error[:500])
    uow.ring(f"generation:{held.id}")
    return done


def finish(uow: UnitOfWork, held: Claim, state: str, code: str, cost: Cost, *, error: str = "", cause: str | None = None) -> bool:
    """Write the outcome `failed` or `cancelled`; False when the lease was lost.

    Args:
        error: what the person reads; the code's sentence when left out.
        cause: for the operator.
    """
    if state == "cancelled":  # who cancelled it said why
        said = uow.session.execute(select(Generation.code, Generation.error).where(Generation.id == held.id)).one_or_none()
        code, error = (said.code or code, said.error or error) if said is not None else (code, error)
    values = cost.columns(held) | {"cancel_requested": False} | ({"last_error": cause[:500]} if cause else {})
    done = queue.finish(uow.session, Generation, held.id, held.worker.owner, held.attempt, state=state, code=code,
                        error=error or sentence(code), finished_at=uow.now, **values)
    generation_workers.idle(uow, held.worker.name, failed=int(done and state == "failed"))
    if done:
        _changed(uow, held.id)
    return done


def requeue(uow: UnitOfWork, held: Claim, code: str, cause: str, cost: Cost) -> bool:
    """Try again soon (the child crashed or got stuck); fails with the code after `ATTEMPTS`."""
    if going(uow.session, held) == "cancel":
        return finish(uow, held, "cancelled", "cancelled-by-author", cost)
    if held.attempt >= ATTEMPTS:
        return finish(uow, held, "failed", code, cost, cause=cause)
    done = queue.reschedule(uow.session, Generation, held.id, held.worker.owner, held.attempt, error=cause, state="queued",
                            run_at=uow.now + dt.timedelta(seconds=2 ** (held.attempt - 1)), stage="", progress=0.0,
                            **cost.columns(held))
    generation_workers.idle(uow, held.worker.name)
    if done:
        _changed(uow, held.id)
    return done


def keep(uow: UnitOfWork, held: Claim, media: Media, made: Made, result: dict[str, Any], verdict: Verdict, cost: Cost) -> bool:
    """A finished video: a draft, on its way to being a post, held for a moderator, or rejected; all in one transaction.

    Returns:
        whether its file is kept. False: the lease was lost (nothing changed), it is rejected, or was cancelled meanwhile.
    """
    if going(uow.session, held) == "cancel":
        finish(uow, held, "cancelled", "cancelled-by-author", cost)
        return False
    if not queue.finish(uow.session, Generation, held.id, held.worker.owner, held.attempt, state="draft", stage="", progress=1.0,
                        finished_at=uow.now, result=result, code=None, error=None, last_error=None, **cost.columns(held)):
        generation_workers.idle(uow, held.worker.name)
        return False
    row = uow.session.get_one(Generation, held.id, populate_existing=True)
    denied = verdict.decision == "deny"
    if not denied:
        source = uow.session.get(Media, row.input_media_id) if row.input_media_id is not None else None
        if source is not None and digital_source.kind_of(source.digital_source_type) in ("machine", "mixed"):
            # what starts from AI has AI in it, whatever moved it
            media.digital_source_type = digital_source.stricter(media.digital_source_type, digital_source.COMPOSITE_TRAINED)
        media.record = maker_of(uow.session, held.actor_id)
        uow.session.add(media)
        uow.session.flush()
        fingerprints.plan(uow, media.id)
        plan_extras(uow, media)
        keep_made(uow, media, made)
        row.media_id = media.id
    if verdict.decision != "allow":
        screenings.note(uow, row, gate=verdict.gate, stage="frames", decision=verdict.decision, code=verdict.code,
                        reason=verdict.reason, evidence=verdict.evidence)
    elif row.publish_as is not None:
        row.state = "publishing"
        rows.enqueue(uow, "publish_generation", {"generation_id": held.id}, key=str(held.id))
    uow.session.flush()
    generation_queue.remember(uow, row, cost.seconds, dict(cost.stages))
    generation_workers.idle(uow, held.worker.name, done=1)
    changed(uow, row)
    return not denied


def release(uow: UnitOfWork, worker: Worker) -> None:
    """Clean shutdown: put what `worker` was doing back in the queue without counting the attempt."""
    held = list(uow.session.scalars(select(Generation.id).where(Generation.lease_owner == worker.owner,
                                                                Generation.state == "running")))
    uow.session.execute(update(Generation).where(Generation.id.in_(held), Generation.lease_owner == worker.owner).values(
        state="queued", stage="", progress=0.0, lease_owner=None, lease_until=None, attempt=Generation.attempt - 1),
        execution_options={"synchronize_session": False})
    generation_workers.idle(uow, worker.name)
    for generation_id in held:
        _changed(uow, generation_id)
    if held:
        uow.ring("generation")
