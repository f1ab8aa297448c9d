"""Verification cases, passkeys, and who may decide."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from ..models import Actor, AuditEntry, Passkey, User, VerificationCase

OPEN = ("started", "submitted")


def case(session: Session, case_id: int, *, lock: bool = False) -> VerificationCase | None:
    """One case; `lock`ed, nobody else changes it before this transaction ends."""
    return session.get(VerificationCase, case_id, with_for_update=True if lock else None)


def open_case(session: Session, actor_id: int, method: str, likeness_id: int | None = None) -> VerificationCase | None:
    """The case of an account in this way that is not decided yet."""
    return session.scalar(select(VerificationCase).where(
        VerificationCase.actor_id == actor_id, VerificationCase.method == method, VerificationCase.state.in_(OPEN),
        VerificationCase.likeness_id.is_(None) if likeness_id is None else VerificationCase.likeness_id == likeness_id)
        .order_by(VerificationCase.id.desc()).limit(1))


def cases_of(session: Session, actor_id: int, limit: int | None = None) -> Sequence[VerificationCase]:
    """An account's cases, newest first."""
    return session.scalars(select(VerificationCase).where(VerificationCase.actor_id == actor_id)
                           .order_by(VerificationCase.id.desc()).limit(limit)).all()


def waiting(session: Session, methods: Iterable[str], limit: int) -> Sequence[VerificationCase]:
    """Cases that wait for a moderator, the oldest first: their clips go after some hours."""
    return session.scalars(select(VerificationCase).where(
        VerificationCase.state == "submitted", VerificationCase.method.in_(list(methods)))
        .order_by(VerificationCase.id).limit(limit)).all()


def due(session: Session, now: dt.datetime, limit: int) -> Sequence[VerificationCase]:
    """Undecided cases whose clip has been here for as long as it may."""
    return session.scalars(select(VerificationCase).where(
        VerificationCase.clip_key.is_not(None), VerificationCase.clip_purge_at <= now, VerificationCase.state.in_(OPEN))
        .order_by(VerificationCase.clip_purge_at).limit(limit)).all()


def undeleted(session: Session, limit: int) -> Sequence[VerificationCase]:
    """Decided cases whose clip is still named: its deletion waits, or its job died, or a database was restored."""
    return session.scalars(select(VerificationCase).where(
        VerificationCase.clip_key.is_not(None), VerificationCase.state.not_in(OPEN)).limit(limit)).all()


def abandoned(session: Session, before: dt.datetime, methods: Iterable[str], limit: int) -> Sequence[VerificationCase]:
    """Cases that were begun before a moment and never got a clip."""
    return session.scalars(select(VerificationCase).where(
        VerificationCase.state == "started", VerificationCase.method.in_(list(methods)), VerificationCase.clip_key.is_(None),
        VerificationCase.updated_at < before).limit(limit)).all()


def named_clips(session: Session, keys: Iterable[str]) -> set[str]:
    """Those of some keys of the private storage that a case names."""
    return {key for key in session.scalars(select(VerificationCase.clip_key).where(
        VerificationCase.clip_key.in_(list(keys)))) if key}


def _moderates() -> ColumnElement[bool]:
    return and_(or_(User.moderator.is_(True), User.admin.is_(True)), User.state == "active", Actor.kind == "human",
                Actor.suspended_at.is_(None))


def moderators(session: Session) -> Sequence[Actor]:
    """Everybody here who may decide cases."""
    return session.scalars(select(Actor).join(User, User.actor_id == Actor.id).where(_moderates()).order_by(Actor.id)).all()


def moderates(session: Session, actor_id: int) -> bool:
    """Whether an account may decide cases: an active person who is moderator or administrator."""
    return session.scalar(select(User.id).join(Actor, User.actor_id == Actor.id).where(
        User.actor_id == actor_id, _moderates())) is not None


def administers(session: Session, actor_id: int) -> bool:
    """Whether an account is an active administrator's."""
    return session.scalar(select(User.id).join(Actor, User.actor_id == Actor.id).where(
        User.actor_id == actor_id, User.admin.is_(True), _moderates())) is not None


def has_looked(session: Session, case_id: int, actor_id: int) -> bool:
    """Whether somebody has looked at the clip of a case."""
    return session.scalar(select(AuditEntry.id).where(
        AuditEntry.case_id == case_id, AuditEntry.actor_id == actor_id, AuditEntry.action == "clip.viewed").limit(1)) is not None


def entries_about(session: Session, actor_id: int, limit: int | None = None) -> Sequence[AuditEntry]:
    """What was done with somebody's verification, newest first."""
    return session.scalars(select(AuditEntry).where(AuditEntry.subject_id == actor_id)
                           .order_by(AuditEntry.id.desc()).limit(limit)).all()


def done_since(session: Session, actor_id: int, action: str, since: dt.datetime) -> int:
    """How often something was done about somebody since a moment, by the log: erasing one's data does not reset it."""
    return session.scalar(select(func.count()).select_from(AuditEntry).where(
        AuditEntry.subject_id == actor_id, AuditEntry.action == action, AuditEntry.at > since)) or 0


def begun_since(session: Session, actor_id: int, method: str, since: dt.datetime) -> int:
    """How often somebody has begun a way since a moment, by the log: erasing one's data does not reset it."""
    return sum(detail.get("method") == method for detail in session.scalars(select(AuditEntry.detail).where(
        AuditEntry.subject_id == actor_id, AuditEntry.action == "case.started", AuditEntry.at > since)))


def evidenced(session: Session, case_id: int, digest: str) -> bool:
    """Whether the deletion of a clip was written down."""
    return any(entry.detail.get("digest") == digest for entry in session.scalars(select(AuditEntry).where(
        AuditEntry.case_id == case_id, AuditEntry.action == "clip.deleted")))


def passkeys_of(session: Session, user_id: int) -> Sequence[Passkey]:
    """A person's passkeys, oldest first."""
    return session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)).all()
