"""Conversations: answers and what they answer, the posts of one that starts here, when to look for more (FEP-7888)."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import Select, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Status
from ..uris import Uris
from . import jobs, statuses

AGE = dt.timedelta(minutes=15)


# Asked for every post that arrives: built once, see store/actors.py.
_ORPHANS = select(Status.id, Status.published).where(Status.in_reply_to_uri == bindparam("uri"), Status.in_reply_to_id.is_(None),
                                   Status.id != bindparam("own_id"))


def adopt_replies(uow: UnitOfWork, parent: Status) -> int:
    """Link answers that arrived before the post they answer; how many there were."""
    session = uow.session
    orphans = {row[0]: row[1] for row in session.execute(_ORPHANS, {"uri": parent.uri, "own_id": parent.id})}
    if orphans:
        session.execute(update(Status).where(Status.id.in_(orphans)).values(
            in_reply_to_id=parent.id, in_reply_to_actor_id=parent.actor_id), execution_options={"synchronize_session": "fetch"})
        statuses.count_reply(uow, parent.id, sum(orphans.values()))  # what is held back counts once it is shown
    return len(orphans)


def _conversation(root_id: int, context_uri: str) -> Select[int, str]:
    """(row id, id) of the public posts of a conversation that starts here: what hangs below its root, and posts of ours
    that name it (their parent may be deleted). What others merely say they belong to does not count."""
    tree = select(Status.id).where(or_(Status.id == root_id, and_(
        Status.context_uri == context_uri, Status.local.is_(True)))).cte("conversation", recursive=True)
    tree = tree.union(select(Status.id).join(tree, Status.in_reply_to_id == tree.c.id))
    return select(Status.id, Status.uri).join(tree, tree.c.id == Status.id).where(
        Status.visibility.in_(statuses.PUBLIC), Status.published.is_(True), Status.reblog_of_id.is_(None))


def conversation(session: Session, root_id: int, context_uri: str, after: int, limit: int) -> list[tuple[int, str]]:
    """(row id, id) of the public posts of a conversation that starts here, oldest first."""
    query = _conversation(root_id, context_uri).where(Status.id > after).order_by(Status.id).limit(limit)
    return [(row[0], row[1]) for row in session.execute(query)]


def conversation_size(session: Session, root_id: int, context_uri: str) -> int:
    """How many public posts a conversation that starts here has."""
    return session.scalar(select(func.count()).select_from(_conversation(root_id, context_uri).subquery())) or 0


def public_replies(session: Session, status_id: int) -> list[Status]:
    """Direct public answers to a post, oldest first."""
    return list(session.scalars(select(Status).where(Status.in_reply_to_id == status_id, Status.visibility.in_(statuses.PUBLIC))
                                .order_by(Status.id).limit(statuses.MAX_THREAD)))


def worth_a_look(session: Session, uris: Uris, status_id: int, now: dt.datetime) -> bool:
    """Whether a post belongs to a public conversation that is not only ours, and nobody looked for its rest lately."""
    status = statuses.get(session, status_id)
    if status is None or status.visibility not in statuses.PUBLIC:
        return False
    elsewhere = not status.local or (status.in_reply_to_uri is not None and not uris.is_local(status.in_reply_to_uri))
    return elsewhere and (status.thread_fetched_at is None or status.thread_fetched_at < now - AGE)


def look_for_more(uow: UnitOfWork, status_id: int) -> None:
    """Have the rest of a conversation fetched; one wish at a time."""
    jobs.enqueue(uow, "complete_thread", {"status_id": status_id}, key=str(status_id))
