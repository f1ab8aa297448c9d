"""The media worker: encode uploads, sign the files of a post last, check the provenance of remote files."""
from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from fedisora.activitypub.digest import digest_multibase
from fedisora.db import UnitOfWork
from fedisora.errors import Invalid, NotFound
from fedisora.media.digest import file_digest
from fedisora.media.process import run_media
from fedisora.models import Actor, Media, Status
from fedisora.provenance import manifest as manifests
from fedisora.provenance.record import Generator, ProvenanceRecord
from fedisora.services import publish as posts
from fedisora.storage.store import new_key
from fedisora.store import keys as key_rows
from fedisora.store import media as media_rows

from . import claims
from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
TRANSCODE_SECONDS = 1800.0
SUFFIX = {"video/mp4": ".mp4", "image/webp": ".webp", "image/jpeg": ".jpg", "image/png": ".png"}
KINDS = {"human": "fs:Human", "agent": "fs:AIAgent"}


@contextlib.asynccontextmanager
async def scratch() -> AsyncIterator[Path]:
    """A temporary folder, removed at the end."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-media-"))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)


async def process_media(house: House, payload: dict[str, Any]) -> None:
    """Probe and encode an upload; afterwards it is `ready` (not yet signed), or `failed` with a reason."""
    media_id = int(payload["media_id"])
    media = await house.db.read(lambda session: session.get(Media, media_id))
    if media is None or media.state not in ("received", "processing") or not media.upload_key:
        return
    upload_key = media.upload_key
    await house.db.write(lambda uow: _set(uow, media_id, state="processing"))
    async with scratch() as folder:
        source = folder / "upload"
        await asyncio.to_thread(house.storage.get_to, upload_key, source)
        try:
            values = await _encode(house, media_id, source, folder)
        except Invalid as error:
            text = error.text
            log.info("upload refused", media=media_id, reason=str(error))
            await asyncio.to_thread(house.storage.delete, [upload_key])
            await house.db.write(lambda uow: _set(uow, media_id, state="failed", error=text, upload_key=None))
            return
    await house.db.write(lambda uow: _set(uow, media_id, state="ready", **values))


async def _encode(house: House, media_id: int, source: Path, folder: Path) -> dict[str, Any]:
    found = await run_media("probe", {"path": str(source)}, timeout=40)
    if found["kind"] == "video":
        encoded, poster = folder / "video.mp4", folder / "poster.webp"
        made = await run_media("transcode", {"path": str(source), "output": str(encoded)}, timeout=TRANSCODE_SECONDS)
        picture = await run_media("poster", {"path": str(encoded), "output": str(poster)}, timeout=60)
        mime, duration = "video/mp4", float(made["duration"])
    else:
        made = picture = await run_media("image", {"path": str(source), "output": str(folder / "image")}, timeout=60)
        encoded, mime, duration = Path(made["path"]), str(made["mime"]), None
        poster = None
    key = new_key(media_id, SUFFIX[mime])
    await asyncio.to_thread(house.storage.put_file, key, encoded)
    poster_key = None
    if poster is not None:
        poster_key = new_key(media_id, ".webp")
        await asyncio.to_thread(house.storage.put_file, poster_key, poster)
    _, size = await asyncio.to_thread(file_digest, encoded)
    return {"kind": found["kind"], "mime": mime, "width": made["width"], "height": made["height"], "duration": duration,
            "size": size, "blurhash": picture.get("blurhash"), "storage_key": key, "poster_key": poster_key}


def _set(uow: UnitOfWork, media_id: int, **values: Any) -> None:
    row = uow.session.get(Media, media_id)
    if row is None:
        raise NotFound
    for name, value in values.items():
        setattr(row, name, value)
    uow.ring(f"media:{media_id}")


async def publish(house: House, payload: dict[str, Any]) -> None:
    """Sign every file of a post, then build and send the post. Safe to repeat: signed files are left alone."""
    status_id = int(payload["status_id"])
    status = await house.db.read(lambda session: session.get(Status, status_id))
    if status is None or status.published:
        return
    files = await house.db.read(lambda session: media_rows.of_statuses(session, [status_id]).get(status_id, []))
    for media in files:
        if media.state in ("received", "processing"):
            await process_media(house, {"media_id": media.id})
    files = await house.db.read(lambda session: media_rows.of_statuses(session, [status_id]).get(status_id, []))
    if any(media.state == "failed" for media in files):
        await house.db.write(lambda uow: posts.abandon(uow, status_id))
        return
    for media in files:
        if media.state == "ready":
            await _sign(house, status, media)
    await house.db.write(lambda uow: posts.finish(uow, status_id))
    house.bells.ring({f"status:{status_id}"})


async def _sign(house: House, status: Status, media: Media) -> None:
    actor = await house.db.read(lambda session: session.get_one(Actor, status.actor_id))
    chain = await house.db.read(lambda session: key_rows.c2pa_key(session, house.vault, actor))
    old_key = str(media.storage_key)
    new = new_key(media.id, Path(old_key).suffix)
    sidecar_key = str(Path(new).with_suffix(".c2pa"))
    record = ProvenanceRecord(
        object_id=status.uri, actor=actor.uri, actor_kind=KINDS.get(actor.kind or ""), operator=actor.operator_uri,
        record_url=house.uris.record(media.id), manifest_url=house.uris.media(sidecar_key), provider=house.uris.base,
        created=media.created_at, digital_source_type=media.digital_source_type,
        generator=Generator.from_json(media.generator) if media.generator else None)
    async with scratch() as folder:
        source, signed = folder / f"source{Path(old_key).suffix}", folder / f"signed{Path(old_key).suffix}"
        await asyncio.to_thread(house.storage.get_to, old_key, source)
        ingredients = await _original(house, media, folder)
        sidecar = folder / "manifest.c2pa"
        await run_media("sign", {
            "path": str(source), "output": str(signed), "sidecar": str(sidecar), "mime": media.mime,
            "manifest": manifests.build(record, ingredients=ingredients, title=media.description[:80]),
            "ingredients": [vars(item) for item in ingredients],
            "key": key_rows.pem(chain[0]), "chain": chain[1]}, timeout=300)
        digest, size = await asyncio.to_thread(file_digest, signed)
        await asyncio.to_thread(house.storage.put_file, new, signed)
        await asyncio.to_thread(house.storage.put_file, sidecar_key, sidecar)
    final = {"state": "signed", "storage_key": new, "manifest_key": sidecar_key, "digest": digest_multibase(digest),
             "size": size, "record": record.to_assertion(), "upload_key": None}
    await house.db.write(lambda uow: _set(uow, media.id, **final))
    await asyncio.to_thread(house.storage.delete, [key for key in (old_key, media.upload_key) if key])
    verdict = await house.verifier.check_media(media.id)
    log.info("signed", media=media.id, verdict=verdict["verdict"], size=size)


async def _original(house: House, media: Media, folder: Path) -> list[manifests.Ingredient]:
    """The upload as a parent ingredient, when it came with Content Credentials of its own."""
    if not media.upload_key:
        return []
    original = folder / "original"
    await asyncio.to_thread(house.storage.get_to, media.upload_key, original)
    found = await run_media("read", {"path": str(original), "anchors": {}}, timeout=60)
    if found.get("report") is None:
        return []
    return [manifests.Ingredient(path=str(original), mime=str(found["mime"]), title="upload")]


async def verify_media(house: House, payload: dict[str, Any]) -> None:
    """Fetch a remote file and keep the verdict on it."""
    await house.verifier.check_media(int(payload["media_id"]))


HANDLERS: dict[str, Handler] = {"process_media": process_media, "publish": publish, "verify_media": verify_media,
                                **claims.HANDLERS}
