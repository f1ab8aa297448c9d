"""Web sessions: random tokens in a cookie, stored as SHA-256, rotated on log-in, ended on log-out or password change."""
from __future__ import annotations

import datetime as dt
import hmac
import secrets

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, User, WebSession
from ..vault import Vault
from .tokens import digest

COOKIE = "fedisora_session"
LIFETIME = dt.timedelta(days=60)
SEEN_EVERY = dt.timedelta(minutes=10)


def start(uow: UnitOfWork, user: User, user_agent: str, address: str, *, replaces: str | None = None) -> str:
    """Log a person in: a new token every time (no session fixation); `replaces` ends the browser's former session."""
    if replaces:
        end(uow, replaces)
    token = secrets.token_urlsafe(32)
    uow.session.add(WebSession(token_hash=digest(token), user_id=user.id, created_at=uow.now, seen_at=uow.now,
                               expires_at=uow.now + LIFETIME, user_agent=user_agent[:300], address=address[:64]))
    user.last_login_at = uow.now
    return token


def lookup(session: Session, token: str, now: dt.datetime | None = None) -> tuple[User, Actor] | None:
    """The person behind a session token; None when it is unknown, expired, or the account is not active."""
    moment = now or dt.datetime.now(dt.UTC)
    row = session.execute(
        select(User, Actor).join(WebSession, WebSession.user_id == User.id).join(Actor, Actor.id == User.actor_id)
        .where(WebSession.token_hash == digest(token), WebSession.expires_at > moment, User.state == "active",
               Actor.suspended_at.is_(None))).one_or_none()
    return None if row is None else (row[0], row[1])


def rotate(uow: UnitOfWork, token: str) -> str | None:
    """Exchange a token for a fresh one (after a change of rights); None when it is unknown."""
    row = uow.session.get(WebSession, digest(token))
    if row is None:
        return None
    fresh = secrets.token_urlsafe(32)
    uow.session.execute(update(WebSession).where(WebSession.token_hash == row.token_hash)
                        .values(token_hash=digest(fresh), seen_at=uow.now))
    return fresh


def touch(uow: UnitOfWork, token: str) -> None:
    """Note that a session is in use."""
    uow.session.execute(update(WebSession).where(WebSession.token_hash == digest(token),
                                                 WebSession.seen_at < uow.now - SEEN_EVERY).values(seen_at=uow.now))


def end(uow: UnitOfWork, token: str) -> None:
    """Log out."""
    uow.session.execute(delete(WebSession).where(WebSession.token_hash == digest(token)))


def end_by_hash(uow: UnitOfWork, user_id: int, token_hash: str) -> None:
    """Log out one of a person's other browsers."""
    uow.session.execute(delete(WebSession).where(WebSession.token_hash == token_hash, WebSession.user_id == user_id))


def end_all(uow: UnitOfWork, user_id: int, *, keep: str | None = None) -> None:
    """Log out everywhere, except in the session `keep`."""
    statement = delete(WebSession).where(WebSession.user_id == user_id)
    if keep:
        statement = statement.where(WebSession.token_hash != digest(keep))
    uow.session.execute(statement)


def of_user(session: Session, user_id: int) -> list[WebSession]:
    """A person's sessions, newest first."""
    return list(session.scalars(select(WebSession).where(WebSession.user_id == user_id)
                                .order_by(WebSession.created_at.desc())))


def csrf_token(vault: Vault, token: str) -> str:
    """The token every form of this session carries. Before log-in, `token` is the browser's random visitor cookie."""
    return vault.mac("csrf", token)


def check_csrf(vault: Vault, token: str, given: str) -> bool:
    """Whether a form's CSRF token belongs to this session (constant time)."""
    return hmac.compare_digest(csrf_token(vault, token).encode(), given.encode())
