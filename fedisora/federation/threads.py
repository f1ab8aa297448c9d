"""The rest of a conversation: up to its root, then down again by the collection its author keeps (FEP-7888), else by `replies`.

What is found is stored only when it comes from its own origin and belongs here: it names the conversation, or answers a post
of it. Every chain ends: there is a budget of time, fetches, pages and posts, and no address is asked twice.
"""
from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import structlog

from ..activitypub import parse
from ..db import Database
from ..errors import FedisoraError
from ..models import Status
from ..store import statuses, threads
from .crawl import Budget, items
from .fetch import Fetcher
from .resolve import Resolver

log = structlog.get_logger()
ANCESTORS = 40
FETCHES = 60
PAGES = 10
POSTS = 200
DEPTH = 20
SECONDS = 30.0


async def opened(db: Database, status_id: int) -> None:
    """A person with an account here reads a post: the rest of its conversation is looked for, when that is due."""
    if await db.read(lambda session: threads.worth_a_look(session, db.instance.uris, status_id, db.clock())):
        await db.write(lambda uow: threads.look_for_more(uow, status_id))


class Threads:
    """Completes conversations of other servers."""

    def __init__(self, db: Database, fetcher: Fetcher, resolver: Resolver) -> None:
        self._db = db
        self._fetcher = fetcher
        self._resolver = resolver

    async def complete(self, status_id: int) -> int:
        """Fetch what is missing around a post; how many posts were stored. What cannot be had leaves a hole."""
        def begin(uow: Any) -> Status | None:
            found = statuses.get(uow.session, status_id)
            if found is not None:
                found.thread_fetched_at = uow.now
            return found

        status = await self._db.write(begin)
        if status is None or status.reblog_of_id is not None:
            return 0
        budget = Budget(FETCHES, PAGES, POSTS)
        try:
            async with asyncio.timeout(SECONDS):
                chain = await self._up(status, budget)
                if not await self._by_context(chain, budget):
                    await self._by_replies(chain, budget)
        except TimeoutError:
            log.info("thread incomplete: out of time", status=status.uri)
        return POSTS - budget.posts

    # ---- up
    async def _up(self, status: Status, budget: Budget) -> list[Status]:
        """The post and its ancestors as far as they can be had, the topmost last."""
        chain, seen, at = [status], {status.uri}, status
        while at.in_reply_to_uri is not None and len(chain) <= ANCESTORS:
            uri = at.in_reply_to_uri
            parent = await self._post(uri, budget)
            if parent is None or parent.uri in seen:
                break
            seen.add(parent.uri)
            chain.append(parent)
            at = parent
        return chain

    async def _post(self, uri: str, budget: Budget) -> Status | None:
        """A post by its id: known, or fetched and stored."""
        known = await self._db.read(lambda session: statuses.by_uri(session, uri))
        if known is not None:
            return known
        if self._db.instance.uris.is_local(uri) or not parse.is_http(uri) or budget.posts <= 0 or not budget.fetch(uri):
            return None
        try:
            found = await self._resolver.status(uri, quiet=True)
        except FedisoraError as error:
            log.debug("a post of a thread cannot be had", uri=uri, reason=str(error))
            budget.waste(uri)
            return None
        budget.posts -= 1
        return found

    # ---- down
    async def _by_context(self, chain: list[Status], budget: Budget) -> bool:
        """Follow the conversation's own collection, when its address is on the origin of its first post; whether that worked."""
        root = chain[-1]
        context = root.context_uri
        if context is None or root.in_reply_to_uri is not None or not parse.same_origin(context, root.uri):
            return False
        if self._db.instance.uris.is_local(context):
            return False
        listed = 0
        try:
            async for item in items(self._fetcher, context, budget, owner=root.uri):
                listed += 1
                await self._candidate(item, budget, context=context)
                if budget.posts <= 0 or budget.fetches <= 0:
                    break
        except FedisoraError as error:
            log.debug("no context collection", context=context, reason=str(error))
        return listed > 0

    async def _candidate(self, item: Any, budget: Budget, *, context: str | None = None, parent: str | None = None) -> None:
        """Store a listed post when it says itself that it belongs here."""
        uri = parse.id_of(item)
        if uri is None or not parse.is_http(uri) or self._db.instance.uris.is_local(uri) or budget.posts <= 0:
            return
        if await self._db.read(lambda session: statuses.by_uri(session, uri)) is not None or not budget.fetch(uri):
            return
        try:
            document = await self._fetcher.document(uri)
            answers = parse.id_of(document.get("inReplyTo"))
            if parent is not None:
                belongs = answers == parent
            else:
                belongs = parse.id_of(document.get("context")) == context or (answers is not None and await self._db.read(
                    lambda session: statuses.by_uri(session, answers)) is not None)
            if not belongs:
                budget.waste(uri)
                return
            await self._resolver.store_status(document, quiet=True)
        except FedisoraError as error:
            log.debug("a post of a thread cannot be had", uri=uri, reason=str(error))
            budget.waste(uri)
            return
        budget.posts -= 1

    async def _by_replies(self, chain: list[Status], budget: Budget) -> None:
        """Follow `replies` breadth first: of the post somebody looks at, then of the whole thread."""
        waiting: deque[tuple[Status, int]] = deque([(chain[0], 0)])
        if len(chain) > 1:
            waiting.append((chain[-1], 0))
        seen: set[int] = set()
        while waiting and budget.posts > 0:
            status, depth = waiting.popleft()
            if status.id in seen:
                continue
            seen.add(status.id)
            if not status.local and status.replies_uri is not None:
                await self._replies(status, status.replies_uri, budget)
            if depth < DEPTH and len(seen) < POSTS:
                waiting.extend((child, depth + 1) for child in await self._children(status.id))

    async def _children(self, status_id: int) -> list[Status]:
        return await self._db.read(lambda session: threads.public_replies(session, status_id))

    async def _replies(self, status: Status, url: str, budget: Budget) -> None:
        try:
            async for item in items(self._fetcher, url, budget, owner=status.uri):
                await self._candidate(item, budget, parent=status.uri)
                if budget.posts <= 0 or budget.fetches <= 0:
                    break
        except FedisoraError as error:
            log.debug("no replies", uri=url, reason=str(error))
