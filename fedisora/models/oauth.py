"""OAuth 2: applications, authorization codes, access tokens. Secrets are stored as SHA-256."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class OAuthApp(Base):
    """A registered client."""

    __tablename__ = "oauth_apps"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    client_id: Mapped[str] = mapped_column(String(64), unique=True)
    client_secret_hash: Mapped[str] = mapped_column(String(64))
    name: Mapped[str]
    website: Mapped[str | None]
    redirect_uris: Mapped[list[str]]
    scopes: Mapped[str]
    created_at: Mapped[dt.datetime]


class AuthorizationCode(Base):
    """A code waiting to be exchanged, ten minutes at most, once."""

    __tablename__ = "authorization_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    app_id: Mapped[int] = mapped_column(ForeignKey("oauth_apps.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    redirect_uri: Mapped[str]
    scopes: Mapped[str]
    code_challenge: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class AccessToken(Base):
    """A bearer token; `user_id` is NULL for an application's own token."""

    __tablename__ = "access_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    app_id: Mapped[int | None] = mapped_column(ForeignKey("oauth_apps.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    scopes: Mapped[str]
    created_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
    code_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    """The code it came from: using that code again revokes it (RFC 6749 §4.1.2)."""
