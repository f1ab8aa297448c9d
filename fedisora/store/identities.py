"""Identities elsewhere, each of which stands for one account here. Only keyed digests are kept."""
from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import VerificationIdentity


def of(session: Session, actor_id: int) -> list[VerificationIdentity]:
    """Those of an account."""
    return list(session.scalars(select(VerificationIdentity).where(VerificationIdentity.actor_id == actor_id)
                                .order_by(VerificationIdentity.created_at)))


def forget(uow: UnitOfWork, actor_id: int) -> None:
    """Those of an account may stand for another one."""
    uow.session.execute(delete(VerificationIdentity).where(VerificationIdentity.actor_id == actor_id),
                        execution_options={"synchronize_session": "fetch"})
