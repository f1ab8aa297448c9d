"""Blocking an account, and letting it back."""
from __future__ import annotations

from ..activities import block as block_activity
from ..activities import consents as consent_rules
from ..activities import outbox
from ..activities import undo as undo_activity
from ..db import UnitOfWork
from ..errors import Invalid
from ..models import Actor, Block
from ..store import consents, relations
from . import follows


def block(uow: UnitOfWork, actor: Actor, target: Actor) -> Block:
    """Block an account; blocking twice is one block. The other server is told, as Mastodon does: Reject and Undo of
    the follows between the two, then the Block. What they asked consent for is refused.

    Raises:
        Invalid: oneself, or this instance.
    """
    if actor.id == target.id:
        raise Invalid("You cannot block yourself.")
    if target.local and target.type == "Application":
        raise Invalid("This instance cannot be blocked.")
    known = relations.block(uow.session, actor.id, target.id)
    if known is not None:
        return known
    follows.unfollow(uow, actor, target)
    if relations.follow(uow.session, target.id, actor.id) is not None:
        follows.remove_follower(uow, actor, target.id)
    block_activity.separate(uow, actor, target)
    for asked in consents.unanswered(uow.session, actor.id, requester_id=target.id):
        consent_rules.refuse(uow, actor, target, asked, consent_rules.NOT_ALLOWED)
    row_id = uow.new_id()
    row = Block(id=row_id, actor_id=actor.id, target_id=target.id, uri=uow.uris.block(actor.uri, row_id), created_at=uow.now)
    uow.session.add(row)
    uow.session.flush()
    if not target.local:
        outbox.send(uow, actor, block_activity.build(row, actor, target), outbox.inbox_of(target, shared=False))
    return row


def unblock(uow: UnitOfWork, actor: Actor, target: Actor) -> None:
    """Let an account back; not blocking it is no error. Follows do not come back by themselves."""
    row = relations.block(uow.session, actor.id, target.id)
    if row is None:
        return
    if not target.local:
        activity = undo_activity.build(uow.uris.undo(row.uri), actor, block_activity.build(row, actor, target))
        outbox.send(uow, actor, activity, outbox.inbox_of(target, shared=False), object_uri=row.uri)
    uow.session.delete(row)
    uow.session.flush()
