"""Other encodings of a published video: smaller sizes, and fragments for HLS. Which are wanted, planned and offered."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Media, Rendition, Status
from ..settings import Settings
from ..store import jobs, lineage, statuses
from ..store import renditions as rows
from ..uris import Uris

HLS: Final = "application/vnd.apple.mpegurl"
MP4: Final = "video/mp4"
KEPT: Final = dt.timedelta(days=1)
"""How long files stay after their row is gone: players and servers have their addresses."""


@dataclass(frozen=True)
class Rung:
    """One encoding.

    Attributes:
        short: lines of its short side; None: as the video itself.
        fragmented: for HLS, and for download too.
    """

    short: int | None
    fragmented: bool

    @property
    def kind(self) -> str:
        """As `Rendition.kind` has it."""
        return "fmp4" if self.fragmented else "mp4"


def ladder(settings: Settings) -> list[int]:
    """The heights of FEDISORA_VIDEO_LADDER, even, largest first."""
    return sorted({int(word) & ~1 for word in settings.video_ladder.split(",") if word.strip()}, reverse=True)


def wanted(settings: Settings, media: Media) -> list[Rung]:
    """The encodings a video is to have: never enlarged, never one height twice. A long one is cut into fragments, and so are its
    smaller sizes: one file each, for HLS and for download."""
    if media.kind != "video" or not media.width or not media.height:
        return []
    long = bool(settings.hls_over_seconds) and (media.duration or 0) > settings.hls_over_seconds
    side = min(media.width, media.height)
    return [*([Rung(None, True)] if long else []), *(Rung(height, long) for height in ladder(settings) if height < side)]


def plan(uow: UnitOfWork, media: Media) -> None:
    """Have the encodings of a published video made."""
    if media.state == "signed" and wanted(uow.settings, media):
        jobs.enqueue(uow, "make_renditions", {"media_id": media.id}, key=str(media.id))


def forget(uow: UnitOfWork, media: Media, delay: dt.timedelta = KEPT) -> None:
    """Let go of the encodings of a video that was signed anew, or (at once, without `delay`) of one that is hidden."""
    gone = rows.keys(uow.session, [media.id])
    if gone:
        uow.session.execute(delete(Rendition).where(Rendition.media_id == media.id))
        jobs.enqueue(uow, "delete_files", {"keys": gone}, delay=delay)


def streamed(session: Session, media: Media) -> list[Rendition]:
    """The encodings that HLS plays, the largest first; none for a post that not everybody may see: playlists have addresses that
    can be guessed, files have not."""
    status = session.get(Status, media.status_id) if media.status_id is not None else None
    if (media.state != "signed" or status is None or not status.published or status.visibility not in statuses.PUBLIC
            or lineage.hidden(session, [status.id])):
        return []
    return [row for row in rows.of_media(session, [media.id]).get(media.id, []) if row.kind == "fmp4" and row.playlist]


def sources(session: Session, uris: Uris, media: Media) -> list[dict[str, Any]]:
    """What a `<video>` offers its browser, in this order: HLS where there is one (browsers that do not know it go on), the file
    itself, then smaller ones.

    Returns:
        [{"src", "type", "width", "height", "size"?: bytes}]
    """
    if media.kind != "video" or media.state != "signed" or not media.storage_key:
        return []
    found: list[dict[str, Any]] = []
    size = {"width": media.width, "height": media.height}
    if streamed(session, media):
        found.append({"src": uris.hls(media.id), "type": HLS, **size})
    found.append({"src": uris.media(media.storage_key), "type": MP4, **size, "size": media.size})
    for row in rows.of_media(session, [media.id]).get(media.id, []):
        if row.height != media.height:
            found.append({"src": uris.media(row.storage_key), "type": MP4, "width": row.width, "height": row.height,
                          "size": row.size})
    return found


def offered(session: Session, uris: Uris, files: Iterable[Media]) -> dict[int, list[dict[str, Any]]]:
    """`sources` by media id, of those that have more than their own file."""
    known = {media.id: media for media in files if media.kind == "video"}
    return {media_id: sources(session, uris, known[media_id]) for media_id in rows.of_media(session, known)}
