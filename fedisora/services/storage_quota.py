"""How much one account keeps here, and how much it may (FEDISORA_STORAGE_QUOTA_MB, `fedisora user limits`)."""
from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, bindparam, func, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import StorageFull
from ..models import Actor, Caption, Media, Rendition, Upload, User
from ..settings import Settings

BESIDE = 256 << 10
"""Bytes that are counted for poster, manifest and storyboard of a file: their sizes are in no row."""
MB = 1 << 20
SMALL_SHARE = 0.25
COUNTED_SECONDS = 5.0
"""How long a count is good for an account that is far from its limit."""
ACCOUNTS = 10_000
"""So many counts are kept."""
# Asked for every file and video: building a statement costs more than running it, so these are built once.
_OWN = Media.actor_id == bindparam("actor")
_LIMITS = select(User.limits).where(User.actor_id == bindparam("actor"))
_HOLD = select(User.id).where(User.actor_id == bindparam("actor")).with_for_update(key_share=True)
"""PostgreSQL: the account's row is held. SQLite has one writer at a time anyway."""
_USED = select(
    func.coalesce(func.sum(Media.size), 0), func.count(),
    select(func.coalesce(func.sum(Rendition.size), 0)).join(Media, Media.id == Rendition.media_id).where(_OWN)
    .correlate(None).scalar_subquery(),
    select(func.coalesce(func.sum(func.length(Caption.text)), 0)).join(Media, Media.id == Caption.media_id).where(_OWN)
    .correlate(None).scalar_subquery(),
    select(func.coalesce(func.sum(Upload.length), 0)).where(
        Upload.actor_id == bindparam("actor"), Upload.media_id.is_(None)).correlate(None).scalar_subquery(),
).where(_OWN, Media.state.not_in(("remote", "failed")))
# Counting reads a row for every file of the account, at every request. While it uses little of what it may, a count of some
# seconds ago is enough, with what was let in since: database → account → (good until, bytes). Other processes have their own.
_counted: WeakKeyDictionary[Engine, dict[int, tuple[float, int]]] = WeakKeyDictionary()
_counting = threading.Lock()


@dataclass(frozen=True)
class Storage:
    """What an account uses, in bytes; `limit` None: as much as there is."""

    used: int
    limit: int | None
    files: int

    @property
    def left(self) -> int | None:
        """Bytes that still fit."""
        return None if self.limit is None else max(0, self.limit - self.used)


def used(session: Session, actor_id: int) -> tuple[int, int]:
    """(bytes, files) that an account keeps: its files as served and as uploaded, their renditions, captions and small pictures,
    and uploads that are not complete yet with the size they will have."""
    size, count, more, said, coming = session.execute(_USED, {"actor": actor_id}).one()
    return int(size) + int(more) + int(said) + int(coming) + int(count) * BESIDE, int(count)


def limit_of(session: Session, settings: Settings, actor_id: int) -> int | None:
    """Bytes that an account may keep; None: no limit. An account's own limit goes before the instance's; 0 is none."""
    own = session.scalar(_LIMITS, {"actor": actor_id}) or {}
    mb = own.get("storage_mb", settings.storage_quota_mb)
    return int(mb) * MB if isinstance(mb, int) and mb > 0 else None


def storage(session: Session, settings: Settings, actor_id: int) -> Storage:
    """What an account uses and may use."""
    size, count = used(session, actor_id)
    return Storage(size, limit_of(session, settings, actor_id), count)


def check(uow: UnitOfWork, actor: Actor, incoming: int = 0) -> None:
    """Whether `incoming` more bytes may be kept for an account; asked before an upload is stored and a video is made.

    Near the limit nobody else is answered for this account until the transaction ends: what comes side by side is counted.

    Raises:
        StorageFull: they may not; the text says what to do.
    """
    limit = limit_of(uow.session, uow.settings, actor.id)
    if limit is None:
        return
    engine = uow.session.get_bind().engine
    if _known_to_fit(engine, actor.id, incoming + BESIDE, limit):
        return
    uow.session.execute(_HOLD, {"actor": actor.id})
    size, count = used(uow.session, actor.id)
    if size + incoming > limit:
        more = f", and this needs {in_mb(incoming)} more" if incoming else ""
        kept = "1 file uses" if count == 1 else f"{count} files use"
        raise StorageFull(f"Your storage is full: {kept} {in_mb(size)} of {in_mb(limit)}{more}. Delete posts with videos or "
                          "drafts that you no longer need, or ask an administrator of this server for more.")
    with _counting:
        counts = _counted.setdefault(engine, {})
        if len(counts) >= ACCOUNTS:
            counts.clear()
        counts[actor.id] = (time.monotonic() + COUNTED_SECONDS, size + incoming + BESIDE)


def _known_to_fit(engine: Engine, actor_id: int, incoming: int, limit: int) -> bool:
    """Whether a count of some seconds ago is enough to say that this fits; it then counts, too."""
    with _counting:
        counts = _counted.get(engine, {})
        until, known = counts.get(actor_id, (0.0, 0))
        if time.monotonic() >= until or known + incoming > limit * SMALL_SHARE:
            return False
        counts[actor_id] = (until, known + incoming)
        return True


def in_mb(size: int) -> str:
    """1,234 MB; a little is never nothing."""
    return f"{max(1, round(size / MB)) if size else 0:,} MB"
