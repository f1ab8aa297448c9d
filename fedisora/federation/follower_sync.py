"""FEP-8fcf, the receiving side: when a server's digest of our followers of its actor is not ours, ask for its list and agree.

Nothing is believed that is not on the actor's own origin, and nothing is removed unless the list has the digest that was
announced: a list in the middle of a change is left for the next time.
"""
from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from sqlalchemy.orm import Session

from ..activities import accept, follow, outbox, undo
from ..activitypub import parse
from ..activitypub.follower_sync import HEADER, digest
from ..activitypub.follower_sync import parse as parse_header
from ..db import Database, UnitOfWork
from ..errors import Malformed
from ..models import Actor, Follow
from ..store import actors, jobs, relations
from .crawl import Budget, items
from .fetch import Fetcher

log = structlog.get_logger()
PAGES = 50
SECONDS = 60.0


def note(uow: UnitOfWork, headers: Mapping[str, str], actor_uri: str) -> bool:
    """Look at the header of a verified delivery; whether the lists have to be compared (a job does that).

    Args:
        headers: of the request, by lower-case name.
        actor_uri: the verified sender.
    """
    text = headers.get(HEADER.lower())
    wanted = differing(uow.session, text, actor_uri) if text else None
    if wanted is None:
        return False
    jobs.enqueue(uow, "sync_followers", dict(wanted), key=actor_uri[:200])
    return True


def differing(session: Session, text: str, actor_uri: str) -> dict[str, str] | None:
    """What to compare: the payload of a `sync_followers` job; None when the header says what we know, or counts for nothing."""
    try:
        said = parse_header(text)
    except Malformed as error:
        log.debug("follower synchronisation ignored", actor=actor_uri, reason=str(error))
        return None
    actor = actors.by_uri(session, actor_uri)
    if actor is None or actor.local or said.collection_id != actor.followers_uri \
            or not parse.same_origin(said.url, actor.uri):
        return None
    if digest(person.uri for person in relations.local_followers(session, actor.id)) == said.digest:
        return None
    return {"actor_uri": actor.uri, "url": said.url, "digest": said.digest}


class FollowerSync:
    """Compares and agrees."""

    def __init__(self, db: Database, fetcher: Fetcher) -> None:
        self._db = db
        self._fetcher = fetcher

    async def run(self, actor_uri: str, url: str, wanted: str) -> str:
        """Fetch the list of our accounts that follow an actor elsewhere, and agree with it; a short outcome.

        Raises:
            Forbidden, NotFound, Gone, Malformed, NotOwner, RemoteUnavailable: the list cannot be had.
        """
        if not parse.same_origin(url, actor_uri):
            return "ignored: the list is on another server"
        listed: set[str] = set()
        async with asyncio.timeout(SECONDS):
            budget = Budget(PAGES, PAGES, 0)
            async for item in items(self._fetcher, url, budget, owner=actor_uri):
                uri = parse.id_of(item)
                if uri is not None:
                    listed.add(uri)
        if digest(listed) != wanted:
            return "ignored: the list changed meanwhile"
        return await self._db.write(lambda uow: agree(uow, actor_uri, listed))


def agree(uow: UnitOfWork, actor_uri: str, listed: set[str]) -> str:
    """Make our follows of a remote actor what its server says: drop those it does not have, and take back those we do not."""
    session = uow.session
    target = actors.by_uri(session, actor_uri)
    if target is None or target.local:
        return "ignored: unknown actor"
    removed = undone = 0
    for person in relations.local_followers(session, target.id):
        if person.uri not in listed:
            row = relations.follow(session, person.id, target.id)
            if row is not None:
                relations.drop_follow(uow, row)
                removed += 1
    for uri in sorted(listed):
        person_or_none = actors.by_uri(session, uri) if uow.uris.is_local(uri) else None
        if person_or_none is None or not person_or_none.local or person_or_none.type == "Application":
            continue
        row = relations.follow(session, person_or_none.id, target.id)
        if row is None:
            _take_back(uow, person_or_none, target)
            undone += 1
        elif row.state == "pending":
            accept.accepted(uow, row)  # its Accept was lost
    return f"{removed} removed, {undone} taken back"


def _take_back(uow: UnitOfWork, person: Actor, target: Actor) -> None:
    """An Undo of a follow that only the other server knows of: by its actor and object, its id is unknown here."""
    row_id = uow.new_id()
    row = Follow(id=row_id, actor_id=person.id, target_id=target.id, uri=uow.uris.follow(person.uri, row_id),
                 state="accepted", created_at=uow.now)  # never added: only its activity is built
    activity = undo.build(uow.uris.undo(row.uri), person, follow.build(row, person, target))
    outbox.send(uow, person, activity, outbox.inbox_of(target, shared=False), object_uri=row.uri)
