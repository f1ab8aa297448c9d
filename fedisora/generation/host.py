"""Runs claimed generations: a warm child process renders, this side keeps the lease, the progress and the outcome."""
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from ..bells import Bells
from ..db import Database
from ..errors import FedisoraError, Refused
from ..media.extension_host import ExtensionHost
from ..media.memory import in_memory
from ..media.spare import Spare
from ..storage import Store
from ..storage.private import PrivateStore
from ..vault import instance_key
from . import finishing, jobs, scratch
from .keeper import Course, Keeper
from .offer import spec
from .power import Meter
from .presets import Preset
from .process import RunFailed, Runner, Spec
from .safety import Gates
from .stalls import SILENCE, STALLS

log = structlog.get_logger()
UNAVAILABLE_SECONDS = 60.0
"""A worker that could not load a model leaves it to others for so long."""


class Host:
    """One claimed generation at a time, on one runner child.

    Args:
        worker: name of its row; `owner` holds the leases.
        models: what it makes videos with.
        gpu: number of the card (CUDA_VISIBLE_DEVICES of the child); empty: whatever there is.
        measured: number of the card whose power is asked for; empty: none.
        stalls, silence: see `stalls.Watch`.
        private: where the pictures of likenesses lie; without it nothing with a likeness is made.
    """

    def __init__(self, db: Database, storage: Store, gates: Gates, bells: Bells, *, owner: str, worker: str,
                 models: Mapping[str, Preset], gpu: str = "", measured: str = "", stalls: Mapping[str, float] = STALLS,
                 silence: float = SILENCE, private: PrivateStore | None = None) -> None:
        settings = db.instance.settings
        self._db, self._storage, self._gates, self._bells = db, storage, gates, bells
        self._models, self._private = models, private
        self._worker = jobs.Worker(owner, worker, dt.timedelta(seconds=settings.generation_lease_seconds))
        self._meter = Meter(settings.generation_watts, measured)
        self._unavailable: dict[str, tuple[float, str]] = {}
        self._spare = Spare()
        self._extensions = ExtensionHost(start=self._spare.take)
        self._idle = asyncio.Event()
        self._idle.set()
        self.runner = Runner(limits=stalls, silence=silence, recycle=settings.generation_recycle_jobs,
                             keep_warm=settings.generation_keep_warm_seconds,
                             environment={"CUDA_VISIBLE_DEVICES": gpu} if gpu else {})

    @property
    def worker(self) -> jobs.Worker:
        """Who this is."""
        return self._worker

    @property
    def models(self) -> Mapping[str, Preset]:
        """What it makes videos with; may be exchanged at any time."""
        return self._models

    @models.setter
    def models(self, models: Mapping[str, Preset]) -> None:
        self._models = models

    def _usable(self, models: Mapping[str, Preset]) -> list[str]:
        now = time.monotonic()
        self._unavailable = {name: (until, why) for name, (until, why) in self._unavailable.items() if until > now}
        return [name for name in models if name not in self._unavailable]

    def problems(self) -> list[str]:
        """What is wrong with models that it cannot use, one sentence each, for operators."""
        return [f"{name}: {why}" for name, (_, why) in self._unavailable.items()]

    async def free(self) -> None:
        """Until it renders nothing."""
        await self._idle.wait()

    async def run_once(self) -> bool:
        """Claim and run one generation; False when there was none."""
        self._idle.clear()
        try:
            models = self._models
            held = await self._claimed(models)
            if held is None:
                return False
            folder = await asyncio.to_thread(scratch.make)
            try:
                await self._run(held, spec(self._db.instance.settings, models[held.model]), folder)
            except asyncio.CancelledError:
                await asyncio.shield(self._db.write(lambda uow: jobs.release(uow, self._worker)))
                raise
            finally:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, True))
            return True
        finally:
            self._idle.set()

    async def _claimed(self, models: Mapping[str, Preset]) -> jobs.Claim | None:
        names, watermark = self._usable(models), self._db.instance.settings.watermark
        claiming = asyncio.ensure_future(self._db.write(lambda uow: jobs.claim(uow, self._worker, names, watermark=watermark)))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            if await claiming is not None:  # stopped in the very moment of the claim
                await self._db.write(lambda uow: jobs.release(uow, self._worker))
            raise

    async def _run(self, held: jobs.Claim, wanted: Spec, folder: Path) -> None:
        course = Course(held.weights, warm=self.runner.warm(wanted))
        keeper = Keeper(self._db, self._bells, held, course, self.runner.cancel)
        self._meter.start()
        self._spare.prepare()
        try:
            done = await self._attempt(held, wanted, folder, course, keeper)
        except Refused as error:
            text = error.text
            await self._fail(held, "refused", course, error=text)
        except RunFailed as error:
            await self._failed(held, error, course, keeper)
        except Exception as error:  # also what nobody foresaw: the row must not wait for its lease to end
            log.warning("a finished video could not be checked or stored", generation=held.id, error=str(error),
                        exc_info=not isinstance(error, FedisoraError))
            why = f"{type(error).__name__}: {error}"
            await self._db.write(lambda uow: jobs.requeue(uow, held, "check-failed", why, self._cost(course)))
        else:
            if not done:
                cost = self._cost(course)
                await self._db.write(lambda uow: jobs.finish(uow, held, "cancelled", "cancelled-by-author", cost))
        finally:
            self._meter.stop()
            self._spare.prepare()
            await keeper.close()

    def _cost(self, course: Course) -> jobs.Cost:
        return course.cost(self._meter.watts)

    async def _attempt(self, held: jobs.Claim, wanted: Spec, folder: Path, course: Course, keeper: Keeper) -> bool:
        """Render, check, store; False: it was cancelled, or another worker has it by now."""
        with contextlib.ExitStack() as kept:  # a picture of a likeness is open while this runs
            return await self._render(held, wanted, folder, course, keeper, await self._source(held, folder, kept))

    async def _render(self, held: jobs.Claim, wanted: Spec, folder: Path, course: Course, keeper: Keeper,
                      source: Path | None) -> bool:
        output, poster = folder / "render.mp4", folder / "poster.webp"
        request = self._request(held, output, source)
        try:
            result = await self.runner.generate(request, course.note, spec=wanted, poster=str(poster))
        except RunFailed as error:
            if error.code != "out-of-memory" or request["low_memory"] or keeper.going() != "on":
                raise
            why = str(error.cause)
            log.warning("out of memory, once more with less", generation=held.id, error=why)
            await self._db.write(lambda uow: jobs.once_more(uow, held, why))
            course.again()
            result = await self.runner.generate(request | {"low_memory": True}, course.note, spec=wanted, poster=str(poster))
        if result.get("cancelled") or keeper.going() != "on":
            return False
        cost = self._cost(course)
        result["render_seconds"] = round(cost.seconds, 3)
        if cost.watts is not None:  # what the queue shows and what is signed are the same
            result |= {"power_watts": str(round(cost.watts, 1)), "power_basis": self._meter.basis}
        course.note("check", 0.0)
        try:
            async with asyncio.timeout(STALLS["check"]):
                finished = await finishing.finish(self._db, self._storage, self._gates, self._extensions, held, result, output,
                                                  poster, source if held.sealed is None else None)
        except OSError as error:  # a full disk, or no answer in time
            raise FedisoraError(cause=f"{type(error).__name__}: {error}") from error
        result.pop("poster")
        cost.stages = course.cost().stages
        kept = False
        try:
            if keeper.going() == "cancel":
                return False
            kept = await self._db.write(lambda uow: jobs.keep(
                uow, held, finished.media, finished.made, result, finished.verdict, cost))
        finally:
            if not kept:
                await asyncio.shield(asyncio.to_thread(self._storage.delete, finished.keys))
        log.info("generation done", generation=held.id, seconds=round(cost.seconds, 2), kept=kept,
                 verdict=finished.verdict.decision)
        return True

    async def _source(self, held: jobs.Claim, folder: Path, kept: contextlib.ExitStack) -> Path | None:
        if held.task == "text":
            return None
        if held.sealed is not None and self._private is not None:
            return kept.enter_context(in_memory(await self._likeness(*held.sealed[:2])))
        if held.input_key is None:
            raise RunFailed("input-missing", "its row or its file is gone")
        path = folder / f"source{Path(held.input_key).suffix}"
        try:
            await asyncio.to_thread(self._storage.get_to, held.input_key, path)
        except FedisoraError as error:
            raise RunFailed("input-missing", str(error)) from error
        return path

    async def _likeness(self, key: str, secret: bytes) -> bytes:
        """The sealed picture or clip of a likeness, open for this run alone and on no disk: a killed worker leaves none of it."""
        try:
            return await asyncio.to_thread(self._private.get, key, secret)  # type: ignore[union-attr]
        except (FedisoraError, OSError) as error:  # the cause names the file, never what is in it
            raise RunFailed("input-missing", "what the likeness starts from cannot be opened") from error

    def _request(self, held: jobs.Claim, output: Path, source: Path | None) -> dict[str, Any]:
        values = {"id": held.run, "prompt": held.prompt, "seed": held.seed, "width": held.width, "height": held.height,
                  "seconds": held.seconds, "fps": held.fps, "frames": held.frames, "output": str(output), "task": held.task,
                  "low_memory": bool(held.options.get("low_memory")),
                  "negative_prompt": str(held.options.get("negative_prompt") or "")}
        values |= {name: held.options[name] for name in ("steps", "guidance", "strength") if held.options.get(name) is not None}
        if source is not None:
            values["image" if held.task == "image" else "video"] = str(source)
        if held.mark is not None:
            values |= {"watermark": held.mark, "watermark_key": instance_key(self._db.instance.vault).hex()}
        return values

    async def _failed(self, held: jobs.Claim, error: RunFailed, course: Course, keeper: Keeper) -> None:
        """A run that gave no video: final where another try would end the same way, else again."""
        cause = str(error.cause)
        log.warning("generation failed", generation=held.id, attempt=held.attempt, code=error.code, error=cause)
        if keeper.going() == "cancel":
            await self._fail(held, "cancelled-by-author", course, state="cancelled")
        elif error.code == "model-unavailable":
            self._unavailable[held.model] = (time.monotonic() + UNAVAILABLE_SECONDS, cause)
            await self._fail(held, error.code, course, cause=cause)
        elif error.code in ("out-of-memory", "input-missing"):
            await self._fail(held, error.code, course, cause=cause)
        else:
            cost = self._cost(course)
            await self._db.write(lambda uow: jobs.requeue(uow, held, error.code, cause, cost))

    async def _fail(self, held: jobs.Claim, code: str, course: Course, *, state: str = "failed", error: str = "",
                    cause: str | None = None) -> None:
        cost = self._cost(course)
        await self._db.write(lambda uow: jobs.finish(uow, held, state, code, cost, error=error, cause=cause))

    async def close(self) -> None:
        """Stop the child."""
        await self.runner.close()
        await self._spare.close()
