"""Collections and their pages (ActivityPub §5)."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...activitypub.vocabulary import AS2


def collection(uri: str, total: int, *, first: str | None = None, items: Sequence[Any] | None = None,
               ordered: bool = True) -> dict[str, Any]:
    """A collection: with its items when they are few, else with the address of its first page."""
    document: dict[str, Any] = {"@context": AS2, "id": uri, "type": "OrderedCollection" if ordered else "Collection",
                                "totalItems": total}
    if first is not None:
        document["first"] = first
    if items is not None:
        document["orderedItems" if ordered else "items"] = list(items)
    return document


def page(uri: str, part_of: str, items: Sequence[Any], *, following: str | None = None, ordered: bool = True,
         ) -> dict[str, Any]:
    """One page of a collection."""
    document: dict[str, Any] = {"@context": AS2, "id": uri, "partOf": part_of,
                                "type": "OrderedCollectionPage" if ordered else "CollectionPage",
                                "orderedItems" if ordered else "items": list(items)}
    if following is not None:
        document["next"] = following
    return document
