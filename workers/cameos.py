"""Cameos: rendered here for somebody who agreed, fetched, compared with what was agreed to."""
from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session

from fedisora.activitypub.digest import digest_multibase
from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError, Invalid, NotFound, RemoteUnavailable
from fedisora.generation import cameos, screening
from fedisora.ids import new_id
from fedisora.media.digest import file_digest
from fedisora.media.process import run_media
from fedisora.models import ConsentRequest, Generation, Media
from fedisora.provenance import digital_source
from fedisora.services import screenings
from fedisora.services.cameos import answering, asking
from fedisora.services.generations.reasons import sentence
from fedisora.storage.store import new_key
from fedisora.store import consents, fingerprints, jobs, notifications
from fedisora.store import media as media_rows
from fedisora.store.actors import maker_of

from .files import scratch
from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
MOST_BYTES = 300 << 20
SECONDS = 120.0
OVER = (consents.ACCEPTED, consents.REJECTED, consents.WITHDRAWN)


async def render_cameo(house: House, payload: dict[str, Any]) -> None:
    """Look at a request for a likeness of somebody here, and do what its state asks for: decide who may ask, queue the rendering,
    show the finished draft to its owner, or tidy up. Safe to repeat."""
    request_id = int(payload["request_id"])
    request = await house.db.read(lambda session: consents.get(session, request_id))
    if request is None:
        return
    if request.state == consents.PENDING:
        outcome = await house.db.write(lambda uow: answering.consider(uow, request_id))
        log.info("a request for a likeness", request=request_id, outcome=outcome)
    elif request.state == consents.AGREED and request.render_id is None:
        later = await cameos.begin(house.db, house.storage, house.gates, request_id)
        if later is not None:  # a key of its own each time: the job that runs now still has the last one
            await house.db.write(lambda uow: jobs.enqueue(uow, "render_cameo", payload, delay=dt.timedelta(
                seconds=later.seconds), key=f"{request_id}:after {uow.now.isoformat(timespec='seconds')}"))
    elif request.state == consents.AGREED:
        await _show(house, request_id)
    elif request.state in OVER:
        await house.db.write(lambda uow: answering.tidy(uow, uow.session.get_one(ConsentRequest, request_id)))


async def _show(house: House, request_id: int) -> None:
    """The rendering has ended: its owner sees the draft before anybody else does."""
    def ended(uow: UnitOfWork) -> str | None:
        request = uow.session.get_one(ConsentRequest, request_id)
        return cameos.rendered(uow, request) if request.state == consents.AGREED and request.content_digest is None else None

    key = await house.db.write(ended)
    if key is None:
        return
    async with scratch() as folder:
        path = folder / "draft.mp4"
        await asyncio.to_thread(house.storage.get_to, key, path)
        content = str((await run_media("content", {"path": str(path)}, timeout=60))["digest"])

    def tell(uow: UnitOfWork) -> None:
        request = uow.session.get_one(ConsentRequest, request_id)
        if request.state == consents.AGREED:
            request.content_digest = content
            notifications.notify(uow, request.owner_id, request.requester_id, "cameo.draft", about=request_id)

    await house.db.write(tell)


async def fetch_cameo(house: House, payload: dict[str, Any]) -> None:
    """Fetch the draft that was offered for a request of ours (or take it over, when both live here), check it as any video, and
    give it to whoever asked. Safe to repeat.

    Raises:
        RemoteUnavailable: its server is silent; the job is tried again.
    """
    request_id = int(payload["request_id"])
    found = await house.db.read(lambda session: _waiting(session, request_id))
    if found is None:
        return
    request, row, render = found
    async with scratch() as folder:
        path = folder / "draft.mp4"
        try:
            await _get(house, payload, render, path)
            media = await _media(house, request, row, render, path, folder)
        except RemoteUnavailable:
            raise
        except FedisoraError as error:
            log.info("an offered draft cannot be used", request=request_id, reason=str(error))
            await house.db.write(lambda uow: asking.failed(uow, request_id, sentence("cameo-broken")))
            return
        seen = await house.db.read(lambda session: screening.subject_of(session, row))
        verdict = await screening.frames(house.db, house.gates, seen, path)
        keys = [key for key in (media.storage_key, media.poster_key) if key]

        def keep(uow: UnitOfWork) -> bool:
            if verdict.decision == "deny":
                asking.failed(uow, request_id, verdict.reason or sentence("cameo-broken"))
                return False
            media.record = maker_of(uow.session, media.actor_id)
            if not asking.arrived(uow, request_id, media):
                return False
            fingerprints.plan(uow, media.id)
            media_rows.plan_extras(uow, media)
            if verdict.decision == "hold":
                held = uow.session.get_one(Generation, row.id)
                screenings.note(uow, held, gate=verdict.gate, stage="frames", decision="hold", code=verdict.code,
                                reason=verdict.reason, evidence=verdict.evidence)
            return True

        if not await house.db.write(keep):
            await asyncio.to_thread(house.storage.delete, keys)


