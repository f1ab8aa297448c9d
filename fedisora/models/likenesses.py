"""Likenesses and characters: what may be shown in somebody's video, and whom its owner lets ask. The pictures lie sealed in the
private storage and never leave this instance."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Likeness(Base):
    """A person's own likeness (`self`, one for each person) or a character that they invented (`character`).

    `state`: `checking` (a moderator compares picture and live clip) → `active` | `refused`; → `withdrawn`. Characters are
    `active` from the start.
    """

    __tablename__ = "likenesses"
    __table_args__ = (Index(None, "actor_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(80), default="")
    """Of a character; a person has the name of their account."""
    summary: Mapped[str] = mapped_column(default="")
    """What a character is, in words that anybody who may ask can read."""
    audience: Mapped[str] = mapped_column(String(12), default="nobody")
    """Who may ask: `nobody`, `approved`, `mutuals`, `verified` or `everyone`."""
    forbidden: Mapped[str] = mapped_column(default="")
    """What it must not be used for, in the owner's words; whoever asks reads and accepts it."""
    agents: Mapped[bool] = mapped_column(default=False)
    """Whether AI agents may ask."""
    until: Mapped[dt.datetime | None]
    """When it ends: no request after it, and no consent beyond it."""
    picture_key: Mapped[str | None]
    """Key in the private storage."""
    picture_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    picture_mime: Mapped[str] = mapped_column(String(80), default="")
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    clip_key: Mapped[str | None]
    """A short clip beside the picture, without sound; the picture is a still of it when no other was given."""
    clip_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    clip_mime: Mapped[str] = mapped_column(String(80), default="")
    clip_seconds: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    withdrawn_at: Mapped[dt.datetime | None]


class LikenessHash(Base):
    """A code of an enrolled picture (PDQ, 32 bytes; of the picture, not of the face): the same photo is not taken as an input of
    somebody else's video."""

    __tablename__ = "likeness_hashes"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    likeness_id: Mapped[int] = mapped_column(ForeignKey("likenesses.id", ondelete="CASCADE"), index=True)
    code: Mapped[bytes] = mapped_column(LargeBinary)


class LikenessPerson(Base):
    """What an owner decided about somebody for all their likenesses: `approved` (may ask), `always` (rendering may start without
    asking each time) or `blocked` (is refused without being told why)."""

    __tablename__ = "likeness_people"
    __table_args__ = (UniqueConstraint("owner_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    decision: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[dt.datetime]


class StampReader(Base):
    """A server that fetched a stamp: it hears when the stamp is taken back."""

    __tablename__ = "stamp_readers"

    stamp_id: Mapped[int] = mapped_column(ForeignKey("consent_stamps.id", ondelete="CASCADE"), primary_key=True,
                                          autoincrement=False)
    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    inbox: Mapped[str] = mapped_column(default="")
    first_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime]
