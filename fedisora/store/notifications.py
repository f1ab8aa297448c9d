"""What local people are told about."""
from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, Block, Notification
from .paging import Page, newest_first, paginate

OURS = ("agent", "cameo", "consent", "generation", "human", "match")
"""First words of the types that Mastodon does not have."""


def notify(uow: UnitOfWork, actor_id: int, from_actor_id: int, kind: str, status_id: int | None = None, *,
           about: int = 0) -> None:
    """Tell a local person, once; nobody is told about what they did themselves (but when their own
    poll ends), or of somebody they block.

    Args:
        about: what it is about when that is no post (a report).
    """
    session = uow.session
    if (actor_id == from_actor_id and kind != "poll") or session.scalar(select(Actor.domain).where(Actor.id == actor_id)) != "":
        return
    if not kind.startswith("admin.") and session.scalar(select(Block.id).where(
            Block.actor_id == actor_id, Block.target_id == from_actor_id)) is not None:
        return
    about = status_id or about
    if session.scalar(select(Notification.id).where(
            Notification.actor_id == actor_id, Notification.from_actor_id == from_actor_id, Notification.type == kind,
            Notification.about_id == about)) is not None:
        return
    session.add(Notification(id=uow.new_id(), actor_id=actor_id, from_actor_id=from_actor_id, type=kind,
                             status_id=status_id, about_id=about, created_at=uow.now))
    session.flush()
    uow.ring(f"notifications:{actor_id}")


def page(session: Session, actor_id: int, wanted: Page, *, types: Collection[str] = (), exclude: Collection[str] = (),
         known_only: bool = False) -> list[Notification]:
    """A person's notifications, newest first.

    Args:
        known_only: leave out types of our own unless they are named in `types`: some apps of Mastodon fall over unknown ones.
    """
    query = select(Notification).where(Notification.actor_id == actor_id)
    if types:
        query = query.where(Notification.type.in_(types))
    elif known_only:
        query = query.where(*(Notification.type.not_like(f"{ours}.%") for ours in OURS))
    if exclude:
        query = query.where(Notification.type.not_in(exclude))
    rows: Sequence[Notification] = session.scalars(paginate(query, Notification.id, wanted)).all()
    return newest_first(rows, wanted)


def unread(session: Session, actor_id: int, *, known_only: bool = False) -> int:
    """How many were not looked at yet; `known_only` as for `page`."""
    query = select(func.count()).select_from(Notification).where(
        Notification.actor_id == actor_id, Notification.read_at.is_(None))
    return session.scalar(query.where(*(Notification.type.not_like(f"{ours}.%") for ours in OURS)) if known_only else query) or 0


def mark_read(uow: UnitOfWork, actor_id: int) -> None:
    """All were looked at."""
    uow.session.execute(update(Notification).where(Notification.actor_id == actor_id, Notification.read_at.is_(None))
                        .values(read_at=uow.now))


def remove(uow: UnitOfWork, actor_id: int, from_actor_id: int, kind: str, status_id: int | None = None) -> None:
    """Take back what was told (an undone like)."""
    uow.session.execute(delete(Notification).where(
        Notification.actor_id == actor_id, Notification.from_actor_id == from_actor_id, Notification.type == kind,
        Notification.about_id == (status_id or 0)))


def remove_about(uow: UnitOfWork, actor_id: int, kind: str, about: int) -> None:
    """Take back what a person was told about something, whoever it came from (a question that is answered)."""
    uow.session.execute(delete(Notification).where(
        Notification.actor_id == actor_id, Notification.type == kind, Notification.about_id == about))


def remove_from(uow: UnitOfWork, actor_id: int, from_actor_id: int) -> None:
    """Take back all that a person was told about another (a block); what administrators were told stays."""
    uow.session.execute(delete(Notification).where(
        Notification.actor_id == actor_id, Notification.from_actor_id == from_actor_id, Notification.type.not_like("admin.%")))


def dismiss(uow: UnitOfWork, actor_id: int, notification_id: int) -> None:
    """Remove one of a person's notifications."""
    uow.session.execute(delete(Notification).where(Notification.actor_id == actor_id, Notification.id == notification_id))


def clear(uow: UnitOfWork, actor_id: int) -> None:
    """Remove all of a person's notifications."""
    uow.session.execute(delete(Notification).where(Notification.actor_id == actor_id))
