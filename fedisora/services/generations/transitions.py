"""From state to state, and nowhere that the table of states does not know."""
from __future__ import annotations

from typing import Any

from sqlalchemy import update

from ...db import UnitOfWork
from ...errors import Conflict
from ...models import Generation
from . import notify
from .states import STATES

WORDS = {
    "submitted": "is being checked", "screening": "is being checked", "held": "waits for a moderator",
    "asked": "waits for consent", "queued": "waits for its turn", "running": "is being made",
    "publishing": "is being published", "draft": "is ready",
    "done": "is published", "failed": "has failed", "cancelled": "was cancelled", "rejected": "was refused",
    "discarded": "was thrown away"}
"""What people read of a state."""


def change(uow: UnitOfWork, row: Generation, state: str, **values: Any) -> None:
    """Change the state and what goes with it, when the table of states lets it; everybody who waits for it hears of it.

    Raises:
        Conflict: it cannot go there, or has just changed.
    """
    if state not in STATES[row.state]:
        raise Conflict(f"This video {WORDS[row.state]}; that cannot be done now.", code="wrong-state")
    uow.session.flush()
    result = uow.session.execute(update(Generation).where(
        Generation.id == row.id, Generation.state == row.state, Generation.attempt == row.attempt).values(state=state, **values),
        execution_options={"synchronize_session": False})
    if getattr(result, "rowcount", 0) != 1:
        raise Conflict("This video has just changed its state. Please look again.", code="wrong-state")
    uow.session.refresh(row)
    notify.changed(uow, row)
