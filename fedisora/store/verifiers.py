"""Servers whose word about people this instance takes, and what viewers make of that."""
from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import TrustedVerifier, User
from ..provenance.badge import PLAIN, Narrowing


def every(session: Session) -> list[TrustedVerifier]:
    """The administrator's list, by host."""
    return list(session.scalars(select(TrustedVerifier).order_by(TrustedVerifier.host)))


def hosts(session: Session) -> frozenset[str]:
    """Hosts (with a port where it is not the scheme's) on the administrator's list."""
    return frozenset(session.scalars(select(TrustedVerifier.host)))


def narrowing(session: Session, viewer_id: int | None) -> Narrowing:
    """Whose word a viewer takes: one look-up for a whole page of accounts.

    Args:
        viewer_id: the viewer's actor id; None: a stranger, who sees what the instance sees.
    """
    if viewer_id is None:
        return PLAIN
    return Narrowing.of(session.scalar(select(User.verifiers).where(User.actor_id == viewer_id)))
