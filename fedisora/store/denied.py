"""Codes of pictures that nobody may make or use here (PDQ, 256 bits)."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import DeniedHash
from .paging import Page, newest_first, paginate

CODE_BYTES = 32


def add(uow: UnitOfWork, entries: Iterable[tuple[bytes, str]], source: str) -> int:
    """Add (code of 32 bytes, reason) pairs; those that are there stay as they are. How many are new."""
    new = 0
    rows = dict(entries)
    wanted = list(rows)
    for first in range(0, len(wanted), 500):
        part = wanted[first:first + 500]
        known = set(uow.session.scalars(select(DeniedHash.code).where(DeniedHash.code.in_(part))))
        fresh = [code for code in part if code not in known]
        uow.session.add_all(DeniedHash(id=uow.new_id(), code=code, reason=rows[code][:200], source=source[:80],
                                       created_at=uow.now)
                            for code in fresh)
        uow.session.flush()
        new += len(fresh)
    return new


def remove(uow: UnitOfWork, *, code: bytes | None = None, source: str | None = None) -> int:
    """Remove one code, or all of a list. How many went."""
    which = DeniedHash.code == code if code is not None else DeniedHash.source == source
    gone = list(uow.session.scalars(select(DeniedHash.id).where(which)))
    uow.session.execute(delete(DeniedHash).where(which))
    return len(gone)


def page(session: Session, wanted: Page) -> list[DeniedHash]:
    """Codes, the last that were added first."""
    return newest_first(session.scalars(paginate(select(DeniedHash), DeniedHash.id, wanted)).all(), wanted)


def state(session: Session) -> tuple[int, int]:
    """How many there are, and the highest id: what changes when the list does."""
    count, highest = session.execute(select(func.count(), func.max(DeniedHash.id))).one()
    return int(count), int(highest or 0)


def codes(session: Session) -> Sequence[tuple[int, bytes]]:
    """Every (row id, code)."""
    return [(row_id, code) for row_id, code in session.execute(select(DeniedHash.id, DeniedHash.code).order_by(DeniedHash.id))]


def get(session: Session, row_id: int) -> DeniedHash | None:
    """One entry."""
    return session.get(DeniedHash, row_id)
