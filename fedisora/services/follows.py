"""Following and being followed."""
from __future__ import annotations

from sqlalchemy import select

from ..activities import accept as accept_activity
from ..activities import follow as follow_activity
from ..activities import outbox
from ..activities import reject as reject_activity
from ..activities import undo as undo_activity
from ..db import UnitOfWork
from ..errors import Forbidden, Invalid, NotFound
from ..models import Actor, Follow
from ..store import actors, domains, notifications, relations


def follow(uow: UnitOfWork, actor: Actor, target: Actor) -> Follow:
    """Follow an account; asking twice is the same follow.

    Raises:
        Invalid: oneself, or an instance.
        Forbidden: one blocks the other, the account has moved, or we exchange nothing with its domain.
        NotFound: the account is gone.
    """
    session = uow.session
    if actor.id == target.id:
        raise Invalid("You cannot follow yourself.")
    if target.suspended_at is not None:
        raise NotFound("This account is gone.")
    if target.local and target.type == "Application":
        raise Invalid("An instance cannot be followed.")
    if relations.blocked_either_way(session, actor.id, target.id):
        raise Forbidden("This account cannot be followed.")
    if not target.local:
        domains.load(session, uow.settings, [target.uri]).check(target.uri)
    known = relations.follow(session, actor.id, target.id)
    if known is not None:
        return known
    if target.local and target.moved_to:
        raise Forbidden("This account has moved. Follow the new one instead.")
    row_id = uow.new_id()
    row = Follow(id=row_id, actor_id=actor.id, target_id=target.id, uri=uow.uris.follow(actor.uri, row_id),
                 state="pending", created_at=uow.now)
    session.add(row)
    session.flush()
    if not target.local:
        outbox.send(uow, actor, follow_activity.build(row, actor, target), outbox.inbox_of(target, shared=False))
    elif target.locked:
        notifications.notify(uow, target.id, actor.id, "follow_request")
    else:
        _accepted(uow, row)
        notifications.notify(uow, target.id, actor.id, "follow")
    return row


def _accepted(uow: UnitOfWork, row: Follow) -> None:
    row.state = "accepted"
    uow.session.flush()
    actors.adjust_counts(uow, row.target_id, followers=1)
    actors.adjust_counts(uow, row.actor_id, following=1)


def unfollow(uow: UnitOfWork, actor: Actor, target: Actor) -> None:
    """Stop following, or take back the wish to; not following is no error."""
    row = relations.follow(uow.session, actor.id, target.id)
    if row is None:
        return
    if not target.local:
        activity = undo_activity.build(uow.uris.undo(row.uri), actor, follow_activity.build(row, actor, target))
        outbox.send(uow, actor, activity, outbox.inbox_of(target, shared=False), object_uri=row.uri)
    relations.drop_follow(uow, row)


def _request(uow: UnitOfWork, actor: Actor, requester_id: int) -> tuple[Follow, Actor]:
    row = uow.session.scalar(select(Follow).where(Follow.actor_id == requester_id, Follow.target_id == actor.id))
    if row is None:
        raise NotFound("There is no such request.")
    return row, actors.get(uow.session, requester_id)


def authorize(uow: UnitOfWork, actor: Actor, requester_id: int) -> None:
    """Let somebody follow a locked account."""
    row, requester = _request(uow, actor, requester_id)
    if row.state == "accepted":
        return
    _accepted(uow, row)
    notifications.remove(uow, actor.id, requester_id, "follow_request")
    notifications.notify(uow, actor.id, requester_id, "follow")
    if not requester.local:
        accept_activity.send(uow, row, requester, actor)


def reject(uow: UnitOfWork, actor: Actor, requester_id: int) -> None:
    """Refuse a follower, or remove one."""
    row, requester = _request(uow, actor, requester_id)
    if not requester.local:
        document = {"id": row.uri, "type": "Follow", "actor": requester.uri, "object": actor.uri}
        outbox.send(uow, actor, reject_activity.build(uow.uris.reject(actor.uri, uow.new_id()), actor, document),
                    outbox.inbox_of(requester, shared=False), object_uri=row.uri)
    relations.drop_follow(uow, row)


remove_follower = reject
