"""Reading collections of other servers within a budget: whatever they link to, it ends."""
from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..activitypub import parse
from ..errors import NotOwner
from .fetch import Fetcher

ITEMS_PER_PAGE = 500
WASTED = 5
"""Useless fetches from one host, then it is left alone for the rest of the crawl."""


@dataclass
class Budget:
    """What one crawl may still cost."""

    fetches: int
    pages: int
    posts: int
    asked: set[str] = field(default_factory=set)
    """Addresses that were fetched, or tried: none twice."""
    wasted: Counter[str] = field(default_factory=Counter)
    """Fetches that led to nothing, by host."""

    def fetch(self, url: str) -> bool:
        """Take one fetch; False when there is none left, this address had its turn, or its server gave nothing of use."""
        if self.fetches <= 0 or url in self.asked or self.wasted[_host(url)] >= WASTED:
            return False
        self.asked.add(url)
        self.fetches -= 1
        return True

    def waste(self, url: str) -> None:
        """A fetch of this address led to nothing: a list must not make us knock again and again at a server that it names."""
        self.wasted[_host(url)] += 1

    def page(self, url: str) -> bool:
        """Take one fetch of a collection or a page of one."""
        if self.pages <= 0 or not self.fetch(url):
            return False
        self.pages -= 1
        return True


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


async def items(fetcher: Fetcher, url: str, budget: Budget, *, owner: str | None = None) -> AsyncIterator[Any]:
    """Items of a collection, page by page: embedded first pages, `first` and `next` are followed on the same origin only.

    Args:
        owner: an id; a collection that says it is `attributedTo` somebody on another origin is left alone.

    Raises:
        Forbidden, NotFound, Gone, Malformed, NotOwner, RemoteUnavailable: the collection cannot be had.
    """
    at: dict[str, Any] | None = await fetcher.collection(url) if budget.page(url) else None
    claimed = parse.ids_of(at.get("attributedTo")) if at is not None else []
    if owner is not None and any(not parse.same_origin(name, owner) for name in claimed):
        raise NotOwner("This collection is somebody else's.", cause=f"{url} of {claimed[0]}")
    name = "first"
    while at is not None:
        for key in ("orderedItems", "items"):
            for item in parse.as_list(at.get(key))[:ITEMS_PER_PAGE]:
                yield item
        following = at.get(name) if at.get(name) is not None else at.get("next")
        name = "next"
        at = None
        if isinstance(following, dict) and any(key in following for key in ("orderedItems", "items", "next")):
            at = following  # embedded in a document of this origin
        else:
            link = parse.id_of(following)
            if link is not None and parse.same_origin(link, url) and budget.page(link):
                at = await fetcher.collection(link)
