"""Follows, likes and blocks."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, Block, Favourite, Follow, Status
from . import actors, notifications
from .paging import Page, newest_first, paginate

FOLLOWED = "followed"
"""Key of `Session.info`: a dict that remembers, within one transaction that applies many posts, who has followers here."""
_LOCAL_FOLLOWER = select(Follow.id).join(Actor, Actor.id == Follow.actor_id).where(
    Follow.target_id == bindparam("target"), Follow.state == "accepted", Actor.domain == "").limit(1)


@dataclass
class Relationship:
    """How a viewer and another account stand to each other."""

    id: int
    following: bool = False
    requested: bool = False
    followed_by: bool = False
    requested_by: bool = False
    blocking: bool = False
    blocked_by: bool = False


def follow(session: Session, actor_id: int, target_id: int) -> Follow | None:
    """The follow of one actor by another, pending ones too."""
    return session.scalar(select(Follow).where(Follow.actor_id == actor_id, Follow.target_id == target_id))


def drop_follow(uow: UnitOfWork, row: Follow) -> None:
    """Remove a follow with what it counted and told; nothing is sent."""
    if row.state == "accepted":
        actors.adjust_counts(uow, row.target_id, followers=-1)
        actors.adjust_counts(uow, row.actor_id, following=-1)
    for kind in ("follow", "follow_request"):
        notifications.remove(uow, row.target_id, row.actor_id, kind)
    uow.session.delete(row)
    uow.session.flush()


def is_follower(session: Session, actor_id: int, target_id: int) -> bool:
    """Whether `actor` follows `target`, accepted."""
    return session.scalar(select(Follow.id).where(Follow.actor_id == actor_id, Follow.target_id == target_id,
                                                  Follow.state == "accepted")) is not None


def _people(session: Session, column: Any, where: list[ColumnElement[bool]], page: Page) -> list[tuple[int, Actor]]:
    query = select(Follow.id, Actor).join(Actor, Actor.id == column).where(*where, Actor.suspended_at.is_(None))
    rows = session.execute(paginate(query, Follow.id, page)).all()
    return newest_first([(row[0], row[1]) for row in rows], page)


def followers(session: Session, actor_id: int, page: Page) -> list[tuple[int, Actor]]:
    """(follow id, follower) of an actor, newest first; page by the follow id."""
    return _people(session, Follow.actor_id, [Follow.target_id == actor_id, Follow.state == "accepted"], page)


def following(session: Session, actor_id: int, page: Page) -> list[tuple[int, Actor]]:
    """(follow id, followed) of an actor, newest first."""
    return _people(session, Follow.target_id, [Follow.actor_id == actor_id, Follow.state == "accepted"], page)


def follow_requests(session: Session, actor_id: int, page: Page) -> list[tuple[int, Actor]]:
    """(follow id, who asks) to follow a locked account."""
    return _people(session, Follow.actor_id, [Follow.target_id == actor_id, Follow.state == "pending"], page)


def relationships(session: Session, viewer_id: int, ids: Iterable[int]) -> dict[int, Relationship]:
    """How a viewer stands to some accounts."""
    wanted = list(dict.fromkeys(ids))
    found = {actor_id: Relationship(actor_id) for actor_id in wanted}
    if not wanted:
        return found
    for row in session.scalars(select(Follow).where(or_(
            and_(Follow.actor_id == viewer_id, Follow.target_id.in_(wanted)),
            and_(Follow.target_id == viewer_id, Follow.actor_id.in_(wanted))))):
        if row.actor_id == viewer_id and row.target_id in found:
            found[row.target_id].following = row.state == "accepted"
            found[row.target_id].requested = row.state == "pending"
        if row.target_id == viewer_id and row.actor_id in found:
            found[row.actor_id].followed_by = row.state == "accepted"
            found[row.actor_id].requested_by = row.state == "pending"
    for block in session.scalars(select(Block).where(or_(
            and_(Block.actor_id == viewer_id, Block.target_id.in_(wanted)),
            and_(Block.target_id == viewer_id, Block.actor_id.in_(wanted))))):
        if block.actor_id == viewer_id:
            found[block.target_id].blocking = True
        else:
            found[block.actor_id].blocked_by = True
    return found


def favourited(session: Session, viewer_id: int, ids: Iterable[int]) -> set[int]:
    """Which of these posts a viewer likes."""
    wanted = list(ids)
    if not wanted:
        return set()
    return set(session.scalars(select(Favourite.status_id).where(Favourite.actor_id == viewer_id,
                                                                 Favourite.status_id.in_(wanted))))


def reblogged(session: Session, viewer_id: int, ids: Iterable[int]) -> set[int]:
    """Which of these posts a viewer boosted."""
    wanted = list(ids)
    if not wanted:
        return set()
    found = session.scalars(select(Status.reblog_of_id).where(Status.actor_id == viewer_id, Status.reblog_of_id.in_(wanted)))
    return {item for item in found if item is not None}


def favourite(session: Session, actor_id: int, status_id: int) -> Favourite | None:
    """The like of a post by an actor."""
    return session.scalar(select(Favourite).where(Favourite.actor_id == actor_id, Favourite.status_id == status_id))


def favourited_by(session: Session, status_id: int, page: Page) -> list[tuple[int, Actor]]:
    """(like id, actor) of a post."""
    query = select(Favourite.id, Actor).join(Actor, Actor.id == Favourite.actor_id).where(
        Favourite.status_id == status_id, Actor.suspended_at.is_(None))
    return newest_first([(row[0], row[1]) for row in session.execute(paginate(query, Favourite.id, page))], page)


def reblogged_by(session: Session, status_id: int, page: Page) -> list[tuple[int, Actor]]:
    """(boost id, actor) of a post."""
    query = select(Status.id, Actor).join(Actor, Actor.id == Status.actor_id).where(
        Status.reblog_of_id == status_id, Actor.suspended_at.is_(None))
    return newest_first([(row[0], row[1]) for row in session.execute(paginate(query, Status.id, page))], page)


def follower_inboxes(session: Session, actor_id: int) -> list[str]:
    """Where a post to an actor's followers goes: one shared inbox per server that has one."""
    inbox = func.coalesce(Actor.shared_inbox, Actor.inbox)
    return list(session.scalars(select(inbox).distinct().join(Follow, Follow.actor_id == Actor.id).where(
        Follow.target_id == actor_id, Follow.state == "accepted", Actor.domain != "", Actor.suspended_at.is_(None))))


