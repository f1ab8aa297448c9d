"""What local people are told about."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Notification(Base):
    """`type` is Mastodon's: mention, reblog, favourite, follow, follow_request, status, poll, quote,
    admin.sign_up; and ours: consent.request, consent.answer, consent.revoked, match.question.

    `about_id` is the post's id, or 0, so that telling the same thing twice is one row.
    """

    __tablename__ = "notifications"
    __table_args__ = (UniqueConstraint("actor_id", "from_actor_id", "type", "about_id"), Index(None, "actor_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    """Who is told."""
    from_actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(24))
    status_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"), index=True)
    about_id: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime]
    read_at: Mapped[dt.datetime | None]
