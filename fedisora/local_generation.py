"""`fedisora generate`: ask for a video, watch it being made here or by the running workers, publish it, write the file."""
from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from .app import House, build_house, workers_module
from .errors import Conflict, FedisoraError, Invalid, NotFound, Transient
from .generation import publishing, submission
from .generation.intake import Source, Wanted, plan
from .generation.presets import catalogue
from .local_run import own_actor
from .models import Generation, Media, Status
from .services import generations, publish
from .settings import Settings
from .store import generation_queue
from .web.api.generations import entity
from .web.pages.job_view import STAGE_WORDS, STATE_WORDS
from .web.uploads import keep_upload

LOOK = 0.25
STOP_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class Order:
    """What the command line asks for beside the request itself."""

    name: str
    wanted: Wanted
    image: Path | None = None
    video: Path | None = None
    publish: bool = False
    out_file: Path | None = None


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """The instance of these settings, for one command; other processes of it hear what is rung."""
    house = build_house(settings)
    await house.open()
    doorbell: Any = None
    if settings.redis_url:
        doorbell = workers_module("doorbell").Doorbell(house.db)
        house.bells.forward = doorbell.ring
    try:
        yield house
    finally:
        if doorbell is not None:
            await doorbell.close()
        await house.close()


class _Workers:
    """Workers of this process, started for what nobody else does."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._running: dict[str, Any] = {}

    async def start(self, queue: str) -> None:
        """Work through a queue, when that is not done already."""
        if queue not in self._running:
            self._running[queue] = workers_module().LocalWorkers(self._house, (queue,))
            await self._running[queue].start()

    async def stop(self) -> None:
        """Stop them all; what they held goes back to its queue."""
        for workers in self._running.values():
            await workers.stop()


async def generate_here(settings: Settings, order: Order, console: Console) -> dict[str, Any]:
    """Have a prompt rendered; {"url": of the post or the draft's page, "generations": [entities], "files": [paths]}.

    Where a living worker has the model, it is waited for; else this process renders, so that two never share a GPU.

    Raises:
        NotFound: there is no such account, file or model.
        Invalid, Forbidden, TooManyRequests: the request was refused; the text says why.
    """
    async with opened(settings) as house:
        workers = _Workers(house)
        ids: list[int] = []
        try:
            await workers.start("media")
            actor = await house.db.read(lambda session: own_actor(session, order.name))
            wanted = order.wanted
            source = order.image or order.video
            if source is not None:
                await house.db.read(lambda session: _possible(session, settings, order))
                wanted = dataclasses.replace(wanted, task="image" if order.image else "video",
                                             input_media_id=await _upload(house, source, actor.id))
            ids = await submission.submit(house.db, house.storage, house.gates, actor.id, wanted)
            rows = await _watch(house, workers, ids, console)
            url = f"{house.uris.base}/create/jobs/{ids[0]}"
            if order.publish:
                statuses = [await _publish(house, row) for row in rows]
                url = statuses[0].url or statuses[0].uri
            target = order.out_file
            files = [await _write(house, row, target, number) for number, row in enumerate(rows)] if target else []
            shown = await house.db.read(lambda session: [entity(session, session.get_one(Generation, one), house) for one in ids])
            return {"url": url, "generations": shown, "files": [str(path) for path in files]}
        except asyncio.CancelledError:
            await _give_up(house, ids)
            raise
        finally:
            await workers.stop()


def _possible(session: Session, settings: Settings, order: Order) -> None:
    """Refuses what no picture or video could make possible, before one is uploaded."""
    kind = "image" if order.image else "video"
    plan(settings, catalogue.current(session, settings), order.wanted, source=Source(kind, 1280, 720))


async def _upload(house: House, path: Path, actor_id: int) -> int:
    """A file of this machine as a processed upload of the account; its media row."""
    if not await asyncio.to_thread(path.is_file):
        raise NotFound(f"There is no file {path}.")
    with path.open("rb") as file:
        media_id = await keep_upload(house, UploadFile(file, filename=path.name), actor_id)
    while True:
        media = await house.db.read(lambda session: session.get_one(Media, media_id))
        if media.state == "failed":
            raise Invalid(media.error or f"{path} cannot be used.")
        if media.state not in ("received", "processing"):
            return media_id
        await house.bells.wait(f"media:{media_id}", LOOK)


def _line(row: Generation, found: dict[str, Any]) -> str:
    """What the bar says: where it stands and for how long."""
    if row.state == "queued":
        where = f"{found['position']} ahead" if found["position"] else "next"
    else:
        where = STAGE_WORDS.get(row.stage) or STATE_WORDS[row.state]
    left = found["eta_seconds"]
    return f"{where}, about {left:.0f} s left" if left else where


async def _watch(house: House, workers: _Workers, ids: list[int], console: Console) -> list[Generation]:
    """Show how they get on until all have ended.

    Raises:
        Invalid: one of them failed, was cancelled, refused or is held; the text says why.
    """
    bars: dict[int, TaskID] = {}
    asked = 0.0
    with Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), console=console,
                  transient=True) as progress:
        while True:
            rows, found = await house.db.read(lambda session: (
                [session.get_one(Generation, one) for one in ids],
                [entity(session, session.get_one(Generation, one), house) for one in ids]))
            for row, shown in zip(rows, found, strict=True):
                if row.id not in bars:
                    bars[row.id] = progress.add_task("")
                progress.update(bars[row.id], total=1.0, completed=1.0 if row.state == "draft" else row.progress,
                                description=_line(row, shown))
            waiting = [row for row in rows if row.state not in generations.FINAL and row.state != "held"]
            if not waiting:
                break
            if time.monotonic() - asked > 5 and any(row.state == "queued" for row in waiting):
                asked = time.monotonic()
                models = {row.model for row in waiting}
                if not await house.db.read(lambda session, wanted=models: all(  # type: ignore[misc]
                        generation_queue.makers(session, model, house.db.clock()) for model in wanted)):
                    await workers.start("generation")
            await house.bells.wait(f"generation:{waiting[0].id}", LOOK)
    for row in rows:
        if row.state not in ("draft", "done", "publishing"):
            raise Invalid(row.error or f"The video {generations.WORDS[row.state]}.", code=row.code or "")
    return rows


async def _give_up(house: House, ids: list[int]) -> None:
    """Cancel what is not finished, and wait until the worker has let go of it."""
    def cancel(uow: Any) -> None:
        for one in ids:
            row = uow.session.get_one(Generation, one)
            if row.state in generations.UNFINISHED:
                generations.stop(uow, row, "cancelled-by-author", "It was cancelled on the command line.")

    try:
        await house.db.write(cancel)
    except Conflict:
        return
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        states = await house.db.read(lambda session: {session.get_one(Generation, one).state for one in ids})
        if not states & {"running", "queued"}:
            return
        await asyncio.sleep(LOOK)


async def _publish(house: House, row: Generation) -> Status:
    status = await publishing.publish(house.db, house.gates, house.storage, row.actor_id, row.id, publish.Draft(text=row.prompt))
    status_id = status.id
    for _ in range(240):
        if status.published:
            return status
        await house.bells.wait(f"status:{status_id}", 0.5)
        status = await house.db.read(lambda session: session.get_one(Status, status_id))
    raise Transient("The video is not signed yet. It will be published as soon as the server runs.")


async def _write(house: House, row: Generation, path: Path, number: int) -> Path:
    """The file of a finished one; further variants get `-2`, `-3`, … in the name."""
    target = path if number == 0 else path.with_stem(f"{path.stem}-{number + 1}")
    media_id = row.media_id or 0
    media = await house.db.read(lambda session: session.get(Media, media_id))
    if media is None or not media.storage_key:
        raise FedisoraError("The file is not there any more.")
    await house.db.run(house.storage.get_to, media.storage_key, target)
    return target
