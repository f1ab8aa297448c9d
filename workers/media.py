"""The media worker: encode uploads, sign the files of a post last, check the provenance of remote files."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import structlog

from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError, Invalid
from fedisora.media.digest import file_digest
from fedisora.media.process import run_media
from fedisora.models import Media, Status
from fedisora.provenance.edits import encoding, marking
from fedisora.services import declaration
from fedisora.services import publish as posts
from fedisora.storage.store import new_key
from fedisora.store import fingerprints
from fedisora.store import media as media_rows

from . import claims, players, renditions
from .files import SUFFIX, keep, keep_while, scratch
from .rows import GivenUp, Handler
from .signing import check, mark_for, sign, sign_again, transcode_seconds

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
BROKEN = "This file could not be processed here. Please export it again as MP4, or try another file; the operator can see why."

PROCESSING = ("processing",)
UNENCODED = ("received", "processing")
_at_work: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
"""By id of a file: held by the job that encodes it in this process."""


async def process_media(house: House, payload: dict[str, Any]) -> None:
    """Probe and encode an upload; afterwards it is `ready` (not yet signed), or `failed` with a reason.

    The job of the upload and that of the post with it may come at once: here the second waits for the first, and of two in
    different processes the slower one's work is thrown away.
    """
    media_id = int(payload["media_id"])
    lock = _at_work.setdefault(media_id, asyncio.Lock())
    async with lock:
        await _process(house, media_id)


async def _process(house: House, media_id: int) -> None:
    media = await house.db.write(lambda uow: _begin(uow, media_id))
    if media is None or not media.upload_key:
        return
    upload_key = media.upload_key
    async with scratch() as folder:
        source = folder / "upload"
        await asyncio.to_thread(house.storage.get_to, upload_key, source)
        try:
            values = await _encode(house, media, source, folder)
        except Invalid as error:
            text = error.text
            log.info("upload refused", media=media_id, reason=str(error))
            values = {"state": "failed", "error": text, "upload_key": None}
            if await house.db.write(lambda uow: keep_while(uow, media_id, PROCESSING, **values)):
                await asyncio.to_thread(house.storage.delete, [upload_key])
            return
    if not await house.db.write(lambda uow: _encoded(uow, media_id, values)):
        log.info("another job was quicker with this file", media=media_id)
        await asyncio.to_thread(house.storage.delete, [key for key in (values["storage_key"], values["poster_key"]) if key])
        return
    if values["kind"] == "video":
        await house.db.write(lambda uow: fingerprints.plan(uow, media_id))


def give_up_media(uow: UnitOfWork, payload: dict[str, Any]) -> None:
    """Nobody waits for ever for an upload at which the program breaks. The file stays, for an operator who tries again."""
    media = uow.session.get(Media, int(payload["media_id"]))
    if media is not None and media.state in UNENCODED:
        keep(uow, media.id, state="failed", error=BROKEN)


def _begin(uow: UnitOfWork, media_id: int) -> Media | None:
    """The file, when there is something to encode. One that failed has its upload still only when it was given up: an operator
    may try again."""
    row = uow.session.get(Media, media_id, with_for_update=True)
    if row is None or row.state not in (*UNENCODED, "failed") or not row.upload_key:
        return None
    return keep(uow, media_id, state="processing")


def _encoded(uow: UnitOfWork, media_id: int, values: dict[str, Any]) -> bool:
    """Keep what was encoded; False when another job was quicker."""
    row = keep_while(uow, media_id, PROCESSING, state="ready", **values)
    if row is None:
        return False
    declaration.weigh(row)
    media_rows.plan_extras(uow, row)
    return True


async def _encode(house: House, media: Media, source: Path, folder: Path) -> dict[str, Any]:
    media_id, now = media.id, house.db.clock()
    longest = house.settings.max_video_seconds
    found = await run_media("probe", {"path": str(source), "longest": longest}, timeout=40)
    upload = declaration.original(await _verdict(house, source), found["mime"])
    mark = None
    if found["kind"] == "video":
        encoded, poster = folder / "video.mp4", folder / "poster.webp"
        mark = mark_for(house, media.digital_source_type, (upload or {}).get("digitalSourceType"))
        made = await run_media("transcode", {
            "path": str(source), "output": str(encoded), "mark": mark, "longest": longest, "repackage": True,
            "loudness_target": house.settings.loudness_target}, timeout=transcode_seconds(house))
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
    edits = encoding(found, {**made, "mime": mime}, now) + ([marking(mark["text"], now)] if mark else [])
    return {"edits": edits, "ingredients": [upload] if upload else [], "kind": found["kind"], "mime": mime,
            "width": made["width"], "height": made["height"], "duration": duration, "size": size,
            "blurhash": picture.get("blurhash"), "storage_key": key, "poster_key": poster_key,
            "audio": made.get("audio"), "loudness": made.get("loudness")}


async def _verdict(house: House, source: Path) -> dict[str, Any]:
    """The verdict on an upload. A record at which the reader breaks is damaged: the upload goes on, the record counts no more."""
    try:
        return await house.verifier.check_file(source)
    except FedisoraError as error:
        if error.retryable or isinstance(error, Invalid):
            raise
        log.warning("an upload's own record cannot be read", reason=str(error))
        return {"verdict": "tampered", "summary": "The record that the upload came with cannot be read."}


async def publish(house: House, payload: dict[str, Any]) -> None:
    """Sign every file of a post, then build and send the post. Safe to repeat: signed files are left alone."""
    status_id = int(payload["status_id"])
    status = await house.db.read(lambda session: session.get(Status, status_id))
    if status is None or status.published:
        return
    files = await house.db.read(lambda session: media_rows.of_statuses(session, [status_id]).get(status_id, []))
    for media in files:
        if media.state in UNENCODED:
            await process_media(house, {"media_id": media.id})
    files = await house.db.read(lambda session: media_rows.of_statuses(session, [status_id]).get(status_id, []))
    if any(media.state == "failed" for media in files):
        await house.db.write(lambda uow: posts.abandon(uow, status_id))
        return
    if not await house.db.write(lambda uow: posts.enforce_policy(uow, status_id)):
        return
    for media in files:
        if media.state == "ready":
            await sign(house, status, media)
        elif media.state == "signed" and media.verdict is None:  # the last try ended between signing and looking
            await check(house, media)
    await house.db.write(lambda uow: posts.finish(uow, status_id))
    house.bells.ring({f"status:{status_id}"})


async def declare(house: House, payload: dict[str, Any]) -> None:
    """Sign a published file again, with what its author says now, and tell everybody. Safe to repeat."""
    media_id, choice = int(payload["media_id"]), str(payload["choice"])
    media = await house.db.read(lambda session: session.get(Media, media_id))
    if media is None or media.state != "signed":
        return
    try:
        declaration.allowed(media, choice)
    except Invalid:  # it was done before, perhaps by a try that ended before the look
        if media.verdict is None:
            await check(house, media)
        return
    await sign_again(house, media, choice)


async def verify_media(house: House, payload: dict[str, Any]) -> None:
    """Fetch a remote file and keep the verdict on it."""
    await house.verifier.check_media(int(payload["media_id"]))


HANDLERS: dict[str, Handler] = {"process_media": process_media, "publish": publish, "declare": declare,
                                "verify_media": verify_media, **claims.HANDLERS, **players.HANDLERS, **renditions.HANDLERS}
GIVEN_UP: dict[str, GivenUp] = {"process_media": give_up_media}
