"""Whom and what the address of a page names: /@NAME, /@NAME@HOST, /@NAME/ID."""
from __future__ import annotations

from sqlalchemy.orm import Session

from ...errors import Gone, NotFound
from ...models import Actor, Status
from ...store import actors, lineage, statuses
from ...uris import Uris

NO_POST = "There is no such post, or you may not see it."


def account(session: Session, name: str, host: str) -> Actor:
    """The account of a page.

    Raises:
        NotFound: nobody of that name is known here.
        Gone: it was suspended.
    """
    user, _, domain = name.partition("@")
    actor = actors.by_handle(session, user, domain) if domain and domain.lower() != host.lower() \
        else actors.local_active(session, user)
    if actor is None:
        raise NotFound("There is no such account here.")
    if actor.suspended_at is not None:
        raise Gone("This account is gone.")
    return actor


def post(session: Session, uris: Uris, name: str, status_id: int, viewer_id: int | None) -> tuple[Actor, Status]:
    """The author and the post of a page, when the viewer may see it.

    Raises:
        NotFound: not there, or not for the viewer.
        Gone: deleted by its author, or the account is gone.
    """
    actor = account(session, name, uris.host)
    status = statuses.get(session, status_id)
    if status is None or status.actor_id != actor.id or not statuses.visible(session, status, viewer_id):
        if statuses.is_tombstoned(session, uris.status(actor.uri, status_id)) is not None:
            raise Gone("This post was deleted by its author.")
        raise NotFound(NO_POST)
    return actor, status


def shared(session: Session, uris: Uris, name: str, status_id: int) -> Status:
    """The post of a page, when it is one of ours that everybody may see and take along: to other sites, feeds and previews.

    Raises:
        NotFound: see `post`; also for posts of other servers and boosts.
        Gone: see `post`; also when somebody whose consent it needs took that back.
    """
    _, status = post(session, uris, name, status_id, None)
    if not for_everybody(status) or not status.local:
        raise NotFound(NO_POST)
    if not offered(session, status):
        raise Gone("A permission that this video needs was taken back.")
    return status


def offered(session: Session, status: Status) -> bool:
    """Whether a post may be shown on other sites: it is for everybody, and no consent that it needs was taken back."""
    return for_everybody(status) and not lineage.hidden(session, [status.id])


def for_everybody(status: Status) -> bool:
    """Whether a post that can be seen is also public: published, held back by nobody, and no boost."""
    return (status.visibility in statuses.PUBLIC and status.published and status.review != "held"
            and status.reblog_of_id is None)
