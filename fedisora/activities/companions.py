"""A Note and the Video that repeats it (vocabulary §1): two objects about one file, which must say the same.

When they do not, both are shown with the label that admits to more machine, and the verdict says so (BI-207).
"""
from __future__ import annotations

import re
from typing import Any, Final

import orjson
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import FedisoraError
from ..models import Media, Status
from ..provenance import foreign_labels
from ..serializers.activitypub.note import NoteData, from_activitypub
from ..store import labels, statuses
from ..store import media as media_rows

_ID: Final = re.compile(r"(.+/users/[^/]+)/(statuses|videos)/([^/]+)\Z")
_OTHER: Final = {"statuses": "videos", "videos": "statuses"}


def pair(uri: str) -> str | None:
    """Id of the other object of a post, by contract; None for ids of another shape."""
    found = _ID.match(uri)
    return f"{found[1]}/{_OTHER[found[2]]}/{found[3]}" if found else None


def note_of(status: Status) -> str:
    """The id by which a manifest names a post: the Note's, for its Video too."""
    other = pair(status.uri)
    return other if other is not None and status.object_type == "Video" and "/videos/" in status.uri else status.uri


def of(session: Session, status: Status, media: Media) -> Media | None:
    """The same file as the other object of the post shows it, when that is known here."""
    other = pair(status.uri)
    if other is None:
        return None
    return session.scalar(select(Media).join(Status, Status.id == Media.status_id).where(
        Status.uri == other, Media.kind == media.kind,
        or_(Media.position == media.position, Media.remote_url == media.remote_url))
        .order_by(Media.remote_url != media.remote_url, Media.position).limit(1))


def reconcile(uow: UnitOfWork, status: Status) -> None:
    """Show both objects of a post with the stricter label; a verdict that was kept on the other one is looked at again."""
    if pair(status.uri) is None:
        return
    for media in uow.session.scalars(select(Media).where(Media.status_id == status.id)).all():
        other = of(uow.session, status, media)
        if other is None:
            continue
        differs = (media.digital_source_type, media.digest) != (other.digital_source_type, other.digest)
        show_stricter(media, other)
        show_stricter(other, media)
        if differs:
            labels.plan_check(uow, media)
            labels.plan_check(uow, other)
            beside = statuses.get(uow.session, other.status_id) if other.status_id is not None else None
            if beside is not None:
                media_rows.note_made(beside, media_rows.of_statuses(uow.session, [beside.id]).get(beside.id, []))


def show_stricter(media: Media, other: Media) -> None:
    """Give a file the label of its companion, when that admits to more machine."""
    media.digital_source_type, media.label_source = foreign_labels.strictest(
        (media.digital_source_type, media.label_source or "declared"),
        (other.digital_source_type, other.label_source or "declared"))


def spoken(document: bytes | None) -> dict[str, tuple[Any, ...]]:
    """What a kept post says of each of its files, by address: (source type, id of the record, digest)."""
    if document is None:
        return {}
    try:
        return statements(from_activitypub(orjson.loads(document)))
    except (FedisoraError, ValueError):
        return {}


def statements(note: NoteData) -> dict[str, tuple[Any, ...]]:
    """What a post says of each of its files, by address."""
    return {item.url: (item.digital_source_type, (item.record or {}).get("id"), item.digest) for item in note.media}
