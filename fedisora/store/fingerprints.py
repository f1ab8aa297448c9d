"""Fingerprints of files, and which posts may be named when a file looks like theirs."""
from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Fingerprint, Media, Status
from . import jobs, lineage, statuses

ISCC, PART, PDQ = "iscc", "part", "pdq"
KINDS = (ISCC, PART, PDQ)
ANSWERS = ("mine", "remix", "different")
"""What an uploader may say about a file that theirs looks like."""


def replace(uow: UnitOfWork, media_id: int, codes: Iterable[tuple[str, int, bytes]]) -> None:
    """Keep a file's codes: (kind, milliseconds, 32 bytes). The former ones go."""
    uow.session.execute(delete(Fingerprint).where(Fingerprint.media_id == media_id))
    uow.session.add_all(Fingerprint(id=uow.new_id(), media_id=media_id, kind=kind, position=position, code=code)
                        for kind, position, code in codes)
    uow.session.flush()


def after(session: Session, kind: str, row_id: int, limit: int) -> Sequence[Any]:
    """Rows (id, media_id, code) of a kind with a greater id, in order."""
    return session.execute(select(Fingerprint.id, Fingerprint.media_id, Fingerprint.code).where(
        Fingerprint.kind == kind, Fingerprint.id > row_id).order_by(Fingerprint.id).limit(limit)).all()


def codes_of(session: Session, media_ids: Iterable[int]) -> dict[int, dict[str, list[bytes]]]:
    """Codes by file and kind."""
    found: dict[int, dict[str, list[bytes]]] = {}
    for media_id, kind, code in session.execute(
            select(Fingerprint.media_id, Fingerprint.kind, Fingerprint.code)
            .where(Fingerprint.media_id.in_(set(media_ids))).order_by(Fingerprint.id)):
        found.setdefault(media_id, {known: [] for known in KINDS}).setdefault(kind, []).append(code)
    return found


def marked(session: Session, mark: int) -> list[int]:
    """Ids of the files that carry a watermark, oldest first."""
    return list(session.scalars(select(Media.id).where(Media.watermark == mark).order_by(Media.id)))


def free_mark(session: Session) -> int:
    """A watermark id (32 bits) that no file has."""
    while True:
        mark = secrets.randbits(32)
        if not marked(session, mark):
            return mark


def nameable(session: Session, media_ids: Iterable[int]) -> dict[int, tuple[Media, Status]]:
    """Those of some files that stand in posts which everybody may read: only of these may anybody learn."""
    wanted = set(media_ids)
    if not wanted:
        return {}
    rows = session.execute(select(Media, Status).join(Status, Status.id == Media.status_id).where(
        Media.id.in_(wanted), statuses.readable(None))).all()
    return {media.id: (media, status) for media, status in rows}


def matches(session: Session, files: Iterable[Media]) -> dict[int, Status]:
    """By file, the post that it looks like, as far as that may be named now."""
    return {media_id: status for media_id, (_, status) in originals(session, files).items()}


def originals(session: Session, files: Iterable[Media]) -> dict[int, tuple[Media, Status]]:
    """By file, the file that it looks like and its post, as far as they may be named now."""
    wanted = {media.id: int(media.matched["media_id"]) for media in files if media.matched and media.matched.get("media_id")}
    named = nameable(session, wanted.values())
    return {media_id: named[other] for media_id, other in wanted.items() if other in named}


def copies(session: Session, files: Iterable[Media]) -> dict[int, Status]:
    """Those of `matches` that are uploads from here which nobody explains: neither their uploader (*mine*, *a remix*) nor the
    post, by naming its parent. Our signature vouches for such a file's bytes, not for where they come from: it is shown as
    recovered, never as verified. Remote files are left to their own origin's word."""
    uploads = {media.id: media for media in files if media.matched and media.state != "remote" and media.label_source != "made"
               and media.matched.get("answer") not in ("mine", "remix")}
    found = matches(session, uploads.values())
    parents = lineage.parents_of(session, [uploads[key].status_id or 0 for key in found])
    return {key: status for key, status in found.items() if uploads[key].actor_id != status.actor_id
            and status.uri not in {row.parent_uri for row in parents.get(uploads[key].status_id or 0, ())}}


def plan(uow: UnitOfWork, media_id: int) -> None:
    """Have a video's codes computed soon, if this instance keeps any."""
    if uow.settings.fingerprints:
        jobs.enqueue(uow, "fingerprint", {"media_id": media_id}, key=str(media_id))


def plan_missing(uow: UnitOfWork, limit: int) -> int:
    """Have the codes of some local videos computed that have none, from before there were codes; how many."""
    if not uow.settings.fingerprints:
        return 0
    ids = uow.session.scalars(select(Media.id).where(
        Media.fingerprinted_at.is_(None), Media.kind == "video", Media.state.in_(("ready", "signed")),
        Media.storage_key.is_not(None)).order_by(Media.id).limit(limit)).all()
    for media_id in ids:
        plan(uow, media_id)
    return len(ids)
