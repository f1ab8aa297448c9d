"""The rows of processes that render: who is there, what each can make, what it does."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import GenerationWorker

GONE = dt.timedelta(minutes=1)
"""Who has not written for so long does not run any more."""
FORGOTTEN = dt.timedelta(days=1)


def register(uow: UnitOfWork, name: str, **about: Any) -> None:
    """A worker starts: write its row anew, counts of a former one of that name aside."""
    row = uow.session.get(GenerationWorker, name)
    if row is None:
        row = GenerationWorker(name=name, started_at=uow.now, seen_at=uow.now)
        uow.session.add(row)
    for key, value in about.items():
        setattr(row, key, value)
    row.started_at = row.seen_at = uow.now
    row.state, row.draining, row.generation_id = "idle", False, None


def beat(uow: UnitOfWork, name: str, **about: Any) -> bool:
    """A worker says that it lives; rows of those that did not for a day are removed. False: its row is gone."""
    uow.session.execute(delete(GenerationWorker).where(GenerationWorker.seen_at < uow.now - FORGOTTEN))
    return _write(uow, name, seen_at=uow.now, **about)


def _write(uow: UnitOfWork, name: str, **values: Any) -> bool:
    done = uow.session.execute(update(GenerationWorker).where(GenerationWorker.name == name).values(**values),
                               execution_options={"synchronize_session": False})
    return bool(getattr(done, "rowcount", 0))


def busy(uow: UnitOfWork, name: str, generation_id: int) -> None:
    """It has taken a generation."""
    _write(uow, name, state="busy", generation_id=generation_id, seen_at=uow.now)


def idle(uow: UnitOfWork, name: str, *, done: int = 0, failed: int = 0) -> None:
    """It is through with its generation."""
    _write(uow, name, state=case((GenerationWorker.draining, "draining"), else_="idle"), generation_id=None, seen_at=uow.now,
           done=GenerationWorker.done + done, failed=GenerationWorker.failed + failed)


def remove(uow: UnitOfWork, name: str) -> None:
    """It ends in order."""
    uow.session.execute(delete(GenerationWorker).where(GenerationWorker.name == name))


def draining(session: Session, name: str) -> bool:
    """Whether somebody asked it to take nothing new."""
    return bool(session.scalar(select(GenerationWorker.draining).where(GenerationWorker.name == name)))


def drain(uow: UnitOfWork, name: str, wanted: bool = True) -> bool:
    """Ask a worker to take nothing new, or to go on; it reads that before it takes the next one. False: no such worker."""
    row = uow.session.get(GenerationWorker, name)
    if row is None:
        return False
    row.draining = wanted
    if row.state != "busy":
        row.state = "draining" if wanted else "idle"
    if not wanted:
        uow.ring("generation")
    return True


def everybody(session: Session) -> Sequence[GenerationWorker]:
    """All known workers by name; compare `seen_at` with `GONE`."""
    return session.scalars(select(GenerationWorker).order_by(GenerationWorker.name)).all()


def alive(session: Session, now: dt.datetime) -> int:
    """How many run."""
    return session.scalar(select(func.count()).select_from(GenerationWorker).where(GenerationWorker.seen_at > now - GONE)) or 0


def classes(session: Session, now: dt.datetime) -> list[str]:
    """GPU classes for which somebody runs."""
    rows = session.scalars(select(GenerationWorker.gpu_classes).where(GenerationWorker.seen_at > now - GONE))
    return sorted({name for row in rows for name in row})
