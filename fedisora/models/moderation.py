"""What administrators decide and have to look at: rules for domains, reports."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class DomainRule(Base):
    """How this instance treats another server and everything below its domain.

    `severity`: `block` (nothing in, nothing out), `silence` (only for who follows), `allow` (in allow-list mode).
    """

    __tablename__ = "domain_rules"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Lower case, IDNA, without a port."""
    severity: Mapped[str] = mapped_column(String(8))
    reject_media: Mapped[bool] = mapped_column(default=False)
    public_comment: Mapped[str] = mapped_column(default="")
    private_comment: Mapped[str] = mapped_column(default="")
    created_at: Mapped[dt.datetime]


class Report(Base):
    """Somebody asks moderators to look at an account or posts (`Flag`). `state`: `open` → `resolved`."""

    __tablename__ = "reports"
    __table_args__ = (Index(None, "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(unique=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    """Who reports: a local person, or another server's instance actor."""
    target_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    status_uris: Mapped[list[str]] = mapped_column(default=list)
    comment: Mapped[str] = mapped_column(default="")
    category: Mapped[str] = mapped_column(String(16), default="other")
    """Mastodon's: `spam`, `legal`, `violation` or `other`; ours: `likeness`."""
    urgent: Mapped[bool] = mapped_column(default=False)
    """Goes before all others: somebody says that their likeness is used."""
    forwarded: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(8), default="open")
    created_at: Mapped[dt.datetime]
    resolved_at: Mapped[dt.datetime | None]
    resolved_by: Mapped[int | None] = mapped_column(ForeignKey("actors.id", ondelete="SET NULL"))
