"""Whether models work on this machine: what is in the way of each, and a tiny clip rendered as a worker does."""
from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from sqlalchemy.orm import Session

from .errors import ConfigurationError, FedisoraError
from .generation.offer import spec
from .generation.power import ask
from .generation.presets import Preset
from .generation.presets.catalogue import current
from .generation.presets.readiness import gpu_memory, readiness
from .generation.process import RunFailed, Runner
from .settings import Settings
from .store import models as kept

PROMPT = "A red fox runs through fresh snow."
STEPS = 2
FRAMES = 12
"""About so many, by the model's rule."""
SAMPLE_SECONDS = 0.3
TOLD = ("dtype", "offload", "tiling", "quantisation", "attention", "software")
"""Effective parameters that are shown."""


async def try_out(settings: Settings, preset: Preset, accepted: Mapping[str, str], console: Console) -> dict[str, Any]:
    """Render a clip of a few frames in the model's smallest size, in a child process of its own, with the workers' settings.

    Returns:
        what was made, by what, in how many seconds and with how much memory at the peak (GPU: sampled, what else runs there not
        counted).

    Raises:
        ConfigurationError: it does not work here; the text says why and what to do.
    """
    ready = readiness(preset, accepted, gpu_memory())
    quantised = ready.state == "too little GPU memory" and settings.generation_quantisation != "none"  # then it may be enough
    if ready.state != "ready" and not quantised:
        raise ConfigurationError(f"{preset.title} does not work here: {ready.state}. {ready.remedy}".strip())
    runner = Runner()
    stages: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="fedisora-check-") as folder, Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), console=console,
            transient=True) as bar:
        task = bar.add_task("start", total=1.0)

        def moved(stage: str, share: float) -> None:
            stages.setdefault(stage, time.monotonic())
            bar.update(task, description=stage, completed=share)

        request = _request(preset, Path(folder) / "check.mp4")
        try:
            async with _Peak() as peak:
                result = await runner.generate(request, moved, spec=spec(settings, preset))
                ended = time.monotonic()
                main_memory = _peak_resident(runner.pid)
        except FedisoraError as error:
            raise ConfigurationError(f"{preset.title} does not work here: {_why(error)}", cause=error) from error
        finally:
            await runner.close()
    generator, told = result["generator"], result["parameters"]
    loaded = next((at for stage, at in stages.items() if stage != "load"), ended)
    found = {"model": preset.title, "revision": generator.get("revision", ""),
             "device": told.get("hardware", generator["backend"]), "size": f"{result['width']}x{result['height']}",
             "frames": round(result["seconds"] * result["fps"]),
             "load_seconds": round(loaded - min(stages.values(), default=loaded), 2), "render_seconds": round(ended - loaded, 2),
             "peak_main_memory_mb": main_memory, "peak_gpu_memory_mb": peak.mb,
             **{name: told[name] for name in TOLD if name in told}}
    return {name: value for name, value in found.items() if value is not None}


def _request(preset: Preset, output: Path) -> dict[str, Any]:
    _, width, height = min(preset.buckets, key=lambda bucket: bucket[1] * bucket[2])
    frames = FRAMES if preset.frame_step == 1 else max(1, FRAMES // preset.frame_step) * preset.frame_step + 1
    return {"id": "check", "prompt": PROMPT, "seed": 1, "width": width, "height": height, "seconds": frames / preset.fps,
            "fps": preset.fps, "frames": frames, "output": str(output), "task": preset.tasks[0],
            "steps": min(STEPS, preset.max_steps) if preset.steps is not None else None, "guidance": preset.guidance}


def _why(error: FedisoraError) -> str:
    if isinstance(error, RunFailed) and error.code == "out-of-memory":
        return ("the GPU ran out of memory. Set FEDISORA_GENERATION_OFFLOAD=model (or sequential), FEDISORA_GENERATION_TILING=on "
                "or FEDISORA_GENERATION_QUANTISATION=fp8, or take a smaller model.")
    return " ".join(str(error.cause if isinstance(error, RunFailed) else error.text).split())


def _peak_resident(pid: int | None) -> int | None:
    """MB of main memory that a process held at most; None where that is not known."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration, ValueError):
        return None


class _Peak:
    """GPU memory above what was used before, sampled while a job runs. `mb` is None without a GPU."""

    def __init__(self) -> None:
        self._gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0] or "0"
        self._before = 0
        self._task: asyncio.Task[None] | None = None
        self.mb: int | None = None

    async def _used(self) -> int | None:
        told = await ask("memory.used", self._gpu)
        return int(told[0]) if told and told[0].isdigit() else None

    async def __aenter__(self) -> _Peak:
        used = await self._used()
        if used is not None:
            self._before, self.mb = used, 0
            self._task = asyncio.create_task(self._watch())
        return self

    async def _watch(self) -> None:
        while True:
            self.mb = max(self.mb or 0, (await self._used() or 0) - self._before)
            await asyncio.sleep(SAMPLE_SECONDS)

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def findings(session: Session, settings: Settings) -> list[tuple[bool, str, str]]:
    """(fine, what, finding with its remedy) for every model that the settings name, for `fedisora doctor`.

    With Redis, the models are needed where the generation workers run, so what this machine lacks is told but is no fault.
    """
    try:
        offered = current(session, settings)
    except ConfigurationError as error:
        return [(False, "models", error.text)]
    memory, accepted = gpu_memory(), kept.accepted(session)
    found = [(False, f"model {one.name}", one.reason) for one in offered.unavailable]
    for preset in offered.models:
        ready = readiness(preset, accepted, memory)
        elsewhere = bool(settings.redis_url) and ready.state != "ready"
        text = f"{ready.state} on this machine. Its generation workers need it. {ready.remedy}" if elsewhere else (
            f"{ready.state}. {ready.remedy}" if ready.remedy else ready.state)
        found.append((elsewhere or ready.state == "ready", f"model {preset.name}", text))
    return found
