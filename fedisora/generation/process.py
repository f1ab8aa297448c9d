"""The warm child that renders: started once, given one job at a time, replaced when it crashes or stalls."""
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import structlog

from ..errors import FedisoraError, Invalid
from ..media.process import clean_environment

log = structlog.get_logger()
Progress = Callable[[str, float], None]
START_SECONDS = 180.0
"""A model may take minutes to load."""
STALL_SECONDS = 120.0
GRACE_SECONDS = 10.0
LINE_LIMIT = 1 << 20
PASSED_ON = ("HF_HOME", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")


class Runner:
    """One child process of `fedisora.generation.runner`. Not for concurrent use: one job at a time."""

    def __init__(self, backend: str, *, model: str | None = None) -> None:
        self._backend = backend
        self._model = model
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[bytes] | None = None
        self._job: str | None = None
        self._killer: asyncio.Task[None] | None = None

    async def generate(self, request: dict[str, Any], on_progress: Progress) -> dict[str, Any]:
        """Render one request; see `backends.base.Request` and `Result` for the members.

        Returns:
            the backend's result, or {"cancelled": True}.

        Raises:
            Invalid: the backend refuses the request; the text says why.
            FedisoraError: the child crashed or stalled; it is started anew for the next job.
        """
        process = await self._started()
        self._job = str(request["id"])
        await self._write({"op": "generate", "request": request})
        try:
            while True:
                message = await self._read(process, STALL_SECONDS)
                if message.get("id") not in (None, self._job):
                    continue
                match message.get("ev"):
                    case "progress":
                        on_progress(str(message["stage"]), float(message["fraction"]))
                    case "done":
                        return dict(message["result"])
                    case "cancelled":
                        return {"cancelled": True}
                    case "refused":
                        raise Invalid(str(message["error"]))
                    case "failed":
                        raise FedisoraError(cause=str(message["error"]))
        except asyncio.CancelledError:
            await self._end()
            raise
        finally:
            self._job = None
            if self._killer is not None:
                self._killer.cancel()
                self._killer = None

    async def cancel(self) -> None:
        """Ask the child to stop its job; it is killed when it does not within `GRACE_SECONDS`."""
        if self._job is None or self._process is None or self._killer is not None:
            return
        with contextlib.suppress(FedisoraError):
            await self._write({"op": "cancel", "id": self._job})
        self._killer = asyncio.create_task(self._kill_later(self._process))

    async def _kill_later(self, process: asyncio.subprocess.Process) -> None:
        await asyncio.sleep(GRACE_SECONDS)
        log.warning("the generation child did not stop in time", pid=process.pid)
        _kill(process)

    async def close(self) -> None:
        """End the child."""
        await self._end()

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self._end()
        environment = clean_environment() | {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        arguments = [self._backend, *([self._model] if self._model else [])]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fedisora.generation.runner", *arguments, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment, start_new_session=True,
            limit=LINE_LIMIT)
        self._process = process
        assert process.stderr is not None
        self._drain = asyncio.create_task(_tail(process.stderr))
        message = await self._read(process, START_SECONDS)
        if message.get("ev") != "ready":
            await self._end()
            raise FedisoraError(cause=str(message.get("error") or "the generation child did not start"))
        return process

    async def _write(self, message: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise FedisoraError(cause="the generation child is gone")
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise FedisoraError(cause="the generation child is gone") from error

    async def _read(self, process: asyncio.subprocess.Process, seconds: float) -> dict[str, Any]:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await process.stdout.readline()
        except TimeoutError:
            await self._end()
            raise FedisoraError(cause=f"the generation child said nothing for {seconds:g} s") from None
        if not line:
            status = await process.wait()
            tail = (await self._drain).decode(errors="replace").strip() if self._drain is not None else ""
            self._process = None
            raise FedisoraError(cause=f"the generation child ended with status {status}: {tail[-500:]}")
        message = json.loads(line)
        return message if isinstance(message, dict) else {}

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                _kill(process)
            await process.wait()
        if self._drain is not None:
            self._drain.cancel()
            await asyncio.gather(self._drain, return_exceptions=True)
            self._drain = None


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(4096):
        kept = (kept + chunk)[-4000:]
    return kept
