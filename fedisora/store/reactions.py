"""Emoji under posts."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models import Reaction

SHOWN = 50


@dataclass(frozen=True)
class Count:
    """How often one emoji is under a post; `url` is the picture of a custom one."""

    content: str
    url: str | None
    count: int

    @property
    def name(self) -> str:
        """The emoji, or the shortcode without colons."""
        return self.content.strip(":") if self.url else self.content


def by_uri(session: Session, uri: str) -> Reaction | None:
    """The reaction with this activity id."""
    return session.scalar(select(Reaction).where(Reaction.uri == uri))


def of(session: Session, status_id: int, actor_id: int) -> list[Reaction]:
    """What one actor put under a post."""
    return list(session.scalars(select(Reaction).where(Reaction.status_id == status_id, Reaction.actor_id == actor_id)))


def counts(session: Session, ids: Iterable[int]) -> dict[int, list[Count]]:
    """Emoji by post, the most frequent first, then in the order they came; `SHOWN` at most."""
    wanted = list(set(ids))
    found: dict[int, list[Count]] = {}
    if not wanted:
        return found
    number, first = func.count(), func.min(Reaction.id)
    for status_id, content, url, count in session.execute(
            select(Reaction.status_id, Reaction.content, func.min(Reaction.emoji_url), number)
            .where(Reaction.status_id.in_(wanted)).group_by(Reaction.status_id, Reaction.content)
            .order_by(number.desc(), first)):
        listed = found.setdefault(status_id, [])
        if len(listed) < SHOWN:
            listed.append(Count(content, url, count))
    return found