def has_local_follower(session: Session, actor_id: int) -> bool:
    """Whether somebody here follows a remote actor."""
    known: dict[int, bool] | None = session.info.get(FOLLOWED)
    if known is None:
        return session.scalar(_LOCAL_FOLLOWER, {"target": actor_id}) is not None
    if actor_id not in known:
        known[actor_id] = session.scalar(_LOCAL_FOLLOWER, {"target": actor_id}) is not None
    return known[actor_id]


def block(session: Session, actor_id: int, target_id: int) -> Block | None:
    """The block of one actor by another."""
    return session.scalar(select(Block).where(Block.actor_id == actor_id, Block.target_id == target_id))


def block_by_uri(session: Session, uri: str) -> Block | None:
    """The block with this activity id."""
    return session.scalar(select(Block).where(Block.uri == uri))


def blocks(session: Session, actor_id: int, page: Page) -> list[tuple[int, Actor]]:
    """(block id, blocked) of an actor, newest first."""
    query = select(Block.id, Actor).join(Actor, Actor.id == Block.target_id).where(Block.actor_id == actor_id)
    return newest_first([(row[0], row[1]) for row in session.execute(paginate(query, Block.id, page))], page)


def has_local_blocker(session: Session, actor_id: int) -> bool:
    """Whether somebody here blocks a remote actor."""
    return session.scalar(select(Block.id).join(Actor, Actor.id == Block.actor_id).where(
        Block.target_id == actor_id, Actor.domain == "").limit(1)) is not None


def local_followers(session: Session, actor_id: int) -> list[Actor]:
    """Who here follows an actor, accepted."""
    return list(session.scalars(select(Actor).join(Follow, Follow.actor_id == Actor.id).where(
        Follow.target_id == actor_id, Follow.state == "accepted", Actor.domain == "").order_by(Follow.id)))


def local_blockers(session: Session, actor_id: int) -> list[Actor]:
    """Who here blocks an actor."""
    return list(session.scalars(select(Actor).join(Block, Block.actor_id == Actor.id).where(
        Block.target_id == actor_id, Actor.domain == "").order_by(Block.id)))


def blocked_either_way(session: Session, first: int, second: int) -> bool:
    """Whether one of two actors blocks the other."""
    return session.scalar(select(Block.id).where(or_(
        and_(Block.actor_id == first, Block.target_id == second),
        and_(Block.actor_id == second, Block.target_id == first)))) is not None
