"""The generation queue as a line of people: who is next, where one stands, how long it takes.

Start-time fair queueing (Goyal, Vin & Cheng, 1996) for every lane (GPU class): each payer's jobs get virtual start times that
lie as far apart as the jobs cost, and the lowest goes first. Who has 50 jobs in the line stands with each of them behind the
first job of who has none. Priority goes before all that.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Generation, GenerationLane, GenerationTiming, GenerationWorker, User
from . import generation_workers

MEMORY = dt.timedelta(hours=24)
"""How long it is remembered what a payer has had."""
LOOK_BACK = 64
"""So many of the payer's newest jobs are asked when the last one of them ends."""
NEWEST = 0.3
"""Weight of the newest job in the mean of its kind."""
SECONDS_PER_UNIT = {"procedural": 0.055, "cameo": 0.0}
"""GPU (or CPU) seconds per million pixels, frame and step where nothing is known yet: measured on one CPU thread. A cameo is
made on its owner's instance."""
DEFAULT_PER_UNIT = 0.1
"""The same for models: Wan 2.2 TI2V-5B needs 9 minutes for 121 frames of 1280x704 in 50 steps on an RTX 4090 (model card)."""
LEAST_SECONDS = 0.1

# Asked for every video: building a statement costs more than running it, so these are built once.
_HISTORY = select(GenerationTiming.bucket, GenerationTiming.seconds).where(
    GenerationTiming.model == bindparam("model"), GenerationTiming.count > 0)
_ENDS = select((Generation.turn + Generation.expected_seconds).label("end")).where(
    Generation.payer_id == bindparam("payer"), Generation.created_at > bindparam("since"),
    Generation.gpu_class == bindparam("lane"), Generation.id != bindparam("own"),
    or_(Generation.state == "queued", Generation.started_at.is_not(None))).order_by(
    Generation.created_at.desc()).limit(LOOK_BACK).subquery()
_LAST_END = select(
    select(func.max(_ENDS.c.end)).scalar_subquery(),
    select(GenerationLane.turn).where(GenerationLane.gpu_class == bindparam("lane")).scalar_subquery())

_PAYER = select(User.id).where(User.actor_id == bindparam("payer")).with_for_update(key_share=True)


def one_at_a_time(uow: UnitOfWork, payer_id: int | None) -> None:
    """Until the end of this transaction nobody else counts what this payer has: requests side by side on PostgreSQL would not
    see each other, pass a limit together, and get the same turn. SQLite has one writer anyway."""
    if uow.session.get_bind().dialect.name == "postgresql":
        uow.session.execute(_PAYER, {"payer": payer_id})


def lane(uow: UnitOfWork, gpu_class: str) -> GenerationLane:
    """The row of a GPU class, made when there is none yet."""
    row = uow.session.get(GenerationLane, gpu_class)
    if row is None:
        insert = postgresql.insert if uow.session.get_bind().dialect.name == "postgresql" else sqlite.insert
        uow.session.execute(insert(GenerationLane).values(gpu_class=gpu_class, reason="", turn=0.0).on_conflict_do_nothing())
        row = uow.session.get_one(GenerationLane, gpu_class)
    return row


def bucket(row: Generation) -> str:
    """The kind of job by which its length is remembered (as `Plan.bucket`)."""
    return f"{row.task}-{row.width}x{row.height}-{row.frames}-{(row.options or {}).get('steps') or 0}"


def _units(task_bucket: str) -> float:
    """How much work a bucket names: million pixels times frames times steps."""
    _, size, frames, steps = task_bucket.split("-")
    width, _, height = size.partition("x")
    return int(width) * int(height) / 1e6 * max(1, int(frames)) * max(1, int(steps))


def expected(session: Session, model: str, backend: str, task_bucket: str) -> float:
    """GPU seconds that a job will probably take: from the history of its kind, else of the model's other kinds by the amount of
    work, else a plain guess."""
    history: dict[str, float] = {row.bucket: row.seconds for row in session.execute(_HISTORY, {"model": model})}
    if task_bucket in history:
        return max(LEAST_SECONDS, history[task_bucket])
    work = sum(_units(name) for name in history)
    rate = sum(history.values()) / work if work else SECONDS_PER_UNIT.get(backend, DEFAULT_PER_UNIT)
    return round(max(LEAST_SECONDS, _units(task_bucket) * rate), 3)


