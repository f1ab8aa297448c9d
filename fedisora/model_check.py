"""Whether models work on this machine: what is in the way of each, and a tiny clip rendered as a worker does."""
from __future__ import annotations

import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from sqlalchemy.orm import Session

from .errors import ConfigurationError, FedisoraError
from .generation.presets import Preset
from .generation.presets.catalogue import current
from .generation.presets.readiness import gpu_memory, readiness
from .generation.process import Runner
from .settings import Settings
from .store import models as kept

PROMPT = "A red fox runs through fresh snow."
STEPS = 2
FRAMES = 12
"""About so many, by the model's rule."""


async def try_out(settings: Settings, preset: Preset, accepted: Collection[str], console: Console) -> dict[str, Any]:
    """Render a clip of a few frames in the model's smallest size, in a child process of its own.

    Returns:
        what was made, by what, in how many seconds.

    Raises:
        ConfigurationError: it does not work here; the text says why and what to do.
    """
    ready = readiness(preset, accepted, gpu_memory())
    quantised = ready.state == "too little GPU memory" and settings.generation_quantisation != "none"  # then it may be enough
    if ready.state != "ready" and not quantised:
        raise ConfigurationError(f"{preset.title} does not work here: {ready.state}. {ready.remedy}".strip())
    _, width, height = min(preset.buckets, key=lambda bucket: bucket[1] * bucket[2])
    frames = FRAMES if preset.frame_step == 1 else max(1, FRAMES // preset.frame_step) * preset.frame_step + 1
    runner = Runner(preset.backend, model=(preset.repository or None) if preset.backend != "procedural" else None)
    began = time.monotonic()
    stages: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="fedisora-check-") as folder, Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), console=console,
            transient=True) as bar:
        task = bar.add_task("load", total=1.0)

        def moved(stage: str, share: float) -> None:
            stages.setdefault(stage, time.monotonic() - began)
            bar.update(task, description=stage, completed=share)

        output = Path(folder) / "check.mp4"
        try:
            result = await runner.generate({
                "id": "check", "prompt": PROMPT, "seed": 1, "width": width, "height": height, "seconds": frames / preset.fps,
                "fps": preset.fps, "output": str(output)}, moved)
        except FedisoraError as error:
            raise ConfigurationError(f"{preset.title} does not work here: {error.cause or error.text}", cause=error) from error
        finally:
            await runner.close()
    generator = result["generator"]
    return {"model": preset.title, "revision": generator.get("revision", ""), "device": result["parameters"].get(
        "hardware", generator.get("backend", "")), "size": f"{result['width']}x{result['height']}",
        "frames": round(result["seconds"] * result["fps"]), "seconds": round(time.monotonic() - began, 2)}


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
