"""Reports, and who has to look at them."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Report, User
from . import notifications
from .paging import Page, newest_first, paginate


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


def count_open(session: Session, actor_id: int) -> int:
    """How many reports of one actor wait for an administrator."""
    return session.scalar(select(func.count()).select_from(Report).where(
        Report.actor_id == actor_id, Report.state == "open")) or 0


def tell_admins(uow: UnitOfWork, report: Report) -> None:
    """Every administrator is told about every report."""
    for admin in uow.session.scalars(select(User.actor_id).where(User.admin.is_(True), User.state == "active")):
        notifications.notify(uow, admin, report.actor_id, "admin.report", about=report.id)
