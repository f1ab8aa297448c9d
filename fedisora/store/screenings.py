"""What safety gates decided against generations, and what moderators made of it."""
from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models import Generation, Screening
from .paging import Page, newest_first, paginate

OPEN, ALLOWED, DENIED = "open", "allowed", "denied"
STATES = (OPEN, ALLOWED, DENIED)


def get(session: Session, screening_id: int) -> Screening | None:
    """One decision of a gate."""
    return session.get(Screening, screening_id)


def open_ones(session: Session, page: Page) -> list[Screening]:
    """What waits for a moderator, newest first: holds and appeals of generations that still wait."""
    query = select(Screening).join(Generation, Generation.id == Screening.generation_id).where(
        Screening.state == OPEN, Generation.state == "held")
    return newest_first(session.scalars(paginate(query, Screening.id, page)).all(), page)


def count(session: Session) -> int:
    """How many wait for a moderator."""
    return session.scalar(select(func.count()).select_from(Screening).join(
        Generation, Generation.id == Screening.generation_id).where(
        Screening.state == OPEN, Generation.state == "held")) or 0


def newest(session: Session, generation_ids: Iterable[int]) -> dict[int, Screening]:
    """The last decision about each of some generations."""
    wanted = set(generation_ids)
    rows = session.scalars(select(Screening).where(Screening.generation_id.in_(wanted)).order_by(Screening.id)) if wanted else ()
    return {row.generation_id: row for row in rows}


def allowed(session: Session, generation_id: int, gate: str, stage: str, text: str | None = None) -> bool:
    """Whether a moderator allowed what a gate said about a generation at a stage, alone or among others.

    Args:
        text: SHA-256 of the text to be published; only a decision about this text counts.
    """
    rows = session.scalars(select(Screening).where(
        Screening.generation_id == generation_id, Screening.state == ALLOWED))
    return any(_about(row, gate, stage) and (text is None or row.evidence.get("text") == text) for row in rows)


def _about(row: Screening, gate: str, stage: str) -> bool:
    also = ((one.get("gate"), one.get("stage", row.stage)) for one in row.evidence.get("also", ()))
    return (gate, stage) in ((row.gate, row.stage), *also)
