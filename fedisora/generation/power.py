"""What a graphics card is and how much power it draws, as `nvidia-smi` says. The server never loads a GPU library itself."""
from __future__ import annotations

import asyncio
import contextlib
import shutil
from dataclasses import dataclass

SAMPLE_SECONDS = 5.0
ASK_SECONDS = 10.0


@dataclass(frozen=True)
class Device:
    """What renders. `memory_mb` and `limit_watts` are None where nobody says."""

    name: str
    memory_mb: int | None = None
    limit_watts: float | None = None


async def ask(fields: str, gpu: str) -> list[str] | None:
    """The comma-separated `--query-gpu` fields of one card; None when there is no `nvidia-smi`, or no such card."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    with contextlib.suppress(OSError, TimeoutError):
        process = await asyncio.create_subprocess_exec(
            program, f"--query-gpu={fields}", "--format=csv,noheader,nounits", "-i", gpu, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                told, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode == 0:
            return [word.strip() for word in told.decode(errors="replace").splitlines()[0].split(",")]
    return None


async def device(gpu: str) -> Device:
    """The card that a worker renders on; the processor when there is none."""
    told = await ask("name,memory.total,power.limit", gpu)
    if told is None or len(told) != 3:
        return Device("cpu")
    return Device(f"{told[0]} (cuda:{gpu})", int(_number(told[1]) or 0) or None, _number(told[2]))


def _number(text: str) -> float | None:
    """A number; None for `[N/A]` and the like."""
    try:
        return float(text)
    except ValueError:
        return None


class Meter:
    """Mean power while a video is rendered.

    Args:
        watts: what the operator set; 0: the card is asked every few seconds.
        gpu: the card; empty: there is none to ask.
    """

    def __init__(self, watts: float, gpu: str) -> None:
        self._set = watts
        self._gpu = gpu
        self._samples: list[float] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._samples.clear()
        if not self._set and self._gpu:
            self._task = asyncio.create_task(self._sample())

    async def _sample(self) -> None:
        while told := await ask("power.draw", self._gpu):
            if (watts := _number(told[0])) is not None:
                self._samples.append(watts)
            await asyncio.sleep(SAMPLE_SECONDS)

    @property
    def watts(self) -> float | None:
        """Mean power so far; None: not known."""
        return self._set or (sum(self._samples) / len(self._samples) if self._samples else None)

    @property
    def basis(self) -> str:
        """How that is known: `operator` or `card`."""
        return "operator" if self._set else "card"

    def stop(self) -> None:
        """Sample no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
