"""Held posts: what the inbound policy keeps back until a moderator, a check or an edit decides."""
from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..activities import inbound
from ..db import UnitOfWork
from ..errors import NotFound
from ..models import Status
from ..store import statuses
from ..store.paging import Page, newest_first, paginate


def waiting(session: Session, page: Page) -> list[Status]:
    """Held posts, newest first."""
    query = select(Status).where(Status.review == inbound.HELD, Status.published.is_(False))
    return newest_first(session.scalars(paginate(query, Status.id, page)).all(), page)


def count(session: Session) -> int:
    """How many posts are held."""
    return session.scalar(select(func.count()).select_from(Status).where(
        Status.review == inbound.HELD, Status.published.is_(False))) or 0


def _held(uow: UnitOfWork, status_id: int) -> Status:
    status = statuses.get(uow.session, status_id)
    if status is None or status.review != inbound.HELD:
        raise NotFound("This post is not held (any more).")
    return status


def release(uow: UnitOfWork, status_id: int) -> Status:
    """Show a held post; who is mentioned in it is told.

    Raises:
        NotFound: it is not held.
    """
    status = _held(uow, status_id)
    inbound.release(uow, status)
    return status


def reject(uow: UnitOfWork, status_id: int) -> None:
    """Delete a held post here for good: it does not come back, also not by an edit.

    Raises:
        NotFound: it is not held.
    """
    statuses.delete(uow, _held(uow, status_id))
