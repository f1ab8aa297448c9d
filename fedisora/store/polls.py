"""Polls and votes."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, Poll, PollVote, Status


def get(session: Session, status_id: int) -> Poll | None:
    """The poll of a post."""
    return session.get(Poll, status_id)


def of_statuses(session: Session, ids: Iterable[int]) -> dict[int, Poll]:
    """Polls by post."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {poll.status_id: poll for poll in session.scalars(select(Poll).where(Poll.status_id.in_(wanted)))}


def choices(session: Session, actor_id: int, ids: Iterable[int]) -> dict[int, list[int]]:
    """What somebody chose, by post."""
    found: dict[int, list[int]] = {}
    wanted = list(set(ids))
    if wanted:
        for status_id, choice in session.execute(select(PollVote.status_id, PollVote.choice).where(
                PollVote.actor_id == actor_id, PollVote.status_id.in_(wanted)).order_by(PollVote.choice)):
            found.setdefault(status_id, []).append(choice)
    return found


def over(poll: Poll, now: dt.datetime) -> bool:
    """Whether nobody can vote any more."""
    return (poll.closed_at is not None and poll.closed_at <= now) or (poll.expires_at is not None and poll.expires_at <= now)


def add(uow: UnitOfWork, status_id: int, titles: Sequence[str], *, multiple: bool, expires_at: dt.datetime | None,
        votes: Sequence[int] = (), voters: int | None = None, closed_at: dt.datetime | None = None,
        fetched: bool = False) -> Poll:
    """The poll of a new post."""
    poll = Poll(status_id=status_id, options=_options(titles, votes or [0] * len(titles)), multiple=multiple,
                expires_at=expires_at, closed_at=closed_at, voters_count=voters, fetched_at=uow.now if fetched else None)
    uow.session.add(poll)
    return poll


def _options(titles: Sequence[str], votes: Sequence[int]) -> list[Any]:
    return [{"title": title, "votes": count} for title, count in zip(titles, votes, strict=True)]


def recount(uow: UnitOfWork, poll: Poll, titles: Sequence[str], votes: Sequence[int], *, multiple: bool,
            expires_at: dt.datetime | None, closed_at: dt.datetime | None, voters: int | None) -> bool:
    """What the author of a remote poll says now. Other options make it another poll: votes for the former ones go.

    Returns:
        Whether the options are others.
    """
    changed = [option["title"] for option in poll.options] != list(titles) or poll.multiple != multiple
    if changed:
        uow.session.execute(sql_delete(PollVote).where(PollVote.status_id == poll.status_id))
    poll.options, poll.multiple, poll.expires_at, poll.closed_at = _options(titles, votes), multiple, expires_at, closed_at
    poll.voters_count, poll.fetched_at = voters, uow.now
    return changed


def vote(uow: UnitOfWork, status_id: int, actor_id: int, chosen: Sequence[tuple[int, str]]) -> list[int]:
    """Count somebody's choices, each once; for a single choice only the first one ever.

    The poll's row is locked, so that votes that arrive together are all counted.

    Args:
        chosen: (index of the option, id of the vote) in order.

    Returns:
        The choices that were new.
    """
    session = uow.session
    poll = session.scalars(select(Poll).where(Poll.status_id == status_id).with_for_update()
                           .execution_options(populate_existing=True)).one()
    before = choices(session, actor_id, [status_id]).get(status_id, [])
    fresh: list[int] = []
    for choice, uri in chosen:
        if choice in before or choice in fresh or (not poll.multiple and (before or fresh)):
            continue
        fresh.append(choice)
        session.add(PollVote(id=uow.new_id(), status_id=status_id, actor_id=actor_id, choice=choice, uri=uri,
                             created_at=uow.now))
    if fresh:
        poll.options = [{**option, "votes": option["votes"] + (index in fresh)} for index, option in enumerate(poll.options)]
        if not before and poll.voters_count is not None:
            poll.voters_count += 1
    session.flush()
    return fresh


def voters(session: Session, status_id: int, *, local: bool) -> list[Actor]:
    """Who voted: local people, or others."""
    where = Actor.domain == "" if local else Actor.domain != ""
    return list(session.scalars(select(Actor).where(where, Actor.id.in_(
        select(PollVote.actor_id).where(PollVote.status_id == status_id))).order_by(Actor.id)))


def with_status(session: Session, status_id: int) -> tuple[Poll, Status] | None:
    """A poll and its post."""
    row = session.execute(select(Poll, Status).join(Status, Status.id == Poll.status_id)
                          .where(Poll.status_id == status_id)).first()
    return (row[0], row[1]) if row is not None else None