def admit(uow: UnitOfWork, row: Generation) -> None:
    """Put a screened generation into the line: its turn, its expected cost, a ring for the workers.

    Its turn is the lane's virtual time, or the end of the payer's last job in this lane when that is later.
    """
    with uow.session.no_autoflush:  # a new row is written once, with its turn
        if row.expected_seconds is None:
            row.expected_seconds = expected(uow.session, row.model, row.backend, bucket(row))
        one_at_a_time(uow, row.payer_id)
        had, since = uow.session.execute(_LAST_END, {
            "payer": row.payer_id, "since": uow.now - MEMORY, "lane": row.gpu_class, "own": row.id}).one()
        if since is None:
            since = lane(uow, row.gpu_class).turn
    row.turn = max(since, had or 0.0)
    row.state, row.stage, row.progress, row.queued_at, row.run_at = "queued", "", 0.0, uow.now, uow.now
    row.code = row.error = None
    uow.session.flush()
    uow.ring("generation")
    uow.ring(f"generation:{row.id}")
    uow.ring(f"generations:{row.actor_id}")


def take(uow: UnitOfWork, *, models: Collection[str], owner: str, lease: dt.timedelta) -> Generation | None:
    """Claim the next one that a worker with these models can make (or one whose worker died); None when there is none.

    The claim is `lease_owner`, `lease_until` and attempt + 1, as in `store.queue.claim`. Paused lanes are passed over.
    """
    paused = select(GenerationLane.gpu_class).where(GenerationLane.paused_at.is_not(None))
    free = and_(Generation.state.in_(("queued", "running")), Generation.model.in_(list(models)), Generation.run_at <= uow.now,
                or_(Generation.lease_until.is_(None), Generation.lease_until < uow.now), Generation.gpu_class.not_in(paused))
    since = select(GenerationLane.turn).where(GenerationLane.gpu_class == Generation.gpu_class).scalar_subquery()
    due = select(Generation.id).where(free).order_by(
        Generation.priority.desc(), Generation.turn - func.coalesce(since, 0.0), Generation.id).limit(1)
    if uow.session.get_bind().dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    row: Generation | None = uow.session.scalar(
        update(Generation).where(Generation.id == due.scalar_subquery()).values(
            lease_owner=owner, lease_until=uow.now + lease, attempt=Generation.attempt + 1).returning(Generation),
        execution_options={"synchronize_session": False, "populate_existing": True})
    if row is None:
        return None
    # What overtakes by its priority does not move the others' clock: it stands where the first of those who wait stands.
    waiting = uow.session.scalar(select(func.min(Generation.turn)).where(free, Generation.gpu_class == row.gpu_class))
    now = row.turn if waiting is None else min(row.turn, waiting)
    lane(uow, row.gpu_class)
    uow.session.execute(update(GenerationLane).where(GenerationLane.gpu_class == row.gpu_class, GenerationLane.turn < now)
                        .values(turn=now))
    return row


def close_gap(uow: UnitOfWork, row: Generation) -> None:
    """A queued one leaves the line: the payer's later jobs of the lane move up by what it would have cost."""
    cost, since = row.expected_seconds or 0.0, lane(uow, row.gpu_class).turn
    moved = Generation.turn - cost
    uow.session.execute(update(Generation).where(
        Generation.payer_id == row.payer_id, Generation.gpu_class == row.gpu_class, Generation.state == "queued",
        Generation.turn > row.turn).values(turn=case((moved < since + LEAST_SECONDS / 2, since), else_=moved)),
        execution_options={"synchronize_session": "fetch"})


def _ahead(row: Generation) -> ColumnElement[bool]:
    before = or_(Generation.priority > row.priority, and_(Generation.priority == row.priority, or_(
        Generation.turn < row.turn, and_(Generation.turn == row.turn, Generation.id < row.id))))
    return and_(Generation.gpu_class == row.gpu_class, Generation.state == "queued", before)


