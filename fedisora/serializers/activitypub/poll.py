"""Polls: our rows as the properties of a Question, and others' Questions as values (ActivityStreams; Mastodon)."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from ...activitypub import markup, parse
from ...models import Poll
from ...provenance.record import timestamp

MAX_OPTIONS = 20
"""Options read of a remote poll."""
MAX_TITLE = 255
MOST_VOTES = 2**40


@dataclass(frozen=True)
class PollData:
    """What a Question says: options as (title, votes)."""

    options: tuple[tuple[str, int], ...]
    multiple: bool
    ends: dt.datetime | None
    closed: dt.datetime | None
    voters: int | None


def properties(poll: Poll) -> dict[str, Any]:
    """What makes the Note of a local post a Question."""
    found: dict[str, Any] = {
        "type": "Question",
        "anyOf" if poll.multiple else "oneOf": [
            {"type": "Note", "name": option["title"], "replies": {"type": "Collection", "totalItems": option["votes"]}}
            for option in poll.options],
        "votersCount": poll.voters_count or 0}
    if poll.expires_at is not None:
        found["endTime"] = timestamp(poll.expires_at)
    if poll.closed_at is not None:
        found["closed"] = timestamp(poll.closed_at)
    return found


def read(document: dict[str, Any]) -> PollData | None:
    """The poll of a Question; None when it has no options."""
    multiple = not parse.as_list(document.get("oneOf")) and bool(parse.as_list(document.get("anyOf")))
    options: dict[str, int] = {}
    for item in parse.as_list(document.get("anyOf" if multiple else "oneOf"))[:MAX_OPTIONS]:
        if not isinstance(item, dict):
            continue
        title = markup.clean_line(parse.text_of(item, "name"), MAX_TITLE)
        replies = item.get("replies")
        votes = parse.int_of(replies, "totalItems", most=MOST_VOTES) if isinstance(replies, dict) else None
        if title:
            options.setdefault(title, votes or 0)
    if not options:
        return None
    closed = parse.datetime_of(document, "closed")
    ends = parse.datetime_of(document, "endTime")
    voters = parse.int_of(document, "votersCount", most=MOST_VOTES)
    if voters is None and isinstance(document.get("voters"), list):
        voters = len(document["voters"])  # Pleroma names them
    return PollData(tuple(options.items()), multiple, ends or closed, closed, voters)
