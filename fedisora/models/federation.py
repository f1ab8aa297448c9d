"""What arrived, what leaves, and what we know about other servers. Rows here are queues: see `Claimable`."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Claimable


class InboxMessage(Claimable, Base):
    """A verified activity as it arrived; processed once per (actor, activity id).

    `state`: `pending` → `done` | `refused` (final, `last_error` says why) | `dead` (quarantined: retries used up).
    """

    __tablename__ = "inbox_messages"
    __table_args__ = (UniqueConstraint("actor_uri", "activity_uri"),
                      Index("ix_inbox_messages_due", "run_at", sqlite_where=text("state = 'pending'"),
                            postgresql_where=text("state = 'pending'")))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    activity_uri: Mapped[str]
    actor_uri: Mapped[str]
    key_id: Mapped[str]
    host: Mapped[str] = mapped_column(String(255), default="")
    """The server it came from, for fairness among peers."""
    via_uri: Mapped[str | None]
    """Who passed it on, when that was not its actor (inbox forwarding, relays)."""
    type: Mapped[str] = mapped_column(String(48))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(8), default="pending")
    received_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]
    outcome: Mapped[str | None]
    """What came of it, in a few words."""


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
                      Index("ix_deliveries_lane", "lane", "inbox", sqlite_where=text("state = 'pending'"),
                            postgresql_where=text("state = 'pending'")),
                      Index(None, "host", "state"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    activity_id: Mapped[int] = mapped_column(ForeignKey("outbox_activities.id", ondelete="CASCADE"))
    inbox: Mapped[str]
    host: Mapped[str] = mapped_column(String(255))
    lane: Mapped[int] = mapped_column(default=0)
    """Deliveries of one lane reach an inbox in order: a digest of what the activity is about (see activities/outbox)."""
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
    software: Mapped[str | None] = mapped_column(String(64))
    """Name of its software, as its NodeInfo says."""
    software_version: Mapped[str | None] = mapped_column(String(64))
    node_name: Mapped[str | None]
    nodeinfo_at: Mapped[dt.datetime | None]
    """When its NodeInfo was last asked for, whatever came of it."""


class Tombstone(Base):
    """Something deleted, so that it cannot come back; also for a Delete that arrived before its object.

    One per actor who says so: a neighbour's word must not stand in the way of the owner's.
    """

    __tablename__ = "tombstones"

    uri: Mapped[str] = mapped_column(primary_key=True)
    actor_uri: Mapped[str] = mapped_column(primary_key=True)
    deleted_at: Mapped[dt.datetime]


class Relay(Base):
    """A relay we take part in (FEP-ae0c). `state`: `pending` → `accepted` | `rejected`."""

    __tablename__ = "relays"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    inbox: Mapped[str] = mapped_column(unique=True)
    actor_uri: Mapped[str | None] = mapped_column(index=True)
    """Id of the relay's actor; for Mastodon's style known once it answers."""
    style: Mapped[str] = mapped_column(String(8), default="mastodon")
    """`mastodon` (Follow of as:Public, forwards activities) or `litepub` (Follow of the relay actor, Announces)."""
    state: Mapped[str] = mapped_column(String(8), default="pending")
    follow_uri: Mapped[str]
    created_at: Mapped[dt.datetime]
