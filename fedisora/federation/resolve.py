"""From ids, addresses and handles to stored rows: fetch, check who may say that, store."""
from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import structlog

from ..activities import delete, remote_posts
from ..activitypub import parse
from ..activitypub.vocabulary import ACTOR_TYPES, OBJECT_TYPES
from ..activitypub.webfinger import actor_link, parse_handle, parse_resource, subscribe_template, webfinger_host
from ..db import Database, UnitOfWork
from ..errors import FedisoraError, Gone, Malformed, NotFound, NotOwner
from ..models import Actor, Status
from ..serializers.activitypub import actor as actor_serializer
from ..store import actors, backfill, peers, statuses
from .client import Client
from .fetch import Fetcher

log = structlog.get_logger()
MOST_AUTHORS = 4
WEBFINGER_SECONDS = 12.0
"""For all look-ups that one actor's handle may take: whoever it names must not keep us waiting."""


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
        except Gone:
            if known is not None and known.suspended_at is None:
                await self._db.write(lambda uow: delete.account(uow, actors.get(uow.session, known.id)))
            raise
        except FedisoraError as error:
            if known is not None and error.retryable:
                return known
            raise

    async def fresh(self, uri: str) -> Actor:
        """The actor of an id as its server answers now; what is known from earlier does not count.

        Raises:
            NotFound, Gone, Forbidden, Malformed, NotOwner, RemoteUnavailable: it cannot be had.
        """
        if self._db.instance.uris.is_local(uri):
            return await self.actor(uri)
        document = await self._fetcher.document(uri)
        if parse.id_of(document) != uri:
            raise NotOwner("The document's id is not the address that it was fetched from.", cause=uri)
        return await self.store_actor(document)

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
        if data.domain == webfinger_host(self._db.instance.uris.host):  # our host by another scheme
            raise Malformed("This is not an account of another server.", cause=data.uri)
        known = await self._db.read(lambda session: actors.by_uri(session, data.uri))
        claims = [claim for claim in (actor_serializer.claimed_handle(document), (data.username, data.domain)) if claim]
        try:
            async with asyncio.timeout(WEBFINGER_SECONDS):
                handle, answered = await self._confirmed_handle(data.uri, claims)
        except TimeoutError:
            handle, answered = None, False
        if handle is not None:
            data = actor_serializer.from_activitypub(document, handle=handle)
        elif known is not None and not answered:  # no news about its handle: it keeps the one it has
            data = actor_serializer.from_activitypub(document, handle=(known.username, known.domain))
        again = known is not None and actors.stale(known, self._db.clock())

        def store(uow: UnitOfWork) -> Actor:
            peers.met(uow, parse.host_of(data.uri))
            actor = actors.upsert_remote(uow, data, confirmed=handle is not None)
            if again:
                backfill.refreshed(uow, actor)
            return actor

        return await self._db.write(store)

    async def _confirmed_handle(self, uri: str, claims: list[tuple[str, str]]) -> tuple[tuple[str, str] | None, bool]:
        """The first claimed (name, host) that WebFinger confirms, and whether every host that was asked answered."""
        answered = True
        for name, host in dict.fromkeys((name, host.lower()) for name, host in claims):
            try:
                found = await self._loops_back(uri, name, host)
            except FedisoraError as error:
                log.debug("no webfinger", actor=uri, handle=f"{name}@{host}", reason=str(error))
                answered = answered and not error.retryable
                continue
            if found is not None:
                return found, True
        return None, answered

    async def _loops_back(self, uri: str, name: str, host: str) -> tuple[str, str] | None:
        """(name, host) when the host says that this handle is this id's; when it says that the id has another handle, that
        one's host is asked too, and no further one."""
        subject, link = await self._finger(name, host)
        if subject is None or link != uri:
            return None
        if not _same(subject, (name, host)):
            again, link = await self._finger(*subject)
            if link != uri or again is None or not _same(again, subject):
                return None
        return subject

    async def _finger(self, name: str, host: str) -> tuple[tuple[str, str] | None, str | None]:
        """What a host's WebFinger says about a handle: (subject as a handle, actor id)."""
        if host == webfinger_host(self._db.instance.uris.host):
            return None, None  # our own handles are never anybody else's
        jrd = await self._fetcher.webfinger(f"acct:{name}@{host}", host)
        subject = jrd.get("subject")
        return parse_handle(subject) if isinstance(subject, str) else None, actor_link(jrd)

    async def handle(self, name: str, domain: str) -> Actor:
        """The actor of a handle; "" and our own host are this instance.

        Raises:
            NotFound: nobody has it, or who it leads to does not have it.
        """
        here = webfinger_host(self._db.instance.uris.host)
        at = webfinger_host(domain) if domain else ""
        at = "" if at == here else at
        await self._fetcher.admit(at or here)
        known = await self._db.read(lambda session: actors.by_handle(session, name, at))
        if known is not None and (known.local or not actors.stale(known, self._db.clock())):
            return known
        if not at:
            raise NotFound("There is no such account.")
        try:
            subject, uri = await self._finger(name, at)
        except FedisoraError as error:
            if known is not None and error.retryable:
                return known
            raise
        if uri is None:
            raise NotFound("There is no such account.", cause=f"@{name}@{at} has no ActivityPub link")
        for refresh in (False, True):  # what we know of it may be older than its handle
            actor = await self.actor(uri, refresh=refresh)
            if any(_same((actor.username, actor.domain), asked) for asked in ((name, at), subject) if asked is not None):
                return actor
        raise NotFound("There is no such account.", cause=f"@{name}@{at} leads to {uri}, which is @{actor.acct}")

    # ---- posts
    async def status(self, uri: str, *, quiet: bool = False, deep: bool = True) -> Status:
        """The post of an id, fetched with its author when unknown.

        Raises:
            NotFound, Gone, Forbidden, Malformed, NotOwner, RemoteUnavailable: it cannot be had.
        """
        await self._fetcher.admit(uri)
        known = await self._db.read(lambda session: statuses.by_uri(session, uri))
        if known is not None:
            return known
        return await self.store_status(await self._fetcher.document(uri), quiet=quiet, deep=deep)

    async def store_status(self, document: dict[str, Any], *, quiet: bool = False, deep: bool = True) -> Status:
        """Store a post's document that was fetched from its own origin, with its author; `quiet`, `deep`: see
        `remote_posts.store`."""
        uri, authors = parse.id_of(document), parse.ids_of(document.get("attributedTo"))
        if uri is None or not authors or parse.type_of(document) not in OBJECT_TYPES:
            raise Malformed("This is not a post.")
        author = await self._author(uri, authors)
        if author.suspended_at is not None:
            raise Gone("The author's account is gone.")
        status = await self._db.write(lambda uow: remote_posts.store(uow, document, actors.get(uow.session, author.id),
                                                                     asked=True, quiet=quiet, deep=deep))
        if status is None:
            raise Gone("This post was deleted.")
        return status

    async def _author(self, uri: str, names: list[str]) -> Actor:
        """Who wrote a post: the first on its origin that is no channel (PeerTube names one beside its person), else the channel.

        Raises:
            NotOwner: nobody of the post's origin.
            NotFound and others: the author cannot be had.
        """
        channel = None
        for name in names[:MOST_AUTHORS]:
            if parse.same_origin(uri, name):
                author = await self.actor(name)
                if author.type != "Group":
                    return author
                channel = channel or author
        if channel is None:
            raise NotOwner(cause=f"{uri} by {names[0]}")
        return channel

    async def refresh_status(self, uri: str) -> str:
        """Fetch a known remote post again and apply what changed; the outcome in a few words.

        Raises:
            NotFound, Gone, Forbidden, Malformed, NotOwner, RemoteUnavailable: it cannot be had.
        """
        document = await self._fetcher.document(uri)

        def apply(uow: UnitOfWork) -> str:
            known = statuses.by_uri(uow.session, parse.id_of(document) or "")
            if known is None or known.local or parse.type_of(document) not in OBJECT_TYPES:
                return "ignored: unknown post"
            return remote_posts.edit(uow, document, actors.get(uow.session, known.actor_id))

        return await self._db.write(apply)

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


def _same(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Whether two handles are one: the name in any case, the host normalised."""
    return first[0].lower() == second[0].lower() and webfinger_host(first[1]) == webfinger_host(second[1])


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
