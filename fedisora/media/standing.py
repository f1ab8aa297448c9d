"""A media child that stays: it has loaded its libraries when the next file comes, which saves a quarter of a second each time.

For files that this instance made itself. What comes from outside gets a child of its own (`process.run_media`).
"""
from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from typing import Any, Final

from .process import _conclude, _kill, _request, _take, _timed_out, clean_environment

MOST: Final = 200
"""Requests after which a child is replaced: whatever its libraries leak goes with it."""


class Standing:
    """One child for one operation, started when it is first needed and started again when it has ended.

    Used from any thread and any event loop; requests wait for each other.
    """

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Standing] | None = None
        self._served = 0

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    async def run(self, request: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
        """What `process.run_media` would answer, and the same errors."""
        abandoned = threading.Event()
        try:
            return await asyncio.to_thread(self._ask, request, timeout, abandoned)
        except asyncio.CancelledError:
            abandoned.set()
            self.close()  # ends the thread that waits for the child
            raise

    def close(self) -> None:
        """End the child, also in the middle of a request."""
        end = self._end
        if end is not None:
            end()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None or self._served >= MOST:
            self.close()
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "fedisora.media.standing_child", self._operation], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment(), start_new_session=True)
            self._end = weakref.finalize(self, _end, self._child)
            self._served = 0
        self._served += 1
        return self._child

    def _ask(self, request: Mapping[str, Any], timeout: float, abandoned: threading.Event) -> dict[str, Any]:
        with self._lock:
            result, status = self._answer(request, timeout)
            if result is None and not abandoned.is_set():  # it may have been killed while it stood by: once more
                result, status = self._answer(request, timeout)
            return _conclude(self._operation, result, status, b"the standing child ended")

    def _answer(self, request: Mapping[str, Any], timeout: float) -> tuple[dict[str, Any] | None, int | None]:
        """What the child says, or None and the status with which it ended.

        Raises:
            FedisoraError: it took too long.
        """
        child = self._ready()
        assert child.stdin is not None
        assert child.stdout is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _kill(child.pid)

        timer = threading.Timer(timeout, expire)
        timer.daemon = True
        timer.start()
        result = None
        try:
            with contextlib.suppress(OSError, ValueError):  # it has just ended, or was closed; the missing answer says so
                child.stdin.write(_request(request))
                child.stdin.flush()
                while result is None and (line := child.stdout.readline()):
                    result = _take(line, None)
        finally:
            timer.cancel()
        if result is not None:
            return result, 0
        status = child.wait()
        if expired.is_set():
            raise _timed_out(self._operation, timeout)
        return None, status


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        _kill(child.pid)
        child.wait()
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(OSError, ValueError):  # unsent bytes to a child that is gone; a thread may still read
            if pipe is not None:
                pipe.close()
