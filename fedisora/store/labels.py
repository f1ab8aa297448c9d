"""Labels of other servers' files: when their own record is looked for, and what becomes known from it."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Job, Media
from ..provenance import digital_source, foreign_labels
from . import jobs

CHECKED_KINDS: Final = ("video", "image")
CHECKS: Final = ("verify_media", "check_foreign")
"""Jobs that end with a verdict; their key is the file's row id."""
FOREIGN_BACKLOG: Final = 100
"""Checks of foreign files that wait at most: whoever floods us with pictures keeps nobody else's from being looked at."""


def plan_check(uow: UnitOfWork, media: Media, *, quiet: bool = False, delay: dt.timedelta = dt.timedelta()) -> None:
    """Queue the check of a remote file that was just stored, or that is to be looked at again.

    With a record or a digest it is always checked. Without, its server does not know our vocabulary: then it is fetched only
    if it is small enough (`FEDISORA_FOREIGN_MEDIA_MB`), few others wait, and it is no post from the past (`quiet`).
    """
    if media.kind not in CHECKED_KINDS:
        return
    if media.record is not None or media.digest is not None:
        uow.session.flush()
        jobs.enqueue(uow, "verify_media", {"media_id": media.id}, key=str(media.id), delay=delay)
        return
    most = uow.settings.foreign_media_mb << 20
    if quiet or not most or (media.size or 0) > most or media.mime == "application/x-mpegurl":
        return
    uow.session.flush()
    waiting = select(Job.id).where(Job.kind == "check_foreign", Job.state == "pending", Job.queue == "housekeeping").limit(
        FOREIGN_BACKLOG).subquery()
    if (uow.session.scalar(select(func.count()).select_from(waiting)) or 0) < FOREIGN_BACKLOG:
        jobs.enqueue(uow, "check_foreign", {"media_id": media.id}, key=str(media.id), delay=delay)


def awaited(session: Session, files: Iterable[Media]) -> set[int]:
    """Those of some files whose check is still to come, by row id."""
    unchecked = [media for media in files if media.verdict is None]
    keys = {f"{kind}:{media.id}": media.id for media in unchecked for kind in CHECKS}
    if not keys:
        return set()
    planned = session.scalars(select(Job.key).where(Job.key.in_(keys), Job.state == "pending"))
    return {keys[key] for key in planned if key} | {media.id for media in unchecked if media.recheck_at is not None}


def from_manifest(media: Media, verdict: dict[str, Any]) -> None:
    """Take over what the file says about itself, when it admits to more than its post did.

    A file that was changed after signing is believed only where it admits to a machine.
    """
    said = verdict.get("digitalSourceType")
    if media.state != "remote" or not isinstance(said, str) or digital_source.find(said) is None:
        return
    if verdict.get("verdict") == "tampered" and digital_source.kind_of(said) not in ("machine", "mixed", "procedural"):
        return
    media.digital_source_type, media.label_source = foreign_labels.strictest(
        (media.digital_source_type, media.label_source or "declared"), (said, "manifest"))


class Labelled(Protocol):
    """A file of a post: a row, or what was just read."""

    @property
    def digital_source_type(self) -> str | None: ...

    @property
    def label_source(self) -> str | None: ...

    @property
    def record(self) -> dict[str, Any] | None: ...


def stated(media: Labelled) -> str | None:
    """What the post itself says about a file, as its record has to confirm it: no label that we found elsewhere."""
    if getattr(media, "state", "remote") != "remote" or media.label_source in (None, "made", "record", "declared"):
        return media.digital_source_type
    record = media.record if isinstance(media.record, dict) else {}
    return foreign_labels.iptc(record.get("digitalSourceType"))
