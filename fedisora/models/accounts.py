"""Local people: logins, web sessions, one-time links, failed log-ins."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class User(Base):
    """A login. Every user has one actor; `state` is `pending`, `active` or `disabled`."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), unique=True)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    """The address in lower case."""
    password_hash: Mapped[str]
    admin: Mapped[bool] = mapped_column(default=False)
    moderator: Mapped[bool] = mapped_column(default=False)
    """May decide what waits for a moderator; administrators may as well."""
    state: Mapped[str] = mapped_column(String(16), default="active")
    reason: Mapped[str] = mapped_column(default="")
    """What the person wrote when asking for an account."""
    locale: Mapped[str] = mapped_column(String(16), default="en")
    dial: Mapped[dict[str, Any] | None]
    """How much AI this person wants to see: {"stop": 0 … 4, "bots", "mixed", "undeclared", "procedural": bool}; NULL: as it
    comes."""
    limits: Mapped[dict[str, Any] | None]
    """What differs from the instance's limits for this account: {"jobs", "gpu_seconds_per_day", "storage_mb", "priority"}"""
    verifiers: Mapped[dict[str, Any] | None]
    """Whose word about people this viewer takes: {"mode": "instance" | "own" | "listed", "hosts": [...]}; NULL: the
    instance's."""
    created_at: Mapped[dt.datetime]
    last_login_at: Mapped[dt.datetime | None]


class WebSession(Base):
    """A browser's log-in. Only the token's SHA-256 is stored."""

    __tablename__ = "web_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    user_agent: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")


class OneTimeToken(Base):
    """A link that works once, for instance the first admin's set-up link."""

    __tablename__ = "one_time_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class LoginAttempt(Base):
    """A failed log-in, kept for the throttle's window. `key` is a keyed digest of the address or the login name."""

    __tablename__ = "login_attempts"
    __table_args__ = (Index(None, "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[dt.datetime]
