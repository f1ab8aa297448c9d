"""What making a video costs besides the making: queue, child process, encoder, cancelling.

Bars: queue and child ≤50 ms over the bare backend (p95 150), cancel ≤200 ms, 5 s of procedural 720p ≤6 CPU s, encoding ≤1.05
times the CPU of the ffmpeg program (measured where there is one: FFMPEG=/path/to/ffmpeg), 1,000 queued: ≥1,000 a second in,
position ≤5 ms.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fedisora.app import House, build_house, workers_module
from fedisora.db import UnitOfWork
from fedisora.generation.backends.base import Request
from fedisora.generation.backends.procedural import SCENES
from fedisora.logs import quiet
from fedisora.media.process import clean_environment, run_media_sync
from fedisora.models import Actor, Generation
from fedisora.services import accounts
from fedisora.settings import load_settings
from fedisora.store import actors, generation_queue

PROMPTS = {name: words.split()[0] for name, words in SCENES.items()} | {
    "vista": "aurora over a mountain lake",
    "silk": "a thought",
}
JOBS, QUEUED, CANCELS = 40, 1000, 10
IN = ["-v", "error", "-y", "-threads", "2", "-i"]
OUT = [
    "-vf",
    "scale=1920:1080",
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    "21",
    "-profile:v",
    "high",
    "-maxrate",
    "6M",
    "-bufsize",
    "12M",
    "-pix_fmt",
    "yuv420p",
    "-g",
    "60",
    "-c:a",
    "aac",
    "-b:a",
    "128k",
    "-ac",
    "2",
    "-ar",
    "48000",
    "-movflags",
    "+faststart",
]
"""What media/transcode.py does, in the program's words."""
SMALL: dict[str, Any] = {"width": 64, "height": 64, "seconds": 0.25, "fps": 8, "frames": 2}


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of them lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def children_cpu(run: Callable[[], object]) -> float:
    """CPU seconds of the processes that `run` starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def drawing(table: Table, folder: Path) -> None:
    """CPU seconds of 5 s of 720p in each scene, start of the interpreter left out."""
    code = (
        "import sys, time; from fedisora.generation.backends.base import Request; "
        "from fedisora.generation.backends.procedural import Procedural; began = time.process_time(); "
        "Procedural().render(Request('bench', sys.argv[1], 7, 1280, 720, 5.0, 24, sys.argv[2], watermark=5, "
        "watermark_key='00' * 32), lambda *_: None, lambda: False); print(time.process_time() - began)"
    )
    for name, prompt in PROMPTS.items():
        done = subprocess.run(
            [sys.executable, "-c", code, prompt, str(folder / f"{name}.mp4")],
            check=True,
            capture_output=True,
            text=True,
            env=clean_environment(),
        )
        table.add_row(f"5 s of 720p, {name}", f"{float(done.stdout):.2f} CPU s")


def ffmpeg() -> str | None:
    """An ffmpeg program: $FFMPEG, or the one in the path."""
    return os.environ.get("FFMPEG") or shutil.which("ffmpeg")


def encoding(table: Table, folder: Path) -> None:
    """Our transcoder against the program, same encoder settings, on a 10 s clip of 1440p that has to be scaled."""
    program = ffmpeg()
    if program is None:
        table.add_row("encoding against ffmpeg", "no ffmpeg here (FFMPEG=/path/to/ffmpeg)")
        return
    source = folder / "source.mp4"
    subprocess.run(
        [
            program,
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=2560x1440:r=30:d=10,noise=alls=6:allf=t",
            "-f",
            "lavfi",
            "-i",
            "sine=f=440:d=10",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-c:a",
            "aac",
            str(source),
        ],
        check=True,
        capture_output=True,
    )
    ratios = []
    for _ in range(3):
        request = {"path": str(source), "output": str(folder / "ours.mp4")}
        ours = children_cpu(lambda: run_media_sync("transcode", request, timeout=600))  # noqa: B023
        theirs = children_cpu(lambda: subprocess.run([program, *IN, str(source), *OUT, str(folder / "theirs.mp4")], check=True))
        ratios.append(ours / theirs)
    table.add_row("encoding, CPU against the ffmpeg program", f"{statistics.median(ratios):.3f} (of {theirs:.1f} s)")


async def measured(house: House, actor: Actor, table: Table, folder: Path) -> None:
    """Queue, overhead and cancelling on one running worker."""
    host = workers_module().LocalWorkers(house, ("generation",))
    began, ids = time.perf_counter(), []
    for number in range(QUEUED):
        ids.append(await house.db.write(lambda uow, n=number: _ask(uow, actor, n)))  # type: ignore[misc]
    table.add_row("enqueue, one transaction each", f"{QUEUED / (time.perf_counter() - began):,.0f}/s")
    looks = []
    for generation_id in ids[:: QUEUED // 50]:
        began = time.perf_counter()
        await house.db.read(lambda session, i=generation_id: generation_queue.position(session, session.get_one(Generation, i)))  # type: ignore[misc]
        looks.append(time.perf_counter() - began)
    table.add_row(f"position among {QUEUED:,}", f"{statistics.median(looks) * 1000:.2f} ms")
    await house.db.write(lambda uow: uow.session.query(Generation).delete())
    await host.start()
    try:
        await _overhead(house, actor, table, folder)
        await _cancelling(house, actor, table)
    finally:
        await host.stop()


def _ask(uow: UnitOfWork, actor: Actor, number: int, **how: Any) -> int:
    row = Generation(
        id=uow.new_id(),
        actor_id=actor.id,
        payer_id=actor.id,
        state="submitted",
        prompt="a thought",
        seed=str(number),
        backend="procedural",
        gpu_class="cpu",
        model="procedural",
        created_at=uow.now,
        **(SMALL | how),
    )
    uow.session.add(row)
    generation_queue.admit(uow, row)
    return row.id


async def _until(house: House, generation_id: int, when: Callable[[Generation], bool]) -> Generation:
    while True:
        row = await house.db.read(lambda session: session.get_one(Generation, generation_id))
        if when(row):
            return row
        await house.bells.wait(f"generation:{generation_id}", 0.01)  # a ring between the look and the wait is missed


async def _overhead(house: House, actor: Actor, table: Table, folder: Path) -> None:
    from fedisora.generation.backends.procedural import Procedural

    bare = []
    for number in range(20):
        began = time.perf_counter()
        await asyncio.to_thread(
            Procedural().render,
            Request("bench", "a thought", number, output=str(folder / "bare.mp4"), watermark=5, watermark_key="00" * 32, **SMALL),
            lambda *_: None,
            lambda: False,
        )
        bare.append(time.perf_counter() - began)
    took = []
    for number in range(JOBS):
        began = time.perf_counter()
        generation_id = await house.db.write(lambda uow, n=number: _ask(uow, actor, n))  # type: ignore[misc]
        row = await _until(house, generation_id, lambda row: row.state in ("draft", "failed"))
        assert row.state == "draft", row.error
        took.append(time.perf_counter() - began)
    over = [(one - statistics.median(bare)) * 1000 for one in took[1:]]  # the first one starts the child
    table.add_row(
        "asked for → draft, over the bare backend", f"p50 {statistics.median(over):.0f} ms, p95 {percentile(over, 0.95):.0f} ms"
    )


async def _cancelling(house: House, actor: Actor, table: Table) -> None:
    from fedisora.services.generations import cancel

    took = []
    for number in range(CANCELS):
        generation_id = await house.db.write(
            lambda uow, n=number: _ask(
                uow,
                actor,
                n,
                width=1280,
                height=720,
                seconds=8.0,
                fps=24,  # type: ignore[misc]
                frames=192,
            )
        )
        await _until(house, generation_id, lambda row: row.progress > 0.01)
        began = time.perf_counter()
        await house.db.write(lambda uow, i=generation_id: cancel(uow, actors.get(uow.session, actor.id), i))  # type: ignore[misc]
        await _until(house, generation_id, lambda row: row.state == "cancelled")
        took.append((time.perf_counter() - began) * 1000)
    table.add_row("cancel, warm", f"p50 {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")


def main() -> None:
    """Print the table."""
    quiet()
    table = Table("what", "measured")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawing(table, folder)
        encoding(table, folder)
        house = build_house(load_settings(folder / "data", base_url="http://bench.invalid", log_level="error"))
        user = house.db.write_now(lambda uow: accounts.create(uow, "bench", "bench@bench.invalid", "a long enough password"))
        actor = house.db.read_now(lambda session: actors.get(session, user.actor_id))

        async def run(work: Callable[..., Awaitable[None]]) -> None:
            await house.open()
            try:
                await work(house, actor, table, folder)
            finally:
                await house.close()

        asyncio.run(run(measured))
    Console().print(table)
