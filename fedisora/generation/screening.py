"""Asking the gates: before a request is queued, and before a finished video becomes its author's draft or a post."""
from __future__ import annotations

import dataclasses
from pathlib import Path

from ..db import Database, UnitOfWork
from ..models import Generation
from ..storage import Store
from ..store import generation_queue
from .safety import Gates, Subject, Verdict


async def screen(db: Database, storage: Store, gates: Gates, generation_id: int) -> None:
    """Ask the stages `prompt`, `inputs` and `likeness`; afterwards the generation is queued, held or rejected.

    Safe to repeat: one that has moved on is left alone.
    """
    def admit(uow: UnitOfWork) -> None:
        row = uow.session.get(Generation, generation_id)
        if row is not None and row.state in ("submitted", "screening"):
            generation_queue.admit(uow, row)

    await db.write(admit)


async def frames(db: Database, gates: Gates, subject: Subject, output: Path) -> Verdict:
    """Ask the stage `frames` about a finished video, a local file. The caller writes what
    follows (`services.screenings.note`)."""
    return await gates.run("frames", dataclasses.replace(subject, output=output))
