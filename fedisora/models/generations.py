"""Generation jobs: a prompt on its way to being a draft."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Claimable


class Generation(Claimable, Base):
    """`state`: queued → running → draft → published | discarded, or failed | cancelled (see generation/jobs.py)."""

    __tablename__ = "generations"
    __table_args__ = (Index(None, "actor_id", "id"),
                      Index("ix_generations_due", "run_at", sqlite_where=text("state IN ('queued', 'running')"),
                            postgresql_where=text("state IN ('queued', 'running')")))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(12), default="queued")
    prompt: Mapped[str]
    seed: Mapped[str] = mapped_column(String(24))
    """Decimal: seeds go beyond what JSON numbers keep."""
    width: Mapped[int]
    height: Mapped[int]
    seconds: Mapped[float]
    fps: Mapped[int] = mapped_column(default=24)
    backend: Mapped[str] = mapped_column(String(16))
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    stage: Mapped[str] = mapped_column(String(24), default="queued")
    progress: Mapped[float] = mapped_column(default=0.0)
    """0 … 1 over all stages."""
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str | None]
    """Safe text for the person."""
    result: Mapped[dict[str, Any] | None]
    """What the backend reports: effective parameters, generator, digital source type."""
    media_id: Mapped[int | None] = mapped_column(ForeignKey("media.id", ondelete="SET NULL"))
    status_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id", ondelete="SET NULL"))
    prompt_nonce: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
