"""Posts and boosts, their mentions and hashtags."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Status(Base):
    """A Note, or a boost (`reblog_of_id` set; then `uri` is the Announce's id)."""

    __tablename__ = "statuses"
    __table_args__ = (
        Index(None, "actor_id", "id"), Index(None, "in_reply_to_id"), Index("ix_statuses_public", "visibility", "id"),
        Index(None, "in_reply_to_uri"), Index(None, "quote_of_uri"), Index(None, "context_uri"),
        Index("uq_statuses_reblog", "reblog_of_id", "actor_id", unique=True,
              sqlite_where=text("reblog_of_id IS NOT NULL"), postgresql_where=text("reblog_of_id IS NOT NULL")),
        UniqueConstraint("actor_id", "idempotency_key"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str] = mapped_column(default="")
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    local: Mapped[bool] = mapped_column(default=False)
    visibility: Mapped[str] = mapped_column(String(16), default="public")
    """`public`, `unlisted`, `private` (followers) or `direct`."""
    content: Mapped[str] = mapped_column(default="")
    """Sanitised HTML, without the provenance label (that is added on the way out)."""
    text: Mapped[str] = mapped_column(default="")
    """What a local author typed."""
    spoiler_text: Mapped[str] = mapped_column(default="")
    sensitive: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str | None] = mapped_column(String(16))
    in_reply_to_id: Mapped[int | None]
    in_reply_to_uri: Mapped[str | None]
    in_reply_to_actor_id: Mapped[int | None]
    object_type: Mapped[str] = mapped_column(String(16), default="Note")
    context_uri: Mapped[str | None]
    """FEP-7888: the conversation this belongs to, as its author names it."""
    replies_uri: Mapped[str | None]
    """A remote post's collection of replies."""
    thread_fetched_at: Mapped[dt.datetime | None]
    """When the rest of the conversation was last looked for."""
    quote_of_uri: Mapped[str | None]
    quote_of_id: Mapped[int | None] = mapped_column(index=True)
    quote_state: Mapped[str | None] = mapped_column(String(8))
    """`pending`, `accepted`, `rejected` or `revoked`: whether the quoted author agreed (FEP-044f)."""
    quote_authorization: Mapped[str | None]
    """Id of the QuoteAuthorization stamp on the quoted author's origin."""
    emojis: Mapped[list[Any]] = mapped_column(default=list)
    """Custom emoji of a remote post: [{"shortcode", "url"}]"""
    pinned_at: Mapped[dt.datetime | None]
    """When its author put it on the profile (`featured`)."""
    reblog_of_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"))
    interaction_policy: Mapped[dict[str, Any] | None]
    document: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The object's JSON: as signed by us, or as a remote author sent it."""
    proof: Mapped[str] = mapped_column(String(8), default="none")
    """Integrity proof of a remote object: `valid`, `invalid` or `none`. Local objects are `valid`."""
    made: Mapped[str | None] = mapped_column(String(12))
    """How its files were made, the most machine among them: `human`, `mixed`, `machine`, `procedural` or `undeclared`; NULL for
    a post without video, picture or sound."""
    review: Mapped[str | None] = mapped_column(String(8))
    """What the inbound policy said of a remote post: `warned`; `held` (only moderators see it) or `rejected` (nothing of it is
    kept but its id), both not `published`; `released` by a moderator; NULL: nothing."""
    review_reason: Mapped[str | None]
    published: Mapped[bool] = mapped_column(default=True)
    """False while the files of a local post are being signed, when nobody but the author sees it; and while the inbound policy
    holds a remote post back."""
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[dt.datetime]
    edited_at: Mapped[dt.datetime | None]
    favourites_count: Mapped[int] = mapped_column(default=0)
    reblogs_count: Mapped[int] = mapped_column(default=0)
    replies_count: Mapped[int] = mapped_column(default=0)
    quotes_count: Mapped[int] = mapped_column(default=0)


class Mention(Base):
    """An actor addressed in a post."""

    __tablename__ = "mentions"

    status_id: Mapped[int] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"), primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, index=True)


class StatusTag(Base):
    """A hashtag of a post; `name` is as written, `key` in lower case."""

    __tablename__ = "status_tags"
    __table_args__ = (Index(None, "key", "status_id"),)

    status_id: Mapped[int] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    name: Mapped[str] = mapped_column(String(128))


class Poll(Base):
    """The choices of a Question."""

    __tablename__ = "polls"

    status_id: Mapped[int] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"), primary_key=True,
                                           autoincrement=False)
    options: Mapped[list[Any]]
    """[{"title": text, "votes": number}] in order; a remote one as its author counts."""
    multiple: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]
    """When it ended early, or its end was announced."""
    voters_count: Mapped[int | None]
    fetched_at: Mapped[dt.datetime | None]


class PollVote(Base):
    """One choice of one actor; `uri` is the id of the Note that carried it."""

    __tablename__ = "poll_votes"
    __table_args__ = (UniqueConstraint("status_id", "actor_id", "choice"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status_id: Mapped[int] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    choice: Mapped[int]
    uri: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[dt.datetime]


class QuoteAuthorization(Base):
    """A stamp by which a local author agrees to being quoted (FEP-044f); served at `uri` until it is revoked."""

    __tablename__ = "quote_authorizations"
    __table_args__ = (UniqueConstraint("target_uri", "quote_uri"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(unique=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    """The quoted author."""
    target_uri: Mapped[str]
    """The quoted post (`interactionTarget`)."""
    quote_uri: Mapped[str]
    """The post that quotes (`interactingObject`)."""
    requester_uri: Mapped[str]
    created_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
