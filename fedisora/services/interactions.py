"""Liking and boosting."""
from __future__ import annotations

from sqlalchemy import select

from ..activities import announce as announce_activity
from ..activities import like as like_activity
from ..activities import outbox
from ..activities import undo as undo_activity
from ..db import UnitOfWork
from ..errors import Forbidden, NotFound
from ..models import Actor, Favourite, Status
from ..store import actors, notifications, relations, statuses


def _seen(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """A post this person may see; a boost stands for what it boosts."""
    status = statuses.get(uow.session, status_id)
    if status is not None and status.reblog_of_id is not None:
        status = statuses.get(uow.session, status.reblog_of_id)
    if status is None or not status.published or not statuses.visible(uow.session, status, actor.id):
        raise NotFound
    if relations.blocked_either_way(uow.session, actor.id, status.actor_id):
        raise Forbidden("You cannot do this to this account's posts.")
    return status


def favourite(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """Like a post; liking twice is one like.

    Raises:
        NotFound: not there, or not for this person.
    """
    status = _seen(uow, actor, status_id)
    if relations.favourite(uow.session, actor.id, status.id) is not None:
        return status
    row_id = uow.new_id()
    like = Favourite(id=row_id, actor_id=actor.id, status_id=status.id, uri=uow.uris.like(actor.uri, row_id),
                     created_at=uow.now)
    uow.session.add(like)
    uow.session.flush()
    statuses.count(uow, status.id, favourites=1)
    author = actors.get(uow.session, status.actor_id)
    notifications.notify(uow, author.id, actor.id, "favourite", status.id)
    if not author.local:
        outbox.send(uow, actor, like_activity.build(like, actor, status), outbox.inbox_of(author, shared=False))
    return status


def unfavourite(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """Take a like back; not liking is no error."""
    status = _seen(uow, actor, status_id)
    like = relations.favourite(uow.session, actor.id, status.id)
    if like is None:
        return status
    author = actors.get(uow.session, status.actor_id)
    if not author.local:
        activity = undo_activity.build(uow.uris.undo(like.uri), actor, like_activity.build(like, actor, status))
        outbox.send(uow, actor, activity, outbox.inbox_of(author, shared=False), object_uri=like.uri)
    uow.session.delete(like)
    statuses.count(uow, status.id, favourites=-1)
    notifications.remove(uow, author.id, actor.id, "favourite", status.id)
    return status


def _boost(uow: UnitOfWork, actor: Actor, status: Status) -> Status | None:
    return uow.session.scalar(select(Status).where(Status.reblog_of_id == status.id, Status.actor_id == actor.id))


def reblog(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """Boost a public post; the wrapper. Boosting twice is one boost.

    Raises:
        NotFound: not there, or not for this person.
        Forbidden: not a public post.
    """
    status = _seen(uow, actor, status_id)
    if status.visibility not in statuses.PUBLIC:
        raise Forbidden("Only public posts can be boosted.")
    known = _boost(uow, actor, status)
    if known is not None:
        return known
    row_id = uow.new_id()
    boost = Status(id=row_id, uri=uow.uris.create(uow.uris.status(actor.uri, row_id)), url=status.url, actor_id=actor.id,
                   local=True, reblog_of_id=status.id, visibility="public", created_at=uow.now)
    uow.session.add(boost)
    uow.session.flush()
    statuses.count(uow, status.id, reblogs=1)
    actors.adjust_counts(uow, actor.id, statuses=1)
    author = actors.get(uow.session, status.actor_id)
    notifications.notify(uow, author.id, actor.id, "reblog", status.id)
    inboxes = relations.follower_inboxes(uow.session, actor.id) + outbox.inbox_of(author)
    outbox.send(uow, actor, announce_activity.build(boost, actor, status, author), inboxes, public=True)
    return boost


def unreblog(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """Take a boost back; the boosted post. Not boosting is no error."""
    status = _seen(uow, actor, status_id)
    boost = _boost(uow, actor, status)
    if boost is None:
        return status
    author = actors.get(uow.session, status.actor_id)
    inboxes = relations.follower_inboxes(uow.session, actor.id) + outbox.inbox_of(author)
    activity = undo_activity.build(f"{boost.uri}/undo", actor, announce_activity.build(boost, actor, status, author))
    outbox.send(uow, actor, activity, inboxes, object_uri=boost.uri)
    notifications.remove(uow, author.id, actor.id, "reblog", status.id)
    statuses.delete(uow, boost)
    return status
