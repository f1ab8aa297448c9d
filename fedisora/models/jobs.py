"""The transactional outbox for everything that is not itself a row of another queue."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Claimable


class Job(Claimable, Base):
    """Work that must happen later. `kind` is one of `store.jobs.KINDS`; a `key` is unique among unfinished jobs.

    `state`: `pending` → row deleted when done | `dead` (retries used up; `last_error` says why).
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_due", "queue", "run_at", sqlite_where=text("state = 'pending'"),
              postgresql_where=text("state = 'pending'")),
        Index("uq_jobs_key", "key", unique=True, sqlite_where=text("state = 'pending'"),
              postgresql_where=text("state = 'pending'")))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    queue: Mapped[str] = mapped_column(String(16))
    """Which worker does it: `federation`, `media` or `housekeeping`."""
    kind: Mapped[str] = mapped_column(String(32))
    key: Mapped[str | None] = mapped_column(String(255))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8), default="pending")
    created_at: Mapped[dt.datetime]
