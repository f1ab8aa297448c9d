"""Which rows name which files of the storage. Every column that holds a storage key is listed here, and nowhere else."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Actor, Media, Rendition

COLUMNS: tuple[Any, ...] = (
    Media.upload_key, Media.storage_key, Media.poster_key, Media.manifest_key, Media.storyboard_key, Rendition.storage_key,
    Actor.avatar_key, Actor.header_key)
AT_ONCE = 500
"""Keys in one query."""


def named(session: Session, keys: Collection[str]) -> set[str]:
    """Those of some keys that a row names; a poster's copy as JPEG goes with the poster."""
    found: set[str] = set()
    wanted = sorted(keys)
    posters = {f"{key.rpartition('.')[0]}.webp": key for key in wanted if key.endswith(".jpg")}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start:start + AT_ONCE]
        for column in COLUMNS:
            found.update(session.scalars(select(column).where(column.in_(some))))
        beside = [poster for poster, key in posters.items() if key in some]
        if beside:
            found.update(posters[poster] for poster in session.scalars(
                select(Media.poster_key).where(Media.poster_key.in_(beside))) if poster)
    return found


@dataclass(frozen=True)
class Kept:
    """A local file: its row, its owner, and the keys of all that belongs to it."""

    id: int
    actor_id: int
    keys: tuple[str, ...]


def kept(session: Session, after: int, limit: int) -> list[Kept]:
    """Local files by id, to look whether they are there."""
    rows = session.scalars(select(Media).where(
        Media.id > after, Media.state.not_in(("remote", "failed"))).order_by(Media.id).limit(limit)).all()
    others: dict[int, list[str]] = {row.id: [] for row in rows}
    for media_id, key in session.execute(select(Rendition.media_id, Rendition.storage_key).where(
            Rendition.media_id.in_(others)).order_by(Rendition.id)):
        others[media_id].append(key)
    return [Kept(row.id, row.actor_id, tuple(key for key in (
        row.upload_key, row.storage_key, row.poster_key, row.manifest_key, row.storyboard_key, *others[row.id]) if key))
            for row in rows]
