"""Bearer tokens of the client API. Only their SHA-256 is stored."""
from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import AccessToken, Actor, User
from . import agent_scopes


def digest(secret: str) -> str:
    """SHA-256 (hex) under which a random secret is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(uow: UnitOfWork, user_id: int | None, app_id: int | None, scopes: str, *, code_hash: str | None = None) -> str:
    """A new access token; the only time that it is seen.

    Raises:
        Invalid: it is for an agent, and holds more than agents may have.
    """
    agent_scopes.check(uow.session, user_id, scopes)
    token = secrets.token_urlsafe(32)
    uow.session.add(AccessToken(token_hash=digest(token), user_id=user_id, app_id=app_id, scopes=scopes,
                                created_at=uow.now, code_hash=code_hash))
    return token


def lookup(session: Session, token: str) -> tuple[AccessToken, User | None, Actor | None] | None:
    """Who a token stands for: None when unknown or revoked; user and actor are None for an application's own token."""
    row = session.execute(
        select(AccessToken, User, Actor).outerjoin(User, User.id == AccessToken.user_id)
        .outerjoin(Actor, Actor.id == User.actor_id)
        .where(AccessToken.token_hash == digest(token), AccessToken.revoked_at.is_(None))).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def revoke(uow: UnitOfWork, token: str) -> None:
    """End a token; unknown ones are no error (RFC 7009 §2.2)."""
    uow.session.execute(update(AccessToken).where(AccessToken.token_hash == digest(token)).values(revoked_at=uow.now))
