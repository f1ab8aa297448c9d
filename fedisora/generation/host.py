"""Runs claimed generations: a warm child process renders, this side keeps the lease, the progress and the outcome."""
from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from ..activitypub.digest import digest_multibase
from ..db import Database
from ..errors import FedisoraError, Refused
from ..ids import new_id
from ..media.claims import from_generation, keep_made
from ..media.digest import file_digest
from ..media.process import run_media
from ..models import Media
from ..storage import Store
from ..storage.store import new_key
from ..store import fingerprints
from ..vault import instance_key
from . import jobs
from .process import Runner

log = structlog.get_logger()
RENEW = 3.0
"""Seconds between two renewals of the lease while the child makes progress."""
RENDER_SHARE = 0.92
"""Part of the progress bar that rendering takes; the poster and the store take the rest."""


def asked(held: jobs.Claim) -> dict[str, Any]:
    """What extensions may know about a request: everything but the prompt, which its author may keep private."""
    return {"width": held.width, "height": held.height, "seconds": str(held.seconds), "fps": held.fps, "seed": str(held.seed),
            "backend": held.backend}


class Host:
    """One claimed generation at a time, on one runner child."""

    def __init__(self, db: Database, storage: Store, owner: str, *, backend: str, model: str = "") -> None:
        self._db = db
        self._storage = storage
        self._owner = owner
        self._backend = backend
        self._runner = Runner(backend, model=model or None)

    async def run_once(self) -> bool:
        """Claim and run one generation; False when there was none."""
        held = await self._db.write(lambda uow: jobs.claim(uow, self._owner, self._backend))
        if held is None:
            return False
        scratch = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-generation-"))
        try:
            await self._run(held, scratch)
        except asyncio.CancelledError:
            await asyncio.shield(self._db.write(lambda uow: jobs.release(uow, self._owner)))
            raise
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, True)
        return True

    async def _run(self, held: jobs.Claim, scratch: Path) -> None:
        started = time.monotonic()
        output = scratch / "render.mp4"
        mark = await self._db.read(fingerprints.free_mark) if self._db.instance.settings.watermark else None
        request = {"id": str(held.id), "prompt": held.prompt, "seed": held.seed, "width": held.width,
                   "height": held.height, "seconds": held.seconds, "fps": held.fps, "output": str(output)}
        if mark is not None:
            request |= {"watermark": mark, "watermark_key": instance_key(self._db.instance.vault).hex()}
        keeper = _Keeper(self._db, held, self._runner.cancel)
        began = time.monotonic()
        try:
            result = await self._runner.generate(request, keeper.note)
            if keeper.stopped or result.get("cancelled"):
                await self._db.write(lambda uow: jobs.finish(uow, held.id, held.owner, held.attempt, "cancelled"))
                return
            result["render_seconds"] = round(time.monotonic() - began, 3)
            media = await self._store(held, output, scratch, result, mark)
            made = await from_generation(self._db, asked(held), result)
        except Refused as error:
            text = error.text
            await self._db.write(lambda uow: jobs.finish(uow, held.id, held.owner, held.attempt, "failed", error=text))
            return
        except FedisoraError as error:
            if keeper.stopped:
                await self._db.write(lambda uow: jobs.finish(uow, held.id, held.owner, held.attempt, "cancelled"))
                return
            log.warning("generation failed, will be tried again", generation=held.id, error=str(error))
            why = str(error)
            await self._db.write(lambda uow: jobs.requeue(uow, held, why, dt.timedelta(seconds=2 ** held.attempt)))
            return
        finally:
            await keeper.close()
        kept = await self._db.write(lambda uow: jobs.to_draft(uow, held, media, result) and keep_made(uow, media, made))
        if not kept:
            keys = [key for key in (media.storage_key, media.poster_key) if key]
            await asyncio.to_thread(self._storage.delete, keys)
        log.info("generation done", generation=held.id, seconds=round(time.monotonic() - started, 2), kept=kept)

    async def _store(self, held: jobs.Claim, output: Path, scratch: Path, result: dict[str, Any],
                     mark: int | None) -> Media:
        poster = scratch / "poster.webp"
        picture = await run_media("poster", {"path": str(output), "output": str(poster)}, timeout=60)
        now = self._db.clock()
        row_id = new_id(now)
        key, poster_key = new_key(row_id, ".mp4"), new_key(row_id, ".webp")
        digest, size = await asyncio.to_thread(file_digest, output)
        await asyncio.to_thread(self._storage.put_file, key, output)
        await asyncio.to_thread(self._storage.put_file, poster_key, poster)
        generator = {**result["generator"], "parameters": result["parameters"], "seed": str(held.seed),
                     "prompt": held.prompt}
        return Media(id=row_id, actor_id=held.actor_id, kind="video", state="ready", mime="video/mp4",
                     width=result["width"], height=result["height"], duration=float(result["seconds"]), size=size,
                     blurhash=picture.get("blurhash"), storage_key=key, poster_key=poster_key, digest=digest_multibase(digest),
                     digital_source_type=result["digital_source_type"], declared=False, label_source="made", generator=generator,
                     generation_id=held.id, watermark=mark, created_at=now)

    async def close(self) -> None:
        """Stop the child."""
        await self._runner.close()


class _Keeper:
    """Writes progress and renews the lease while the child moves; asks the child to stop when it should."""

    def __init__(self, db: Database, held: jobs.Claim, cancel: Callable[[], Awaitable[None]]) -> None:
        self._db = db
        self._held = held
        self._cancel = cancel
        self._latest = ("starting", 0.0)
        self._written = ("", -1.0)
        self._moved = asyncio.Event()
        self.stopped = False
        self._task = asyncio.create_task(self._keep())

    def note(self, stage: str, fraction: float) -> None:
        """The child's progress in one stage, 0 … 1."""
        self._latest = (stage, fraction * RENDER_SHARE)
        self._moved.set()

    async def _keep(self) -> None:
        last = time.monotonic()
        while not self.stopped:
            try:
                async with asyncio.timeout(RENEW):
                    await self._moved.wait()
            except TimeoutError:
                pass
            self._moved.clear()
            stage, fraction = self._latest
            changed = stage != self._written[0] or fraction - self._written[1] >= 0.01
            if not changed and time.monotonic() - last < RENEW:
                continue
            last = time.monotonic()
            self._written = (stage, fraction)
            going = await self._db.write(lambda uow, s=stage, f=fraction: jobs.progress(uow, self._held, s, f))  # type: ignore[misc]
            if not going:
                self.stopped = True
                await self._cancel()
            else:
                await asyncio.sleep(0.15)  # at most about six writes a second, however chatty the child is

    async def close(self) -> None:
        """Stop renewing."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
