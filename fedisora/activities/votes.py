"""Votes: a Create of a Note with `name` and without content, in reply to a Question (Mastodon's way, everybody's by now)."""
from __future__ import annotations

import datetime as dt
from typing import Any

from ..activitypub import addressing, markup
from ..activitypub.ownership import check_attribution
from ..activitypub.parse import id_of, text_of, type_of
from ..db import UnitOfWork
from ..errors import Invalid
from ..models import Actor, Poll, Status
from ..serializers.activitypub.poll import MAX_TITLE
from ..store import jobs, polls, relations, statuses

PAUSE = dt.timedelta(minutes=3)
"""New counts are announced at most this often."""


def build(uri: str, voter: Actor, question: Status, author: Actor, title: str, now: str) -> dict[str, Any]:
    """The Create of one choice, for the poll's author alone."""
    note = {"id": uri, "type": "Note", "name": title, "attributedTo": voter.uri, "inReplyTo": question.uri,
            "to": [author.uri], "published": now}
    return {"id": f"{uri}/activity", "type": "Create", "actor": voter.uri, "to": [author.uri], "object": note}


def is_vote(document: dict[str, Any]) -> bool:
    """Whether an object has the form of a vote: a name instead of a content, in reply to something."""
    return (isinstance(document.get("name"), str) and type_of(document) == "Note" and bool(document.get("inReplyTo"))
            and not document.get("attachment") and not text_of(document, "content"))


def receive(uow: UnitOfWork, document: dict[str, Any], voter: Actor) -> str:
    """Count a remote vote; it is never shown as a post.

    Raises:
        NotOwner: somebody else's vote.
        Invalid: there is no such option.
    """
    session = uow.session
    check_attribution(voter.uri, document)
    question = statuses.by_uri(session, id_of(document.get("inReplyTo")) or "")
    poll = polls.get(session, question.id) if question is not None and question.local else None
    if question is None or poll is None or not statuses.visible(session, question, voter.id):
        return "ignored: no such poll"
    author = session.get_one(Actor, question.actor_id)
    if author.uri not in addressing.audience_of(document).everybody:
        return "ignored: a vote is addressed to the poll's author"
    if relations.blocked_either_way(session, author.id, voter.id):
        return "ignored: blocked"
    title = markup.clean_line(str(document["name"]), MAX_TITLE)
    index = next((number for number, option in enumerate(poll.options) if option["title"] == title), None)
    if index is None:
        raise Invalid("This poll has no such option.", cause=title)
    if polls.over(poll, uow.now):
        return "ignored: the poll is over"
    if not polls.vote(uow, question.id, voter.id, [(index, id_of(document) or "")]):
        return "ignored: voted already"
    counted(uow, poll)
    return "voted"


def counted(uow: UnitOfWork, poll: Poll) -> None:
    """A local poll has new counts: announce them, with those of the next minutes."""
    jobs.enqueue(uow, "announce_poll", {"status_id": poll.status_id}, key=str(poll.status_id), delay=PAUSE)
