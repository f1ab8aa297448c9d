"""Media rows of posts."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import Invalid
from ..models import Media, Status
from ..provenance import digital_source

MOST = 4


def get(session: Session, media_id: int) -> Media | None:
    """One media row."""
    return session.get(Media, media_id)


def of_statuses(session: Session, ids: Iterable[int]) -> dict[int, list[Media]]:
    """Media of some posts, in order."""
    wanted = list(set(ids))
    found: dict[int, list[Media]] = defaultdict(list)
    if wanted:
        for media in session.scalars(select(Media).where(Media.status_id.in_(wanted)).order_by(Media.position, Media.id)):
            found[media.status_id or 0].append(media)
    return found


def note_made(status: Status, files: Iterable[Media]) -> None:
    """Keep on the post how its files were made; asked whenever they or their labels change."""
    status.made = digital_source.made_of(media.digital_source_type for media in files)


def attach(uow: UnitOfWork, media_ids: Sequence[int], status: Status) -> list[Media]:
    """Give a new post its files.

    Raises:
        Invalid: not this author's, used already, failed, or too many.
    """
    ids = list(dict.fromkeys(media_ids))
    if len(ids) > MOST:
        raise Invalid(f"A post may have {MOST} files at most.")
    rows = {media.id: media for media in uow.session.scalars(select(Media).where(Media.id.in_(ids)))} if ids else {}
    files = []
    for position, media_id in enumerate(ids):
        media = rows.get(media_id)
        if media is None or media.actor_id != status.actor_id or media.state == "remote":
            raise Invalid("One of the files is not yours, or does not exist.")
        if media.status_id is not None and media.status_id != status.id:
            raise Invalid("One of the files belongs to another post already.")
        if media.state == "failed":
            raise Invalid(media.error or "One of the files could not be processed.")
        media.status_id, media.position = status.id, position
        files.append(media)
    if len(files) > 1 and any(media.kind == "video" for media in files):
        raise Invalid("A post has one video, or up to four pictures.")
    return files
