"""Recognising a video whose record is gone: what it shows is compared with every video known here.

A match is never a verdict of `verified`: it says what a file looks like. Only public and unlisted posts are named.
The rules are in `likeness`. numpy is loaded by the first look-up only: a server that never looks anything up stays small.
"""
from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy.orm import Session

from ..db import Database, UnitOfWork
from ..errors import FedisoraError, Invalid
from ..models import Media
from ..provenance.verdict import Match
from ..store import fingerprints as rows
from ..vault import instance_key
from .process import run_media
from .sniff import sniff_file

if TYPE_CHECKING:
    from .fingerprint_index import CodeIndex

log = structlog.get_logger()
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""Read when numpy is loaded, which is later. With threads of its own the library stands still for ever when this process forks
(for a child that reads a file) while another thread multiplies matrices in a look-up; and the matrices are small."""
PROBES: Final = 8
"""Frames by which a part of a video is looked for when its ISCC finds nothing."""
CANDIDATES: Final = 24
TIMEOUT: Final = 300.0
AT_ONCE: Final = 2
"""Files decoded side by side in one process."""
_PAGE: Final = 5000
_OVERLAP: Final = 1024
"""Newest rows that may have been joined since by older ids of transactions that took longer."""


@dataclass(frozen=True)
class Found:
    """A known file that another one looks like; see `likeness.Likeness`."""

    media_id: int
    object: str
    distance: int
    frames: float
    part: int = 256
    watermark: bool = False

    def to_json(self) -> dict[str, Any]:
        """As `Media.matched` keeps it."""
        found: dict[str, Any] = {"media_id": self.media_id, "object": self.object, "distance": self.distance,
                                 "frames": round(self.frames, 2)}
        found |= {"part": self.part} if self.part < 256 else {}
        return found | ({"watermark": True} if self.watermark else {})


class Recogniser:
    """The codes of all known files, and the way to compute those of another."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._indexes: dict[str, CodeIndex] = {}
        self._places: asyncio.Semaphore | None = None
        self._learning: dict[int, asyncio.Event] = {}

    @property
    def active(self) -> bool:
        """Whether this instance looks for anything at all."""
        settings = self._db.instance.settings
        return settings.fingerprints or settings.watermark

    async def look(self, path: Path) -> Match | None:
        """The known file that a video looks like; None when there is none, or it is no video that can be read."""
        if not self.active or not await asyncio.to_thread(_is_video, path):
            return None
        try:
            codes = await self.codes(path)
        except FedisoraError as error:
            log.info("not compared with known videos", reason=str(error))
            return None
        found = await asyncio.to_thread(self.find, codes, None)
        return Match(found.object, found.distance) if found is not None else None

    async def learn(self, media_id: int, path: Path) -> Found | None:
        """Compute and keep the codes of a stored video, and what it looks like among what was known before it.

        A file that cannot be read is not tried again.

        Raises:
            FedisoraError: the child failed; trying again may help.
        """
        if not self.active:
            return None
        if media_id in self._learning:  # the job and the signing want the same; one computes
            await self._learning[media_id].wait()
            return None
        done = self._learning[media_id] = asyncio.Event()
        try:
            return await self._learn(media_id, path)
        finally:
            done.set()
            self._learning.pop(media_id, None)

    async def _learn(self, media_id: int, path: Path) -> Found | None:
        try:
            codes = await self.codes(path)
        except Invalid as error:
            log.info("no fingerprint", media=media_id, reason=str(error))
            await self._db.write(lambda uow: give_up(uow, media_id))
            return None
        found = await asyncio.to_thread(self.find, codes, media_id)
        await self._db.write(lambda uow: _keep(uow, media_id, codes, found))
        return found

    async def seen(self, media: Media, path: Path) -> Match | None:
        """The file of a remote video is at hand: its codes are kept the first time. What it looks like, as far as that may be
        named now."""
        if not self.active or media.kind != "video":
            return None
        try:
            if media.fingerprinted_at is None:
                await self.learn(media.id, path)
        except FedisoraError as error:
            log.info("not compared with known videos", media=media.id, reason=str(error))
        return await self._db.read(lambda session: _match_of(session, media.id))

    async def codes(self, path: Path) -> dict[str, Any]:
        """See `fingerprint.fingerprint`. At most `AT_ONCE` at a time.

        Raises:
            Invalid: not a video that can be read.
            FedisoraError: the child failed or took too long.
        """
        if self._places is None:
            self._places = asyncio.Semaphore(AT_ONCE)
        async with self._places:
            request = {"path": str(path), "watermark": self._db.instance.settings.watermark}
            return await run_media("fingerprint", request, timeout=TIMEOUT)

    # ---- searching; in a thread
    def find(self, codes: dict[str, Any], media_id: int | None) -> Found | None:
        """The oldest known file that some codes match; for a stored file only among those before it.

        Args:
            codes: by the media child.
            media_id: the stored file whose codes they are.
        """
        found = self._by_mark(codes, media_id)
        if found is not None or not self._db.instance.settings.fingerprints:
            return found
        self._refresh()
        seen: set[int] = set()
        for by in (self._by_iscc, self._by_frames, self._by_part):
            ids = by(codes)
            fresh = [other for other in ids if other not in seen and (media_id is None or other < media_id)][:CANDIDATES]
            seen.update(fresh)
            found = self._db.read_now(lambda session, some=fresh: _confirmed(session, codes, some))  # type: ignore[misc]
            if found is not None:
                return found
        return None

    def _by_mark(self, codes: dict[str, Any], media_id: int | None) -> Found | None:
        residue = codes.get("residue")
        if not residue or not self._db.instance.settings.watermark:
            return None
        from . import watermark
        from .likeness import compare

        mark = watermark.read(residue, instance_key(self._db.instance.vault), codes.get("box"))
        if mark is None:
            return None

        def named(session: Session) -> Found | None:
            known = [other for other in rows.marked(session, mark) if media_id is None or other < media_id]
            for other, (media, status) in sorted(rows.nameable(session, known).items()):
                likeness = compare(codes, rows.codes_of(session, [other]).get(other, {}), media.duration)
                return Found(other, status.uri, likeness.distance, likeness.frames, likeness.part, watermark=True)
            return None

        return self._db.read_now(named)

    def _by_iscc(self, codes: dict[str, Any]) -> list[int]:
        from .likeness import CANDIDATE

        wanted = [bytes.fromhex(look["iscc"]) for look in codes["look"] if look["iscc"]]
        return list(dict.fromkeys(hit.media_id for hit in self._index(rows.ISCC).search(wanted, CANDIDATE)))

    def _by_frames(self, codes: dict[str, Any]) -> list[int]:
        """Files that share several frames; those with most of them first."""
        from .likeness import FRAME

        wanted: list[bytes] = []
        for look in codes["look"]:
            if look["view"] in ("whole", "inner"):
                frames, most = look["pdq"], PROBES // 2 if look["mirror"] else PROBES
                wanted += [bytes.fromhex(code) for _, code in frames[::max(1, -(-len(frames) // most))]]
        counts: dict[int, set[int]] = {}
        for hit in self._index(rows.PDQ).search(wanted, FRAME, 1000):
            counts.setdefault(hit.media_id, set()).add(hit.query)
        return sorted(counts, key=lambda other: (-len(counts[other]), other))

    def _by_part(self, codes: dict[str, Any]) -> list[int]:
        from .likeness import PART

        wanted = [bytes.fromhex(part[name]) for part in codes["parts"] for name in ("plain", "mirror")]
        return list(dict.fromkeys(hit.media_id for hit in self._index(rows.PART).search(wanted, PART)))

    def _index(self, kind: str) -> CodeIndex:
        from .fingerprint_index import CodeIndex

        return self._indexes.setdefault(kind, CodeIndex())

    def _refresh(self) -> None:
        """Take in what the table has got since; a page at a time, so that nobody waits long for the interpreter."""
        with self._lock:
            for kind in rows.KINDS:
                index = self._index(kind)
                known = index.newest(_OVERLAP)
                at = min(known, default=0) - 1 if known else 0
                while True:
                    page = self._db.read_now(lambda session, k=kind, a=at: rows.after(session, k, a, _PAGE))  # type: ignore[misc]
                    fresh = [row for row in page if row.id not in known]
                    index.add([row.id for row in fresh], [row.media_id for row in fresh], [row.code for row in fresh])
                    if len(page) < _PAGE:
                        break
                    at = page[-1].id


def _is_video(path: Path) -> bool:
    kind = sniff_file(path)
    return kind is not None and kind.media == "video"


def _match_of(session: Session, media_id: int) -> Match | None:
    media = session.get(Media, media_id)
    if media is None or media.matched is None or media.id not in rows.matches(session, [media]):
        return None
    return Match(str(media.matched["object"]), int(media.matched["distance"]))


def _confirmed(session: Session, codes: dict[str, Any], candidates: list[int]) -> Found | None:
    from .likeness import compare

    named = rows.nameable(session, candidates)
    kept = rows.codes_of(session, named)
    for media_id in sorted(named):
        media, status = named[media_id]
        likeness = compare(codes, kept.get(media_id, {}), media.duration)
        if likeness.same:
            return Found(media_id, status.uri, likeness.distance, likeness.frames, likeness.part)
    return None


def give_up(uow: UnitOfWork, media_id: int) -> None:
    """A file cannot be read: it is not tried again."""
    media = uow.session.get(Media, media_id)
    if media is not None:
        media.fingerprinted_at = uow.now


def _keep(uow: UnitOfWork, media_id: int, codes: dict[str, Any], found: Found | None) -> None:
    media = uow.session.get(Media, media_id)
    if media is None:  # deleted meanwhile
        return
    media.fingerprinted_at = uow.now
    if uow.settings.fingerprints:
        rows.replace(uow, media_id, [
            *((kind, place, bytes.fromhex(code)) for kind in (rows.ISCC, rows.PART)
              for place, code in enumerate(codes["keep"][kind])),
            *((rows.PDQ, place, bytes.fromhex(code)) for place, code in codes["keep"]["pdq"])])
    media.matched = _matched(uow, media, found)
    if media.state not in ("remote", "signed"):  # what was signed says what it says
        media.soft_binding = bindings(media, codes["iscc"] if uow.settings.fingerprints else None)
    uow.ring(f"media:{media_id}")


def _matched(uow: UnitOfWork, media: Media, found: Found | None) -> dict[str, Any] | None:
    """What is kept of a match: an answer that was given stays, and nobody is asked about their own video."""
    if found is None:
        return None
    other, former = uow.session.get(Media, found.media_id), media.matched or {}
    answer = former.get("answer") if former.get("media_id") == found.media_id else None
    if other is not None and other.actor_id == media.actor_id:
        answer = "mine"
    return found.to_json() | ({"answer": answer} if answer else {})


def bindings(media: Media, iscc: str | None) -> list[str]:
    """The soft bindings of a local file."""
    from .watermark import soft_binding

    return [*([iscc] if iscc else []), *([soft_binding(media.watermark)] if media.watermark is not None else [])]
