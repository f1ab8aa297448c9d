"""Voting, and what becomes of polls: new counts are announced, and at the end everybody who took part is told."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from ..activities import local_posts, outbox, votes
from ..activitypub import markup
from ..db import UnitOfWork
from ..errors import Forbidden, Invalid, NotFound
from ..models import Actor, Poll, Status
from ..provenance.record import timestamp
from ..store import actors, jobs, notifications, polls, relations, statuses

MAX_OPTIONS = 4
MAX_TITLE = 50
SHORTEST, LONGEST = 300, 2_629_746
"""Seconds a poll may last: five minutes to a month."""
STALE = dt.timedelta(minutes=1)
"""Counts of a remote poll older than this are fetched again when somebody looks."""


@dataclass(frozen=True)
class PollDraft:
    """A poll that a person wants to attach to a post."""

    options: tuple[str, ...]
    expires_in: int
    multiple: bool = False


def check(draft: PollDraft) -> None:
    """Raises Invalid when it cannot be a poll."""
    titles = [_title(option) for option in draft.options]
    if len(titles) < 2:
        raise Invalid("Validation failed: Poll must have more than one item")
    if len(titles) > MAX_OPTIONS:
        raise Invalid(f"Validation failed: Poll can't contain more than {MAX_OPTIONS} items")
    if len(set(titles)) < len(titles):
        raise Invalid("Validation failed: Poll must not contain duplicate items")
    if not all(titles) or any(len(option.strip()) > MAX_TITLE for option in draft.options):
        raise Invalid(f"Validation failed: Poll items have 1 to {MAX_TITLE} characters")
    if not SHORTEST <= draft.expires_in <= LONGEST:
        raise Invalid("Validation failed: Poll lasts from five minutes to a month")


def _title(option: str) -> str:
    return markup.clean_line(option, MAX_TITLE)


def attach(uow: UnitOfWork, status: Status, draft: PollDraft) -> None:
    """Give a new local post its poll; the time runs from now."""
    status.object_type = "Question"
    ends = (uow.now + dt.timedelta(seconds=draft.expires_in)).replace(microsecond=0)
    polls.add(uow, status.id, [_title(option) for option in draft.options], multiple=draft.multiple, expires_at=ends, voters=0)
    end_later(uow, status.id, ends)


def end_later(uow: UnitOfWork, status_id: int, ends: dt.datetime | None) -> None:
    """Plan what happens at the end of a poll."""
    if ends is not None:
        # The end is part of the key: a running job must not stand in for one that comes later.
        jobs.enqueue(uow, "end_poll", {"status_id": status_id}, key=f"{status_id}:{int(ends.timestamp())}",
                     delay=max(ends - uow.now, dt.timedelta()))


def find(uow: UnitOfWork, actor: Actor, status_id: int) -> tuple[Poll, Status]:
    """A poll and its post.

    Raises:
        NotFound: not there, or not for this person.
    """
    found = polls.with_status(uow.session, status_id)
    if found is None or not found[1].published or not statuses.visible(uow.session, found[1], actor.id):
        raise NotFound
    return found


def vote(uow: UnitOfWork, actor: Actor, status_id: int, choices: Sequence[int]) -> Status:
    """Vote, once and for all.

    Raises:
        NotFound: no such poll for this person.
        Forbidden: blocked.
        Invalid: over, voted already, one's own, no such option, or too many.
    """
    poll, status = find(uow, actor, status_id)
    session = uow.session
    if relations.blocked_either_way(session, actor.id, status.actor_id):
        raise Forbidden("You cannot do this to this account's posts.")
    if status.actor_id == actor.id:
        raise Invalid("Validation failed: You cannot vote in your own poll")
    if polls.over(poll, uow.now):
        raise Invalid("Validation failed: The poll has already ended")
    chosen = list(dict.fromkeys(choices))
    if not chosen or any(not 0 <= choice < len(poll.options) for choice in chosen):
        raise Invalid("Validation failed: The chosen vote option does not exist")
    if len(chosen) > 1 and not poll.multiple:
        raise Invalid("Validation failed: This poll takes one choice only")
    if polls.choices(session, actor.id, [status.id]):
        raise Invalid("Validation failed: You have already voted on this poll")
    named = [(choice, uow.uris.vote(actor.uri, uow.new_id())) for choice in chosen]
    fresh = set(polls.vote(uow, status.id, actor.id, named))
    if status.local:
        votes.counted(uow, poll)
        return status
    author = actors.get(session, status.actor_id)
    for choice, uri in named:
        if choice in fresh:
            activity = votes.build(uri, actor, status, author, poll.options[choice]["title"], timestamp(uow.now))
            outbox.send(uow, actor, activity, outbox.inbox_of(author, shared=False), object_uri=status.uri)
    end_later(uow, status.id, poll.expires_at)
    return status


def announce(uow: UnitOfWork, status_id: int) -> None:
    """Send the present counts of a local poll."""
    found = polls.with_status(uow.session, status_id)
    if found is not None and found[1].local and found[1].published:
        local_posts.send_update(uow, found[1], actors.get(uow.session, found[1].actor_id))


def end(uow: UnitOfWork, status_id: int) -> None:
    """A poll is over: a local one sends its last counts, and whoever made it or voted here is told. Twice changes nothing."""
    session = uow.session
    found = polls.with_status(session, status_id)
    if found is None or not found[1].published:
        return
    poll, status = found
    if poll.expires_at is not None and poll.expires_at > uow.now:  # its author gave it more time
        end_later(uow, status_id, poll.expires_at)
        return
    author = actors.get(session, status.actor_id)
    if status.local and poll.closed_at is None:
        poll.closed_at = poll.expires_at or uow.now
        session.flush()
        local_posts.send_update(uow, status, author)
    for person in [*polls.voters(session, status_id, local=True), *([author] if author.local else [])]:
        notifications.notify(uow, person.id, author.id, "poll", status_id)


def refresh_later(uow: UnitOfWork, status_id: int) -> None:
    """Fetch a remote poll's counts again when they are old."""
    found = polls.with_status(uow.session, status_id)
    if found is None:
        return
    poll, status = found
    if not status.local and not (poll.closed_at or (poll.fetched_at and poll.fetched_at > uow.now - STALE)):
        jobs.enqueue(uow, "refresh_status", {"uri": status.uri}, key=status.uri[:200])