def position(session: Session, row: Generation) -> int:
    """How many are ahead of a queued one in its lane."""
    return session.scalar(select(func.count()).select_from(Generation).where(_ahead(row))) or 0


def alive(session: Session, now: dt.datetime) -> Sequence[GenerationWorker]:
    """Workers that were seen lately, drained ones too. Asked for every line of a list, so a session looks once."""
    known: Sequence[GenerationWorker] | None = session.info.get("generation_workers")
    if known is None:
        known = session.info["generation_workers"] = generation_workers.everybody(session)
    return [worker for worker in known if worker.seen_at > now - generation_workers.GONE]


def makers(session: Session, model: str, now: dt.datetime) -> list[GenerationWorker]:
    """Living workers that take jobs for a model."""
    return [worker for worker in alive(session, now) if not worker.draining and model in worker.models]


def paused(session: Session, gpu_class: str) -> GenerationLane | None:
    """The lane of a GPU class when an administrator has paused it."""
    found = session.get(GenerationLane, gpu_class)
    return found if found is not None and found.paused_at is not None else None


def _theirs(workers: Collection[GenerationWorker]) -> ColumnElement[bool]:
    """Jobs that keep these workers busy: those of other models are made by others, also when they stand in the same lane."""
    return Generation.model.in_({model for worker in workers for model in worker.models})


def waiting_seconds(session: Session, row: Generation, now: dt.datetime) -> float | None:
    """About how long until a queued one starts: what is ahead and the rest of what runs, by the number of workers. None when
    nobody can say: the lane is paused, or no worker is there for its model."""
    workers = makers(session, row.model, now)
    if not workers or paused(session, row.gpu_class) is not None:
        return None
    ahead = session.scalar(select(func.sum(Generation.expected_seconds)).where(_ahead(row), _theirs(workers))) or 0.0
    rest = session.scalar(select(func.sum(Generation.expected_seconds * (1.0 - Generation.progress))).where(
        Generation.gpu_class == row.gpu_class, Generation.state == "running", _theirs(workers))) or 0.0
    return float(ahead + rest) / len(workers)


def queue_seconds(session: Session, gpu_class: str, model: str, now: dt.datetime) -> float | None:
    """About how long one that is asked for now would wait at most; None when nobody can say."""
    workers = makers(session, model, now)
    if not workers or paused(session, gpu_class) is not None:
        return None
    left = session.scalar(select(func.sum(Generation.expected_seconds * (1.0 - Generation.progress))).where(
        Generation.gpu_class == gpu_class, Generation.state.in_(("queued", "running")), _theirs(workers))) or 0.0
    return float(left) / len(workers)


def watts(session: Session, model: str, now: dt.datetime, otherwise: float) -> float | None:
    """Mean power of the workers for a model; `otherwise` (0: unknown) where none says its own."""
    said = [worker.watts for worker in makers(session, model, now) if worker.watts]
    return sum(said) / len(said) if said else otherwise or None


def remember(uow: UnitOfWork, row: Generation, seconds: float, stages: dict[str, float]) -> None:
    """Keep how long a finished one took: `seconds` of GPU time, and seconds by stage. Newer ones count more (exponentially
    weighted mean)."""
    key = bucket(row)
    insert = postgresql.insert if uow.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    uow.session.execute(insert(GenerationTiming).values(
        model=row.model, bucket=key, count=0, seconds=0.0, stages={}, updated_at=uow.now).on_conflict_do_nothing())
    known = uow.session.scalars(select(GenerationTiming).where(
        GenerationTiming.model == row.model, GenerationTiming.bucket == key).with_for_update()
        .execution_options(populate_existing=True)).one()
    total = sum(stages.values())
    shares = {name: value / total for name, value in stages.items()} if total > 0 else {}
    weight = NEWEST if known.count else 1.0
    known.seconds = (1 - weight) * known.seconds + weight * seconds
    if shares:
        old = known.stages or shares
        known.stages = {name: round((1 - weight) * old.get(name, 0.0) + weight * shares.get(name, 0.0), 4)
                        for name in sorted({*old, *shares})}
    known.count += 1
    known.updated_at = uow.now
    uow.session.flush()
