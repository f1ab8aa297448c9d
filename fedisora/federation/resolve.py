"""From ids, addresses and handles to stored rows: fetch, check who may say that, store."""
from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import structlog

from ..activities import remote_posts
from ..activitypub import parse
from ..activitypub.vocabulary import ACTOR_TYPES, OBJECT_TYPES
from ..activitypub.webfinger import actor_link, parse_handle, parse_resource, subscribe_template
from ..db import Database, UnitOfWork
from ..errors import FedisoraError, Gone, Malformed, NotFound, NotOwner
from ..models import Actor, Status
from ..serializers.activitypub import actor as actor_serializer
from ..store import actors, peers, statuses
from .client import Client
from .fetch import Fetcher

log = structlog.get_logger()


class Resolver:
    """Finds actors and posts, here or elsewhere. Two callers who ask for one actor at a time cause one fetch."""

    def __init__(self, db: Database, fetcher: Fetcher, client: Client) -> None:
        self._db = db
        self._fetcher = fetcher
        self._client = client
        self._running: dict[str, asyncio.Task[Actor]] = {}

    # ---- actors
    async def actor(self, uri: str, *, refresh: bool = False) -> Actor:
        """The actor of an id, fetched when unknown or stale (a stale one that cannot be fetched is answered as it is).

        Raises:
            NotFound, Gone, Forbidden, Malformed, NotOwner, RemoteUnavailable: it cannot be had.
        """
        await self._fetcher.admit(uri)
        known = await self._db.read(lambda session: actors.by_uri(session, uri))
        if known is not None and (known.local or not (refresh or actors.stale(known, self._db.clock()))):
            return known
        if self._db.instance.uris.is_local(uri):
            raise NotFound("There is no such account here.")
        try:
            return await self._once(uri)
        except FedisoraError as error:
            if known is not None and error.retryable:
                return known
            raise

    async def _once(self, uri: str) -> Actor:
        task = self._running.get(uri)
        if task is None:
            task = self._running[uri] = asyncio.create_task(self._fetch_actor(uri))
            task.add_done_callback(lambda _: self._running.pop(uri, None))
        return await asyncio.shield(task)

    async def _fetch_actor(self, uri: str) -> Actor:
        return await self.store_actor(await self._fetcher.document(uri))

    async def store_actor(self, document: dict[str, Any]) -> Actor:
        """Store an actor's document that was fetched from its own origin.

        Raises:
            Malformed: not an actor.
        """
        data = actor_serializer.from_activitypub(document)
        handle = await self._confirmed_handle(data.uri, data.username, data.domain)
        if handle is not None:
            data = actor_serializer.from_activitypub(document, handle=handle)

        def keep(uow: UnitOfWork) -> Actor:
            peers.met(uow, parse.host_of(data.uri))
            return actors.upsert_remote(uow, data)

        return await self._db.write(keep)

    async def _confirmed_handle(self, uri: str, username: str, domain: str) -> tuple[str, str] | None:
        """(name, domain) by WebFinger, when it loops back to this id; None: the name at the id's own host."""
        try:
            jrd = await self._fetcher.webfinger(f"acct:{username}@{domain}", domain)
        except FedisoraError as error:
            log.debug("no webfinger", actor=uri, reason=str(error))
            return None
        subject = jrd.get("subject")
        found = parse_handle(subject) if isinstance(subject, str) else None
        if found is None or actor_link(jrd) != uri:
            return None
        if found[1] != domain:  # the handle lives on another host, which must say so itself
            try:
                other = await self._fetcher.webfinger(f"acct:{found[0]}@{found[1]}", found[1])
            except FedisoraError:
                return None
            if actor_link(other) != uri:
                return None
        return found

    async def handle(self, name: str, domain: str) -> Actor:
        """The actor of a handle; "" and our own host are this instance.

        Raises:
            NotFound: nobody has it.
        """
        here = self._db.instance.uris.host
        at = "" if domain.lower() in ("", here.lower()) else domain.lower()
        await self._fetcher.admit(at or here)
        known = await self._db.read(lambda session: actors.by_handle(session, name, at))
        if known is not None and (known.local or not actors.stale(known, self._db.clock())):
            return known
        if not at:
            raise NotFound("There is no such account.")
        try:
            uri = actor_link(await self._fetcher.webfinger(f"acct:{name}@{at}", at))
        except FedisoraError as error:
            if known is not None and error.retryable:
                return known
            raise
        if uri is None:
            raise NotFound("There is no such account.", cause=f"@{name}@{at} has no ActivityPub link")
        return await self.actor(uri)

    # ---- posts
    async def status(self, uri: str) -> Status:
        """The post of an id, fetched with its author when unknown.

        Raises:
            NotFound, Gone, Forbidden, Malformed, NotOwner, RemoteUnavailable: it cannot be had.
        """
        await self._fetcher.admit(uri)
        known = await self._db.read(lambda session: statuses.by_uri(session, uri))
        if known is not None:
            return known
        return await self.store_status(await self._fetcher.document(uri))

    async def store_status(self, document: dict[str, Any]) -> Status:
        """Store a post's document that was fetched from its own origin, with its author."""
        uri, authors = parse.id_of(document), parse.ids_of(document.get("attributedTo"))
        if uri is None or not authors or parse.type_of(document) not in OBJECT_TYPES:
            raise Malformed("This is not a post.")
        if not parse.same_origin(uri, authors[0]):
            raise NotOwner(cause=f"{uri} by {authors[0]}")
        author = await self.actor(authors[0])
        if author.suspended_at is not None:
            raise Gone("The author's account is gone.")
        status = await self._db.write(lambda uow: remote_posts.store(uow, document, actors.get(uow.session, author.id),
                                                                     asked=True))
        if status is None:
            raise Gone("This post was deleted.")
        return status

    # ---- whatever somebody pasted
    async def find(self, text: str) -> tuple[Actor | None, Status | None]:
        """The account or post that an address or @name@host names.

        Raises:
            Malformed: neither an address nor a handle.
            NotFound and others: it cannot be had.
        """
        named = parse_resource(text.strip())
        if isinstance(named, tuple):
            return await self.handle(*named), None
        uris = self._db.instance.uris
        if uris.is_local(named):
            return await self._db.read(lambda session: _local(session, uris, named))
        await self._fetcher.admit(named)
        status = await self._db.read(lambda session: statuses.by_uri(session, named))
        if status is not None:
            return None, status
        document = await self._fetcher.document(named)
        if parse.type_of(document) in ACTOR_TYPES:
            known = await self._db.read(lambda session: actors.by_uri(session, parse.id_of(document) or ""))
            if known is not None and not actors.stale(known, self._db.clock()):
                return known, None
            return await self.store_actor(document), None
        known_status = await self._db.read(lambda session: statuses.by_uri(session, parse.id_of(document) or ""))
        return None, known_status or await self.store_status(document)

    async def subscribe_url(self, handle: str, uri: str) -> str:
        """Where the server of `handle` asks its user to confirm following (or answering) `uri`.

        Raises:
            Malformed: not a handle.
            NotFound: that server has no such page.
        """
        named = parse_handle(handle)
        if named is None:
            raise Malformed("Please write your handle as @name@server.")
        name, host = named
        template = subscribe_template(await self._fetcher.webfinger(f"acct:{name}@{host}", host))
        if template is None:
            raise NotFound("Your server does not say how to follow from there. Search for the account there instead.")
        return template.replace("{uri}", quote(uri, safe=""))


def _local(session: Any, uris: Any, url: str) -> tuple[Actor | None, Status | None]:
    status_id = uris.status_id(url)
    if status_id is not None:
        status = statuses.get(session, status_id)
        if status is not None and status.local:
            return None, status
    name = uris.actor_name(url)
    actor = actors.local_active(session, name) if name else None
    if actor is None:
        raise NotFound("There is nothing at this address.")
    return actor, None