def _waiting(session: Session, request_id: int) -> tuple[ConsentRequest, Generation, Media | None] | None:
    found = asking.waiting(session, request_id)
    return (*found, answering.draft_of(session, found[0])) if found is not None else None


async def _get(house: House, payload: dict[str, Any], render: Media | None, path: Path) -> None:
    url, digest = payload.get("url"), payload.get("digest")
    if isinstance(url, str):
        # it lies on its owner's origin, and nowhere else: whoever is sent elsewhere has not been offered that
        await house.client.download(url, path, max_bytes=MOST_BYTES, deadline=SECONDS, redirects=0)
        if digest_multibase((await asyncio.to_thread(file_digest, path))[0]) != digest:
            raise Invalid("The file is not the one that was offered.")
    elif render is not None and render.storage_key:
        await asyncio.to_thread(house.storage.get_to, render.storage_key, path)
    else:
        raise NotFound


async def _media(house: House, request: ConsentRequest, row: Generation, render: Media | None, path: Path, folder: Path) -> Media:
    """The row of a fetched draft, its files stored. Its pictures are not encoded anew: its owner agreed to exactly these.

    Raises:
        Invalid: no MP4 that we would have made ourselves.
    """
    await run_media("content", {"path": str(path)}, timeout=60)
    facts = await run_media("probe", {"path": str(path), "longest": house.settings.max_video_seconds}, timeout=40)
    if facts["kind"] != "video" or facts["mime"] != "video/mp4":
        raise Invalid("The file that was offered is no MP4.")
    poster = await run_media("poster", {"path": str(path), "output": str(folder / "poster.webp")}, timeout=60)
    media_id = new_id(house.db.clock())
    key, poster_key = new_key(media_id, ".mp4"), new_key(media_id, ".webp")
    digest, size = await asyncio.to_thread(file_digest, path)
    await asyncio.to_thread(house.storage.put_file, key, path)
    await asyncio.to_thread(house.storage.put_file, poster_key, folder / "poster.webp")
    made = request.parameters.get("made") or {}
    generator = dict(render.generator or {}) if render is not None else {
        "name": made.get("name") or "unknown", "model": "", "revision": made.get("version") or "", "licence": "",
        "backend": "elsewhere", "parameters": {"width": facts["width"], "height": facts["height"]}}
    source = render.digital_source_type if render is not None else made.get("source")
    return Media(
        id=media_id, actor_id=row.actor_id, kind="video", state="ready", mime="video/mp4", width=facts["width"],
        height=facts["height"], duration=facts["seconds"], size=size, blurhash=poster.get("blurhash"), storage_key=key,
        poster_key=poster_key, digest=digest_multibase(digest), declared=False, label_source="made",
        digital_source_type=source or digital_source.COMPOSITE_TRAINED,
        generator={**generator, "seed": str(generator.get("seed") or row.seed), "prompt": row.prompt}, generation_id=row.id,
        audio=bool(facts.get("audio")), created_at=house.db.clock())


async def compare_cameo(house: House, payload: dict[str, Any]) -> None:
    """Fetch the finished file that a stamp is asked for, and compare it with what its owner saw. Safe to repeat.

    Raises:
        RemoteUnavailable: its server is silent; the job is tried again.
    """
    request_id = int(payload["request_id"])
    request = await house.db.read(lambda session: consents.get(session, request_id))
    if request is None or request.state != consents.PENDING or not request.digest:
        return
    media = await house.db.read(lambda session: consents.preview(session, request))
    content: str | None = None
    async with scratch() as folder:
        path = folder / "finished.mp4"
        try:
            if media is not None and media.storage_key:
                await asyncio.to_thread(house.storage.get_to, media.storage_key, path)
            elif media is not None and media.remote_url:
                await house.client.download(media.remote_url, path, max_bytes=MOST_BYTES, deadline=SECONDS)
            else:
                raise NotFound
            if digest_multibase((await asyncio.to_thread(file_digest, path))[0]) == request.digest:
                content = str((await run_media("content", {"path": str(path)}, timeout=60))["digest"])
        except RemoteUnavailable:
            raise
        except FedisoraError as error:
            log.info("a finished cameo cannot be compared", request=request_id, reason=str(error))
    outcome = await house.db.write(lambda uow: answering.compared(uow, request_id, content))
    log.info("a finished cameo", request=request_id, outcome=outcome)


HANDLERS: dict[str, Handler] = {"render_cameo": render_cameo, "fetch_cameo": fetch_cameo, "compare_cameo": compare_cameo}
