"""Reports, and who has to look at them."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Report, User
from . import notifications
from .paging import Page, newest_first, paginate

MOST_URGENT = 200
"""Listed at once."""


def by_uri(session: Session, uri: str) -> Report | None:
    """The report with this activity id."""
    return session.scalar(select(Report).where(Report.uri == uri))


def many(session: Session, ids: Iterable[int]) -> dict[int, Report]:
    """Reports by row id."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {report.id: report for report in session.scalars(select(Report).where(Report.id.in_(wanted)))}


def page(session: Session, wanted: Page, *, resolved: bool = False) -> list[Report]:
    """Open (or resolved) reports, newest first."""
    query = select(Report).where(Report.state == ("resolved" if resolved else "open"))
    rows: Sequence[Report] = session.scalars(paginate(query, Report.id, wanted)).all()
    return newest_first(rows, wanted)


def urgent(session: Session) -> list[Report]:
    """Open reports that go before all others, oldest first: somebody waits for each."""
    return list(session.scalars(select(Report).where(Report.state == "open", Report.urgent.is_(True)).order_by(Report.id)
                                .limit(MOST_URGENT)))


def count_urgent(session: Session, actor_id: int) -> int:
    """How many open reports of one account go before all others."""
    return session.scalar(select(func.count()).select_from(Report).where(
        Report.actor_id == actor_id, Report.state == "open", Report.urgent.is_(True))) or 0


def count(session: Session) -> int:
    """How many reports are open."""
    return session.scalar(select(func.count()).select_from(Report).where(Report.state == "open")) or 0


def count_open(session: Session, actor_id: int) -> int:
    """How many reports of one actor wait for an administrator."""
    return session.scalar(select(func.count()).select_from(Report).where(
        Report.actor_id == actor_id, Report.state == "open")) or 0


def tell_admins(uow: UnitOfWork, report: Report) -> None:
    """Every moderator and administrator is told about every report."""
    for moderator in uow.session.scalars(select(User.actor_id).where(
            or_(User.admin.is_(True), User.moderator.is_(True)), User.state == "active")):
        notifications.notify(uow, moderator, report.actor_id, "admin.report", about=report.id)
