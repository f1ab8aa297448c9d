"""Captions of files. Those of remote videos are kept as an address alone and fetched when somebody watches them."""
from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from babel import Locale, UnknownLocaleError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Caption, Media

MOST = 40
"""Languages of one file."""
_TAG = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|[0-9]{3}))?((?:-[A-Za-z0-9]{4,8})*)\Z")


def tag_of(text: object) -> str | None:
    """A language tag (BCP 47: language, script, region, variants) in its usual spelling; None when it is none, or too long.

    PeerTube's and POSIX's underscore counts as a hyphen.
    """
    match = _TAG.match(text.replace("_", "-")) if isinstance(text, str) and len(text) <= 16 else None
    if match is None:
        return None
    parts = (match[1].lower(), (match[2] or "").title(), (match[3] or "").upper(), match[4].strip("-").lower())
    return "-".join(part for part in parts if part)


def label_of(language: str) -> str:
    """A language's name in itself, such as Deutsch; the tag where we know none."""
    try:
        name = Locale.parse(language, sep="-").get_display_name()
    except (UnknownLocaleError, ValueError):
        name = None
    return (name or language)[:80]


@dataclass(frozen=True)
class RemoteCaption:
    """What a remote post says of captions: their address, not yet fetched."""

    language: str
    label: str
    url: str
    automatic: bool = False


def remote_url(caption: Caption) -> str | None:
    """The address of a remote video's captions; None for our own. A WebVTT text begins with WEBVTT, so both fit one column."""
    return caption.text if caption.text.startswith(("https://", "http://")) else None


def get(session: Session, media_id: int, language: str) -> Caption | None:
    """The captions of a file in a language."""
    return session.scalar(select(Caption).where(Caption.media_id == media_id, Caption.language == language))


def of_files(session: Session, media_ids: Iterable[int]) -> dict[int, list[Caption]]:
    """By file, in the order of languages."""
    found: dict[int, list[Caption]] = defaultdict(list)
    wanted = set(media_ids)
    if wanted:
        for row in session.scalars(select(Caption).where(Caption.media_id.in_(wanted)).order_by(Caption.language)):
            found[row.media_id].append(row)
    return found


def take_remote(uow: UnitOfWork, media: Media, items: Sequence[RemoteCaption], *, fresh: bool = False) -> None:
    """Keep what a remote post says of the captions of one of its files; what it says no more goes.

    Args:
        fresh: the file is new, there are none yet.
    """
    if fresh and not items:
        return
    wanted = {item.language: item for item in items[:MOST]}
    known = {} if fresh else {row.language: row for row in of_files(uow.session, [media.id]).get(media.id, [])}
    uow.session.flush()
    gone = [row.id for language, row in known.items() if language not in wanted]
    if gone:
        uow.session.execute(delete(Caption).where(Caption.id.in_(gone)))
    for language, item in wanted.items():
        row = known.get(language)
        if row is None:
            row = Caption(id=uow.new_id(), media_id=media.id, language=language, created_at=uow.now, updated_at=uow.now, text="")
            uow.session.add(row)
        if (row.label, row.text, row.automatic) != (item.label, item.url, item.automatic):
            row.label, row.text, row.automatic, row.updated_at = item.label, item.url, item.automatic, uow.now


def take_all(uow: UnitOfWork, files: Iterable[Media], items: Mapping[str, Sequence[RemoteCaption]]) -> None:
    """The captions of an edited post's files that stay; `items`: by the file's address."""
    for media in files:
        if media.remote_url and media.remote_url in items:
            take_remote(uow, media, items[media.remote_url])
