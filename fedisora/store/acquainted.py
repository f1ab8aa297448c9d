"""Servers that know one of our people without anybody there following them."""
from __future__ import annotations

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models import Actor, Delivery, Follow, Notification, OutboxActivity

MOST: Final = 500
_SENT: Final = 100
"""So many of the newest activities are gone through: each may have gone to thousands of servers."""
_MET: Final = 1000
"""So much of what others did is gone through."""


def inboxes(session: Session, actor_id: int) -> list[str]:
    """Inboxes of servers that got something of an actor's while deliveries are kept, whose people did something that the actor
    was told of, or whom the actor follows: one shared inbox per server that has one, `MOST` at most."""
    inbox = func.coalesce(Actor.shared_inbox, Actor.inbox)
    sent = (select(OutboxActivity.id).where(OutboxActivity.actor_id == actor_id)
            .order_by(OutboxActivity.id.desc()).limit(_SENT).subquery())
    met = (select(Notification.from_actor_id).where(Notification.actor_id == actor_id)
           .order_by(Notification.id.desc()).limit(_MET).subquery())
    followed = select(Follow.target_id).where(Follow.actor_id == actor_id, Follow.state == "accepted")
    remote = (Actor.domain != "", Actor.suspended_at.is_(None))
    found: dict[str, None] = {}
    for query in (select(inbox).distinct().join(met, met.c.from_actor_id == Actor.id).where(*remote),
                  select(Delivery.inbox).distinct().join(sent, sent.c.id == Delivery.activity_id).where(Delivery.state == "done"),
                  select(inbox).distinct().where(Actor.id.in_(followed), *remote)):
        found.update(dict.fromkeys(row for row in session.scalars(query.limit(MOST)) if row))
    return list(found)[:MOST]
