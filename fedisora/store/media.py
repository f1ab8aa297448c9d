"""Media rows of posts."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import Invalid
from ..models import Generation, Media, Rendition, Status
from ..provenance import digital_source
from . import jobs

MOST = 4
STORYBOARD_OVER = 5.0
"""Seconds; shorter videos are looked through at a glance."""


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


def keys_of(session: Session, files: Iterable[Media]) -> list[str]:
    """Storage keys of everything that is kept for some files: to be removed with their rows."""
    rows = list(files)
    found = [key for media in rows for key in (
        media.upload_key, media.storage_key, media.poster_key, media.poster_jpeg_key, media.manifest_key, media.storyboard_key)
        if key]
    ids = [media.id for media in rows if media.state != "remote"]
    return found + (list(session.scalars(select(Rendition.storage_key).where(Rendition.media_id.in_(ids)))) if ids else [])


def plan_extras(uow: UnitOfWork, media: Media) -> None:
    """Have what players show beside a new video made soon: its storyboard, and a draft of its captions where there is a backend
    for that and somebody may speak."""
    if media.kind != "video" or media.storage_key is None:
        return
    if media.storyboard_key is None and (media.duration or 0) > STORYBOARD_OVER:
        jobs.enqueue(uow, "storyboard", {"media_id": media.id}, key=str(media.id))
    if uow.settings.captions_backend and media.audio:
        jobs.enqueue(uow, "draft_captions", {"media_id": media.id}, key=str(media.id))


def plan_storyboards(uow: UnitOfWork, limit: int) -> None:
    """Have the storyboards of some older videos cut that have none; `storyboard` {} says that none can be had."""
    for media_id in uow.session.scalars(select(Media.id).where(
            Media.storyboard_key.is_(None), Media.storyboard.is_(None), Media.kind == "video",
            Media.duration > STORYBOARD_OVER, Media.state.in_(("ready", "signed")), Media.storage_key.is_not(None))
            .order_by(Media.id).limit(limit)):
        jobs.enqueue(uow, "storyboard", {"media_id": media_id}, key=str(media_id))


def note_made(status: Status, files: Iterable[Media]) -> None:
    """Keep on the post how its files were made; asked whenever they or their labels change."""
    status.made = digital_source.made_of(media.digital_source_type for media in files)


def held(session: Session, media: Media) -> bool:
    """Whether a moderator has to look at a generated file before anybody else may see or use it, its author too."""
    return media.generation_id is not None and session.scalar(select(Generation.id).where(
        Generation.id == media.generation_id, Generation.state == "held", Generation.media_id == media.id)) is not None


def unpublished(session: Session, media: Media) -> int | None:
    """The generation whose finished video this is while it is no post: it is published through the gates that are asked then."""
    return None if media.generation_id is None else session.scalar(select(Generation.id).where(
        Generation.id == media.generation_id, Generation.media_id == media.id, Generation.state.in_(("draft", "publishing"))))


def attach(uow: UnitOfWork, media_ids: Sequence[int], status: Status, generation_id: int | None = None) -> list[Media]:
    """Give a new post its files.

    Args:
        generation_id: whose draft becomes this post.

    Raises:
        Invalid: not this author's, used already, failed, too many, or a draft that was not published as such.
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
        if held(uow.session, media):
            raise Invalid("A moderator has to look at this video before it can be used.")
        if unpublished(uow.session, media) not in (None, generation_id):
            raise Invalid("This video is a draft. Publish it on its page under Create, where it is checked.")
        media.status_id, media.position = status.id, position
        files.append(media)
    if len(files) > 1 and any(media.kind == "video" for media in files):
        raise Invalid("A post has one video, or up to four pictures.")
    return files
