"""Who follows, likes and blocks what."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Follow(Base):
    """`actor` follows `target`; `state` is `pending` or `accepted`. `uri` is the Follow activity's stable id."""

    __tablename__ = "follows"
    __table_args__ = (UniqueConstraint("actor_id", "target_id"), Index(None, "target_id", "state"),
                      Index(None, "actor_id", "state"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    target_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    uri: Mapped[str] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(8), default="pending")
    created_at: Mapped[dt.datetime]


class Favourite(Base):
    """`actor` likes a post; `uri` is the Like activity's id."""

    __tablename__ = "favourites"
    __table_args__ = (UniqueConstraint("actor_id", "status_id"), Index(None, "status_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    status_id: Mapped[int] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"))
    uri: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[dt.datetime]


class Block(Base):
    """`actor` blocks `target`."""

    __tablename__ = "blocks"
    __table_args__ = (UniqueConstraint("actor_id", "target_id"), Index(None, "target_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    target_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    uri: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[dt.datetime]


class Reaction(Base):
    """`actor` answers a post with an emoji (EmojiReact, or a Like with `content`); only received, never sent."""

    __tablename__ = "reactions"
    __table_args__ = (UniqueConstraint("status_id", "actor_id", "content"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status_id: Mapped[int] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    content: Mapped[str] = mapped_column(String(64))
    """The emoji itself, or `:shortcode:`."""
    emoji_url: Mapped[str | None]
    uri: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[dt.datetime]
