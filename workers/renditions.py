"""Other encodings of a published video: each is made from the signed file, signed in its turn with that as its parent, looked at
as anybody would, and only then offered."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from fedisora.activitypub.digest import digest_multibase
from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError
from fedisora.media import hls
from fedisora.media.digest import file_digest
from fedisora.media.process import run_media
from fedisora.models import Actor, Media, Rendition, Status
from fedisora.provenance.edits import rendition
from fedisora.provenance.manifest import Ingredient
from fedisora.provenance.record import ProvenanceRecord
from fedisora.services import channels, renditions
from fedisora.services.renditions import Rung
from fedisora.storage.store import new_key
from fedisora.store import jobs
from fedisora.store import renditions as rows

from .files import scratch
from .rows import Handler
from .signing import sealed, transcode_seconds

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
GOOD = "verified"


async def make_renditions(house: House, payload: dict[str, Any]) -> None:
    """Make the encodings that a video lacks, then tell who has its companion Video. Safe to repeat: what is there stays."""
    media_id = int(payload["media_id"])
    media = await house.db.read(lambda session: session.get(Media, media_id))
    if media is None or media.state != "signed" or not media.storage_key:
        return
    there = await house.db.read(lambda session: rows.of_media(session, [media_id]).get(media_id, []))
    missing = [rung for rung in renditions.wanted(house.settings, media) if not any(_is(rung, media, row) for row in there)]
    if not missing:
        return
    async with scratch() as folder:
        parent = folder / "parent.mp4"
        await asyncio.to_thread(house.storage.get_to, media.storage_key, parent)
        for number, rung in enumerate(missing):
            place = folder / str(number)
            place.mkdir()
            if not await _make(house, media, rung, parent, place):
                return  # deleted or signed anew meanwhile: that brought a job of its own
    await house.db.write(lambda uow: _tell(uow, media_id))


def _is(rung: Rung, media: Media, row: Rendition) -> bool:
    short = rung.short or min(media.width or 0, media.height or 0)
    return row.kind == rung.kind and min(row.width, row.height) == short


async def _make(house: House, media: Media, rung: Rung, parent: Path, folder: Path) -> bool:
    """Encode, sign, look, store; whether the video is still there as it was."""
    path, made = await _encoded(house, media, rung, parent, folder)
    actor = await house.db.read(lambda session: session.get_one(Actor, media.actor_id))
    before, after = (int(media.width or 0), int(media.height or 0)), (int(made["width"]), int(made["height"]))
    record = ProvenanceRecord.from_assertion(media.record or {}, house.uris.media(str(media.manifest_key))).having(
        digital_source_type=media.digital_source_type, soft_binding=tuple(media.soft_binding),
        edits=(rendition(before, after, house.db.clock()),))
    ingredient = Ingredient(path=str(parent), mime=media.mime, title="the video", kind="version")
    signed, _ = await sealed(house, media, actor, record, path, [ingredient], folder)
    verdict = await house.verifier.check_file(signed)
    if verdict["verdict"] != GOOD:
        raise FedisoraError("A smaller encoding could not be verified after it was signed.", cause=verdict["verdict"])
    seconds = float(media.duration or 0) or 1.0
    digest, size = await asyncio.to_thread(file_digest, signed)
    layout = await asyncio.to_thread(hls.layout, signed, seconds) if rung.fragmented else None
    codecs = layout.codecs if layout else await asyncio.to_thread(hls.codecs, signed)
    key = new_key(media.id, ".mp4")
    await asyncio.to_thread(house.storage.put_file, key, signed)

    def keep(uow: UnitOfWork) -> bool:
        row = uow.session.get(Media, media.id)
        if row is None or row.state != "signed" or row.storage_key != media.storage_key:
            jobs.enqueue(uow, "delete_files", {"keys": [key]})
            return False
        uow.session.add(Rendition(
            id=uow.new_id(), media_id=media.id, kind=rung.kind, width=after[0], height=after[1],
            bitrate=round(size * 8 / seconds), codecs=codecs, size=size, digest=digest_multibase(digest),
            storage_key=key, playlist=hls.playlist(layout) if layout else None, signed=True, created_at=uow.now))
        uow.ring(f"media:{media.id}")
        return True

    kept = await house.db.write(keep)
    log.info("rendition", media=media.id, kind=rung.kind, width=after[0], height=after[1], size=size, kept=kept)
    return kept


async def _encoded(house: House, media: Media, rung: Rung, parent: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The file of a rung, not signed yet."""
    path = parent
    made: dict[str, Any] = {"width": media.width, "height": media.height}
    if rung.short is not None:
        path = folder / "smaller.mp4"
        made = await run_media("transcode", {
            "path": str(parent), "output": str(path), "short": rung.short, "copy_sound": True,
            "longest": float(media.duration or 0) + 5}, timeout=transcode_seconds(house))
    if rung.fragmented:
        whole, path = path, folder / "fragments.mp4"
        made = await run_media("fragment", {"path": str(whole), "output": str(path)}, timeout=300)
    return path, made


def _tell(uow: UnitOfWork, media_id: int) -> None:
    """The companion Video names its encodings; servers that have it hear of them."""
    media = uow.session.get(Media, media_id)
    status = uow.session.get(Status, media.status_id) if media is not None and media.status_id is not None else None
    if status is not None and status.published and rows.of_media(uow.session, [media_id]):
        channels.after_edit(uow, status)


HANDLERS: dict[str, Handler] = {"make_renditions": make_renditions}
