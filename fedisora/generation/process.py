"""The warm child that renders: started once, given one job at a time, replaced when it crashes, stalls or has grown.

It holds one model. A job for another one closes it and starts another.
"""
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from ..errors import FedisoraError, Invalid
from ..media.process import clean_environment
from .stalls import SILENCE, STALLS, Watch

log = structlog.get_logger()
Progress = Callable[[str, float], None]
START_SECONDS = 60.0
"""For Python to start; the model is loaded with the first job."""
GRACE_SECONDS = 10.0
LINE_LIMIT = 1 << 20
PASSED_ON = ("HF_HOME", "HF_HUB_CACHE", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "PYTORCH_CUDA_ALLOC_CONF",
             "PYTORCH_ALLOC_CONF", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
GROWTH = 1.3
SLACK = 512 << 20
"""A child that holds more than `GROWTH` times what it held after its first job, and `SLACK` bytes, has a leak."""


class RunFailed(FedisoraError):
    """A run gave no video. `code` is one of `services.generations.reasons`."""

    def __init__(self, code: str, cause: str) -> None:
        super().__init__(cause=cause)
        self.code = code


@dataclass(frozen=True)
class Spec:
    """What a child is started for.

    Attributes:
        backend, model: as `backends.load` takes them.
        options: JSON; how the model is held ({"dtype", "offload", …}).
    """

    backend: str
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """The child's command line."""
        if not self.options:
            return [self.backend, *([self.model] if self.model else [])]
        return [self.backend, self.model, json.dumps(dict(self.options), sort_keys=True)]


@dataclass
class _Child:
    process: asyncio.subprocess.Process
    log: asyncio.Task[bytes]
    spec: Spec
    jobs: int = 0
    first: tuple[int, int] = (0, 0)

    def count(self, memory: int, resident: int, most: int) -> str:
        """After a job: why this child is to be replaced; empty when it is not."""
        self.jobs += 1
        if self.jobs == 1:
            self.first = (memory, resident)
        for name, now, then in (("GPU", memory, self.first[0]), ("main", resident, self.first[1])):
            if now > GROWTH * then + SLACK:
                return f"its {name} memory grew from {then >> 20} to {now >> 20} MiB"
        return f"it made {self.jobs} videos" if most and self.jobs >= most else ""


class Runner:
    """One child process of `fedisora.generation.runner`. Not for concurrent use: one job at a time.

    Args:
        backend, model: what is used when a job names no `Spec`.
        limits, silence: see `stalls.Watch`.
        recycle: jobs after which the child is replaced; 0: never.
        keep_warm: seconds that an idle child keeps its model; 0: for ever.
        environment: variables that the child gets in addition.
    """

    def __init__(self, backend: str = "procedural", *, model: str | None = None, limits: Mapping[str, float] = STALLS,
                 silence: float = SILENCE, recycle: int = 0, keep_warm: float = 0.0,
                 environment: Mapping[str, str] | None = None) -> None:
        self._spec = Spec(backend, model or "")
        self._watch = Watch(limits, silence)
        self._recycle = recycle
        self._keep_warm = keep_warm
        self._environment = dict(environment or {})
        self._child: _Child | None = None
        self._job: str | None = None
        self._cancelling = False
        self._killer: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._ending = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._child.process.pid if self._child is not None and self._child.process.returncode is None else None

    def warm(self, spec: Spec) -> bool:
        """Whether a child holds this model already."""
        return self.pid is not None and self._child is not None and self._child.spec == spec and self._child.jobs > 0

    async def generate(self, request: Mapping[str, Any], on_progress: Progress, *, spec: Spec | None = None,
                       poster: str | None = None) -> dict[str, Any]:
        """Render one request; see `backends.base.Request` and `Result` for the members.

        Args:
            spec: the model; the one of the constructor when left out.
            poster: where the child writes a picture that stands for the video; the result then has "poster":
                {"width", "height", "blurhash"}.

        Returns:
            the backend's result, or {"cancelled": True}.

        Raises:
            Invalid: the backend refuses the request; the text says why.
            RunFailed: the child crashed, stalled, ran out of memory or could not load its model. What is left of it is gone.
        """
        self._job, self._cancelling = str(request["id"]), False
        self._watch.begin(time.monotonic())
        try:
            child = await self._started(spec or self._spec)
            if self._cancelling:
                return {"cancelled": True}
            self._watch.begin(time.monotonic())
            await self._write(child, {"op": "generate", "request": dict(request), "poster": poster})
            return await self._result(child, on_progress)
        except (RunFailed, asyncio.CancelledError) as error:
            await self._end()
            if self._cancelling and isinstance(error, RunFailed):
                return {"cancelled": True}
            raise
        finally:
            self._job = None
            if self._killer is not None:
                self._killer.cancel()
                self._killer = None
            self._close_after(self._keep_warm)

    async def _result(self, child: _Child, on_progress: Progress) -> dict[str, Any]:
        while True:
            message = await self._read(child, self._watch.left(time.monotonic()))
            self._watch.heard(time.monotonic())
            if message.get("id") != self._job:
                continue
            match message.get("ev"):
                case "progress":
                    stage, share = str(message["stage"]), float(message["share"])
                    self._watch.moved(stage, share, time.monotonic())
                    on_progress(stage, share)
                case "done":
                    worn = child.count(int(message["memory"]), int(message["resident"]), self._recycle)
                    if worn:
                        log.info("the generation child is replaced", reason=worn)
                        await self._end()
                    return dict(message["result"])
                case "cancelled":
                    if message.get("ends"):  # while it loaded its model
                        await self._end()
                    return {"cancelled": True}
                case "refused":
                    raise Invalid(str(message["error"]))
                case "oom":
                    raise RunFailed("out-of-memory", str(message["error"]))
                case "unavailable":
                    raise RunFailed("model-unavailable", str(message["error"]))
                case "failed":
                    raise RunFailed("backend-failed", str(message["error"]))

    async def cancel(self) -> None:
        """Ask the child to stop its job; it is killed when it does not within `GRACE_SECONDS`."""
        if self._job is None or self._cancelling:
            return
        self._cancelling = True
        if self._child is not None:
            with contextlib.suppress(FedisoraError):
                await self._write(self._child, {"op": "cancel", "id": self._job})
            self._killer = asyncio.create_task(self._kill_later(self._child))

    async def _kill_later(self, child: _Child) -> None:
        await asyncio.sleep(GRACE_SECONDS)
        log.warning("the generation child did not stop in time", pid=child.process.pid)
        _kill(child.process)

    def _close_after(self, seconds: float) -> None:
        """Let go of the model when nobody needs it for so long."""
        if seconds > 0 and self._child is not None:
            self._closing = asyncio.create_task(self._idle(seconds))

    async def _idle(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._closing = None  # from here on it is not interrupted
        if self._job is None:
            log.info("the idle generation child is closed")
            await self._end()

    def _stay(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None

    async def close(self) -> None:
        """End the child."""
        self._stay()
        await self._end()

    async def _started(self, spec: Spec) -> _Child:
        self._stay()
        if self._child is not None:
            if self._child.spec == spec and self._child.process.returncode is None:
                return self._child
            await self._end()
        environment = clean_environment() | {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "fedisora.generation.runner", *spec.arguments(), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment | {"HF_HUB_OFFLINE": "1"} | self._environment,  # weights are fetched by the operator alone
            start_new_session=True, limit=LINE_LIMIT)
        assert process.stderr is not None
        child = self._child = _Child(process, asyncio.create_task(_tail(process.stderr)), spec)
        message = await self._read(child, START_SECONDS)
        if message.get("ev") != "ready":
            raise RunFailed("crashed", "the generation child did not start")
        return child

    async def _write(self, child: _Child, message: dict[str, Any]) -> None:
        assert child.process.stdin is not None
        try:
            child.process.stdin.write(json.dumps(message).encode() + b"\n")
            await child.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise RunFailed("crashed", "the generation child is gone") from error

    async def _read(self, child: _Child, seconds: float) -> dict[str, Any]:
        assert child.process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await child.process.stdout.readline()
        except TimeoutError:
            raise RunFailed("stalled", self._watch.why(time.monotonic())) from None
        if not line:
            status = await child.process.wait()
            tail = (await child.log).decode(errors="replace").strip()
            raise RunFailed("crashed", f"the generation child ended with {_named(status)}: {tail[-500:]}")
        message = json.loads(line)
        return message if isinstance(message, dict) else {}

    async def _end(self) -> None:
        async with self._ending:
            child, self._child = self._child, None
            if child is None:
                return
            assert child.process.stdin is not None
            assert child.process.stdout is not None
            if child.process.returncode is None:
                _kill(child.process)
            child.process.stdin.close()
            await child.process.wait()
            # To the end of its pipes, so that they are closed; something that it started may still hold them.
            await asyncio.wait((child.log, asyncio.ensure_future(child.process.stdout.read())), timeout=1.0)
            child.log.cancel()


def _named(status: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"status {status}"


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(4096):
        kept = (kept + chunk)[-4000:]
    return kept
