"""What arrived, what leaves, and what we know about other servers. Rows here are queues: see `Claimable`."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Claimable


class InboxMessage(Claimable, Base):
    """A verified activity as it arrived; processed once per (actor, activity id).

    `state`: `pending` → `done` | `refused` (final, `last_error` says why) | `dead` (retries used up).
    """

    __tablename__ = "inbox_messages"
    __table_args__ = (UniqueConstraint("actor_uri", "activity_uri"),
                      Index("ix_inbox_messages_due", "run_at", sqlite_where=text("state = 'pending'"),
                            postgresql_where=text("state = 'pending'")))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    activity_uri: Mapped[str]
    actor_uri: Mapped[str]
    key_id: Mapped[str]
    type: Mapped[str] = mapped_column(String(48))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(8), default="pending")
    received_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]


class OutboxActivity(Base):
    """An activity of a local actor, signed, with its document ready to send."""

    __tablename__ = "outbox_activities"
    __table_args__ = (Index(None, "actor_id", "id"), Index(None, "object_uri"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(unique=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(48))
    object_uri: Mapped[str] = mapped_column(default="")
    public: Mapped[bool] = mapped_column(default=False)
    document: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[dt.datetime]


class Delivery(Claimable, Base):
    """One activity for one inbox. `state`: `pending` → `done` | `failed` (final)."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("activity_id", "inbox"),
                      Index("ix_deliveries_due", "run_at", sqlite_where=text("state = 'pending'"),
                            postgresql_where=text("state = 'pending'")),
                      Index(None, "host", "state"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    activity_id: Mapped[int] = mapped_column(ForeignKey("outbox_activities.id", ondelete="CASCADE"))
    inbox: Mapped[str]
    host: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(8), default="pending")
    status: Mapped[int | None]
    """The last HTTP status the inbox answered."""
    done_at: Mapped[dt.datetime | None]


class RemoteHost(Base):
    """What we learned about another server: how it likes its signatures, and whether it answers."""

    __tablename__ = "remote_hosts"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    signature_scheme: Mapped[str] = mapped_column(String(8), default="cavage")
    """`cavage` or `rfc9421`: what it accepted last."""
    failures: Mapped[int] = mapped_column(default=0)
    """Consecutive failed deliveries."""
    blocked_until: Mapped[dt.datetime | None]
    """The circuit is open until then."""
    last_success_at: Mapped[dt.datetime | None]
    last_failure_at: Mapped[dt.datetime | None]


class Tombstone(Base):
    """Something deleted, so that it cannot come back; also for a Delete that arrived before its object."""

    __tablename__ = "tombstones"

    uri: Mapped[str] = mapped_column(primary_key=True)
    actor_uri: Mapped[str]
    deleted_at: Mapped[dt.datetime]
