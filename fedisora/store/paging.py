"""Pages by id, as Mastodon's API defines them: max_id and since_id newest first, min_id right after."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select

T = TypeVar("T")
Query = TypeVar("Query", bound="Select[*tuple[Any, ...]]")


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted."""

    max_id: int | None = None
    since_id: int | None = None
    min_id: int | None = None
    limit: int = 20


def paginate(query: Query, column: Any, page: Page) -> Query:
    """Restrict and order a query by an id column."""
    if page.max_id is not None:
        query = query.where(column < page.max_id)
    if page.since_id is not None:
        query = query.where(column > page.since_id)
    if page.min_id is not None:
        query = query.where(column > page.min_id).order_by(column)
    else:
        query = query.order_by(column.desc())
    return query.limit(page.limit)


def newest_first(rows: Sequence[T], page: Page) -> list[T]:
    """Rows of a page in the order that clients expect."""
    return list(reversed(rows)) if page.min_id is not None else list(rows)
