"""Posts that a person puts on the profile (the `featured` collection)."""
from __future__ import annotations

from ..activities import add as add_activity
from ..activities import outbox
from ..db import UnitOfWork
from ..errors import Invalid
from ..models import Actor, Status
from ..store import pins, relations, statuses
from . import publish


def pin(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """Put one of one's own public posts on the profile; doing it twice changes nothing.

    Raises:
        NotFound, Forbidden: not this author's post.
        Invalid: a boost, not public, not published yet, or too many.
    """
    status = publish.own(uow, actor, status_id)
    if status.reblog_of_id is not None:
        raise Invalid("Validation failed: Boosts cannot be pinned")
    if status.visibility not in statuses.PUBLIC:
        raise Invalid("Validation failed: Only public posts can be pinned")
    if not status.published:
        raise Invalid("Validation failed: This post is not published yet")
    if status.pinned_at is not None:
        return status
    if pins.count(uow.session, actor.id) >= pins.MAX_PINNED:
        raise Invalid(f"Validation failed: You can pin {pins.MAX_PINNED} posts at most")
    status.pinned_at = uow.now
    _tell(uow, "Add", actor, status)
    return status


def unpin(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """Take a post from the profile; one that is not there is no error.

    Raises:
        NotFound, Forbidden: not this author's post.
    """
    status = publish.own(uow, actor, status_id)
    if status.pinned_at is not None:
        status.pinned_at = None
        _tell(uow, "Remove", actor, status)
    return status


def _tell(uow: UnitOfWork, kind: str, actor: Actor, status: Status) -> None:
    uow.session.flush()
    uri = uow.uris.pin(status.uri, kind, int(uow.now.timestamp() * 1000))
    outbox.send(uow, actor, add_activity.build(kind, uri, actor, status), relations.follower_inboxes(uow.session, actor.id),
                object_uri=status.uri)
