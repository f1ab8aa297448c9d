"""Older posts of an account that somebody here follows from now on, what came while we were away, and what it pinned.

An embedded post counts only when the account's own server embeds it in the account's own outbox and says so; everything else
is fetched by its id (FEP-fe34). Posts keep their dates, and nobody is told about old ones.
"""
from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import structlog

from ..activities import Received, announce, remote_posts
from ..activitypub import parse
from ..activitypub.vocabulary import OBJECT_TYPES
from ..db import Database, UnitOfWork
from ..errors import FedisoraError
from ..models import Actor, Status
from ..store import actors, backfill, statuses
from .crawl import Budget, items
from .fetch import Fetcher
from .resolve import Resolver

log = structlog.get_logger()
FETCHES = 40
PAGES = 10
SECONDS = 30.0
PINNED = 5


class Backfill:
    """Reads outboxes and `featured` collections."""

    def __init__(self, db: Database, fetcher: Fetcher, resolver: Resolver) -> None:
        self._db = db
        self._fetcher = fetcher
        self._resolver = resolver

    async def actor(self, actor_id: int, since: dt.datetime | None = None) -> int:
        """Fetch the newest posts of a remote account, as many as are set; how many were new.

        Args:
            since: only what is newer, and tell people about it: it was missed, not old.
        """
        most = self._db.instance.settings.backfill_posts
        actor = await self._db.read(lambda session: session.get(Actor, actor_id))
        if most == 0 or actor is None or actor.local or actor.suspended_at is not None or actor.outbox is None:
            return 0
        budget = Budget(FETCHES, PAGES, most)
        stored = 0
        try:
            async with asyncio.timeout(SECONDS):
                async for item in items(self._fetcher, actor.outbox, budget, owner=actor.uri):
                    if budget.posts <= 0:
                        break
                    moment = parse.datetime_of(item, "published") if isinstance(item, dict) else None
                    if since is not None and moment is not None and moment < since:
                        break  # newest first: the rest is known
                    if await self._take(actor, item, budget, since):
                        stored += 1
        except TimeoutError:
            log.info("outbox not read to its end: out of time", actor=actor.uri)
        except FedisoraError as error:
            log.info("outbox cannot be read", actor=actor.uri, reason=str(error))

        def done(uow: UnitOfWork) -> None:
            actors.get(uow.session, actor_id).backfilled_at = uow.now

        await self._db.write(done)
        return stored

    async def _take(self, actor: Actor, item: Any, budget: Budget, since: dt.datetime | None) -> bool:
        """Store one entry of an outbox, a Create of the account's own or what a channel passes on; whether it was new."""
        try:
            if isinstance(item, str) and parse.same_origin(item, actor.uri) and budget.fetch(item):
                item = await self._fetcher.document(item)  # an outbox of ids
            if not isinstance(item, dict) or parse.id_of(item.get("actor")) != actor.uri:
                return False
            if parse.type_of(item) == "Announce" and actor.type == "Group":
                return await self._passed_on(actor, item, budget, since)
            if parse.type_of(item) != "Create":
                return False
            reference = item.get("object")
            uri = parse.id_of(reference)
            if uri is None or not parse.same_origin(uri, actor.uri):
                return False
            budget.posts -= 1
            if await self._db.read(lambda session: statuses.by_uri(session, uri)) is not None:
                return False
            document = await self._document(actor, reference, uri, budget)
            return document is not None and await self._store(actor, document, since)
        except FedisoraError as error:
            log.debug("an entry of an outbox cannot be had", actor=actor.uri, reason=str(error))
            return False

    async def _passed_on(self, actor: Actor, item: dict[str, Any], budget: Budget, since: dt.datetime | None) -> bool:
        """A channel's or community's post: what it passes on, from its own origin (FEP-1b12 wraps it in its Create)."""
        reference = item.get("object")
        if parse.type_of(reference) == "Create" and isinstance(reference, dict):
            reference = reference.get("object")
        uri, boost, published = parse.id_of(reference), parse.id_of(item), parse.datetime_of(item, "published")
        if uri is None or boost is None or published is None or not parse.is_http(uri) \
                or self._db.instance.uris.is_local(uri) or not parse.same_origin(boost, actor.uri):
            return False
        budget.posts -= 1
        if await self._db.read(lambda session: statuses.by_uri(session, boost)) is not None:
            return False
        known = await self._db.read(lambda session: statuses.by_uri(session, uri))
        if known is None:
            if not budget.fetch(uri):
                return False
            try:
                await self._resolver.status(uri, quiet=since is None)
            except FedisoraError:
                budget.waste(uri)
                raise
        activity = {**item, "object": uri}
        outcome = await self._db.write(lambda uow: announce.receive(
            uow, activity, Received(actors.get(uow.session, actor.id))))
        return outcome == "stored"

    async def _document(self, actor: Actor, reference: Any, uri: str, budget: Budget) -> dict[str, Any] | None:
        if isinstance(reference, dict) and parse.type_of(reference) in OBJECT_TYPES and actor.uri in parse.ids_of(
                reference.get("attributedTo")):
            return reference
        if not budget.fetch(uri):
            return None
        document = await self._fetcher.document(uri)
        return document if actor.uri in parse.ids_of(document.get("attributedTo")) else None

    async def _store(self, actor: Actor, document: dict[str, Any], since: dt.datetime | None) -> bool:
        published = parse.datetime_of(document, "published")
        if published is None or (since is not None and published < since):
            return False
        if parse.type_of(document) not in OBJECT_TYPES:
            return False

        def store(uow: UnitOfWork) -> Status | None:
            return remote_posts.store(uow, document, actors.get(uow.session, actor.id), asked=True, quiet=since is None)

        return await self._db.write(store) is not None

    async def featured(self, actor_id: int) -> int:
        """Fetch what a remote account pinned, the first few; how many posts that are."""
        actor = await self._db.read(lambda session: session.get(Actor, actor_id))
        if actor is None or actor.local or actor.suspended_at is not None or actor.featured_uri is None:
            return 0
        budget = Budget(FETCHES, 2, PINNED)
        found: list[int] = []
        try:
            async with asyncio.timeout(SECONDS):
                async for item in items(self._fetcher, actor.featured_uri, budget, owner=actor.uri):
                    if budget.posts <= 0:
                        break
                    budget.posts -= 1
                    status = await self._pinned(actor, parse.id_of(item), budget)
                    if status is not None and status.id not in found:
                        found.append(status.id)
        except TimeoutError:
            log.info("featured not read to its end: out of time", actor=actor.uri)
        except FedisoraError as error:
            log.debug("featured cannot be read", actor=actor.uri, reason=str(error))
            return 0
        await self._db.write(lambda uow: backfill.pin(uow, actor_id, found))
        return len(found)

    async def _pinned(self, actor: Actor, uri: str | None, budget: Budget) -> Status | None:
        if uri is None or not parse.same_origin(uri, actor.uri):
            return None
        known = await self._db.read(lambda session: statuses.by_uri(session, uri))
        try:
            status = known or (await self._resolver.status(uri, quiet=True) if budget.fetch(uri) else None)
        except FedisoraError as error:
            log.debug("a pinned post cannot be had", uri=uri, reason=str(error))
            return None
        return status if status is not None and status.actor_id == actor.id and status.visibility in statuses.PUBLIC else None
