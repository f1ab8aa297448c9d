"""Documents of local posts and where they go: what the first sending and every later change have in common."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ..db import UnitOfWork
from ..models import Actor, Status
from ..serializers.activitypub import note as note_serializer
from ..store import actors, lineage, polls, records, relations, relays, statuses
from ..store import media as media_rows
from . import outbox


def document(uow: UnitOfWork, status: Status, actor: Actor) -> dict[str, Any]:
    """The signed object of a post as it is now, kept to be served.

    A remix whose consent was taken back goes without its file: also servers that know nothing of consent show it no more.
    """
    session = uow.session
    files = [] if lineage.hidden(session, [status.id]) else media_rows.of_statuses(session, [status.id]).get(status.id, [])
    note = note_serializer.to_activitypub(
        status, actor, files,
        statuses.mentions(session, [status.id]).get(status.id, []), statuses.tags(session, [status.id]).get(status.id, []),
        uow.uris, ballot=polls.get(session, status.id) if status.object_type == "Question" else None,
        beside=records.beside(session, files))
    signed = outbox.sign(uow, actor, note)
    status.document = orjson.dumps(signed)
    return signed


def inboxes(uow: UnitOfWork, status: Status, actor: Actor) -> list[str]:
    """Where a post goes: the followers' servers, who is mentioned, whom it answers, who voted in its poll, and
    relays when it is public."""
    session = uow.session
    found = relations.follower_inboxes(session, actor.id) if status.visibility != "direct" else []
    people = list(statuses.mentions(session, [status.id]).get(status.id, []))
    if status.in_reply_to_actor_id is not None and status.visibility in statuses.PUBLIC:
        people.append(actors.get(session, status.in_reply_to_actor_id))
    if status.object_type == "Question" and status.published:
        people.extend(polls.voters(session, status.id, local=False))
    for person in people:
        found.extend(outbox.inbox_of(person))
    return found + (relays.inboxes(session, relays.MASTODON) if status.visibility == "public" else [])


def send_update(uow: UnitOfWork, status: Status, actor: Actor, others: Sequence[str] = ()) -> None:
    """Tell everybody who has a post that it changed: its words, its poll's counts, or that its quote was approved."""
    note = document(uow, status, actor)
    activity = {"id": uow.uris.update(status.uri, int(uow.now.timestamp() * 1000)), "type": "Update", "actor": actor.uri,
                "to": note["to"], "cc": note["cc"], "object": note}
    outbox.send(uow, actor, activity, [*inboxes(uow, status, actor), *others], object_uri=status.uri)
