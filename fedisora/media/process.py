"""Run media operations in child processes, from async code and from sync code.

The server itself never loads libav, Pillow or libc2pa: it stays small, and a crash in one of them ends a child.
"""
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from .. import errors
from .limits import LIMITS
from .progress import Progress

_LINE_LIMIT: Final = 8 << 20
_STDERR_TAIL: Final = 2000
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "HOME", "VIRTUAL_ENV")


def clean_environment() -> dict[str, str]:
    """A clean environment: our settings hold secrets that a child with hostile bytes must not see."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    roots = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    # Thread pools of BLAS reserve address space per core, which the memory limit counts.
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, roots)), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _command(operation: str) -> list[str]:
    if operation not in LIMITS:
        raise errors.FedisoraError(cause=f"no media operation {operation!r}")
    return [sys.executable, "-P", "-m", "fedisora.media.child", operation]


def _request(request: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(request), default=str).encode() + b"\n"


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself meanwhile
        os.killpg(pid, signal.SIGKILL)


def _take(line: bytes, on_progress: Progress | None) -> dict[str, Any] | None:
    """The result when this line is one; reports progress otherwise."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    if "ok" in message:
        return message
    if on_progress and isinstance(message.get("progress"), float | int):
        on_progress(float(message["progress"]))
    return None


def _conclude(operation: str, result: dict[str, Any] | None, status: int | None, stderr: bytes) -> dict[str, Any]:
    if result is None:
        if status == -signal.SIGXCPU or (status == -signal.SIGKILL and not stderr):
            # The kernel ended it at its CPU limit (or for want of memory): the file costs more than any file may.
            raise errors.Invalid("This file takes too much work to process.", cause=f"{operation}: signal {-status}")
        tail = stderr[-_STDERR_TAIL:].decode(errors="replace").strip()
        raise errors.FedisoraError("This file could not be processed.",
                                   cause=f"media {operation} ended with status {status}: {tail}")
    if result.pop("ok"):
        return result
    text, cause = str(result.get("error", "")), f"media {operation}: {result.get('cause') or 'refused'}"
    if result.get("kind") == "invalid":
        raise errors.Invalid(text, cause=cause)
    raise errors.FedisoraError("This file could not be processed.", cause=cause)


def _timed_out(operation: str, timeout: float) -> errors.FedisoraError:
    return errors.FedisoraError("Processing this file took too long.",
                                cause=f"media {operation}: no result after {timeout:g} s")


async def run_media(
    op: str, request: Mapping[str, Any], *, timeout: float, on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Run one operation of `child.OPERATIONS` in a child process.

    Args:
        op: `probe`, `transcode`, `poster`, `thumbnail`, `image`, `content`, `sign` or `read`; each function's docstring gives the
            members of its request and result.
        request: JSON values and paths.
        timeout: seconds; the child and all it started are killed then, and on cancellation.
        on_progress: called on the event loop with 0..1.

    Raises:
        Invalid: the file is not acceptable; the text says why.
        FedisoraError: the child crashed, failed inside or took too long; the cause says more.
    """
    process = await asyncio.create_subprocess_exec(
        *_command(op), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=clean_environment(), start_new_session=True, limit=_LINE_LIMIT)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    log = asyncio.create_task(_tail(process.stderr))
    result = None
    try:
        async with asyncio.timeout(timeout):
            process.stdin.write(_request(request))  # stays open: its end tells the child that we are gone
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended early; its status says why
                await process.stdin.drain()
            while line := await process.stdout.readline():
                result = _take(line, on_progress) or result
            status = await process.wait()
        stderr = await log
    except TimeoutError:
        raise _timed_out(op, timeout) from None
    finally:
        if process.returncode is None:
            _kill(process.pid)
            await process.wait()
        log.cancel()
        process.stdin.close()
    return _conclude(op, result, status, stderr)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(4096):
        kept = (kept + chunk)[-_STDERR_TAIL:]
    return kept


def run_media_sync(
    op: str, request: Mapping[str, Any], *, timeout: float, on_progress: Progress | None = None,
) -> dict[str, Any]:
    """`run_media` for code without an event loop (the CLI, generation children). Same arguments, same errors."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            _command(op), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=clean_environment(),
            start_new_session=True)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _kill(process.pid)

        timer = threading.Timer(timeout, expire)
        timer.daemon = True
        timer.start()
        try:
            result = _converse(process, _request(request), on_progress)
            status = process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:
                _kill(process.pid)
                process.wait()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
        if expired.is_set() and result is None:
            raise _timed_out(op, timeout)
        log.seek(0)
        return _conclude(op, result, status, log.read())


def _converse(process: subprocess.Popen[bytes], request: bytes, on_progress: Progress | None) -> dict[str, Any] | None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(request)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it ended before it read all; its status says why
    result = None
    for line in process.stdout:
        result = _take(line, on_progress) or result
    return result


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe:
            pipe.close()
    except BrokenPipeError:
        pass  # unsent bytes of a request to a child that is gone
