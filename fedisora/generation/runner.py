"""The child: `python -m fedisora.generation.runner BACKEND [MODEL [OPTIONS]]`, JSON lines on stdin and stdout.

In: {"op": "generate", "request": members of `backends.base.Request`, "poster": path?} and {"op": "cancel", "id": …}.
Out: {"ev": "ready"} when it listens; while it renders {"ev": "alive"} every second and {"ev": "progress", "stage", "share"};
then one of {"ev": "done", "result", "memory", "resident"}, "cancelled", "refused", "oom", "unavailable" and "failed".
The model is loaded with the first job, as its stage `load`. It ends at once when stdin does: no orphan outlives a killed
server or keeps its GPU.
"""
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, Refused
from .backends import load
from .backends.base import Backend, Cancelled, OutOfMemory, Progress, Request

BEAT = 1.0
PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that this process gets when the thread that started it ends."""


class Child:
    """Reads commands in a thread, renders in the main one."""

    def __init__(self, backend: str, model: str | None, options: dict[str, Any]) -> None:
        # Libraries print to stdout; the answers must not be mixed with that.
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self._what = (backend, model, options)
        self._backend: Backend | None = None
        self._commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self._cancelled: set[str] = set()
        self._job: str | None = None
        self._loading = False
        self._lock = threading.Lock()
        self._busy = threading.Event()

    def say(self, **message: Any) -> None:
        """One line to the parent; from any thread."""
        with self._lock:
            self._answers.write(json.dumps(message) + "\n")

    def listen(self) -> None:
        """Until stdin ends, which ends the process."""
        buffer = b""
        while chunk := os.read(0, 1 << 16):
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if message["op"] == "cancel":
                    self._cancel(str(message["id"]))
                else:
                    self._commands.put(message)
        os._exit(0)

    def _cancel(self, job: str) -> None:
        self._cancelled.add(job)
        if self._loading and job == self._job:
            # Nothing interrupts the loading of a model, and half of one is worth nothing.
            self.say(ev="cancelled", id=job, ends=True)
            os._exit(0)

    def beat(self) -> None:
        """Say once a second that this process lives while it has a job."""
        pause = threading.Event()
        while True:
            self._busy.wait()
            if pause.wait(BEAT) or self._job is None:
                continue
            self.say(ev="alive", id=self._job)

    def serve(self) -> None:
        """One job after the other."""
        for work in (self.listen, self.beat):
            threading.Thread(target=work, daemon=True).start()
        self.say(ev="ready")
        while True:
            command = self._commands.get()
            request = Request(**command["request"])
            self._job = request.id
            self._busy.set()
            try:
                answer = self._one(request, command.get("poster"))
            finally:
                self._busy.clear()
                self._job = None
            self._cancelled.discard(request.id)
            self.say(id=request.id, **answer)

    def _loaded(self, request: Request, progress: Progress) -> Backend:
        if self._backend is None:
            progress("load", 0.0)
            self._loading = True
            try:
                self._backend = load(*self._what, progress=progress, cancelled=lambda: request.id in self._cancelled)
            finally:
                self._loading = False
        if request.id in self._cancelled:
            raise Cancelled
        return self._backend

    def _one(self, request: Request, poster: str | None) -> dict[str, Any]:
        def progress(stage: str, share: float) -> None:
            self.say(ev="progress", id=request.id, stage=stage, share=round(share, 4))

        try:
            backend = self._loaded(request, progress)
            result = backend.render(request, progress, lambda: request.id in self._cancelled)
            if poster is not None:
                result["poster"] = _poster(request.output, poster)
            return {"ev": "done", "result": result, "memory": _memory(backend), "resident": resident()}
        except Cancelled:
            return {"ev": "cancelled"}
        except (OutOfMemory, MemoryError) as error:
            return {"ev": "oom", "error": _said(error)}
        except ConfigurationError as error:
            return {"ev": "unavailable", "error": error.text}
        except Refused as error:
            return {"ev": "refused", "error": error.text}
        except Exception as error:
            return {"ev": "failed", "error": _said(error)}


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _poster(video: str, output: str) -> dict[str, Any]:
    """The poster of what was just made: the libraries are loaded here, so that no further process has to."""
    from ..media.poster import poster

    return poster({"path": video, "output": output}, lambda share: None)


def _memory(backend: Backend) -> int:
    """Bytes of device memory that the backend holds; 0 when it does not say."""
    asked = getattr(backend, "memory", None)
    return int(asked()) if asked is not None else 0


def resident() -> int:
    """Bytes of main memory that this process holds; 0 where that is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def die_with_parent() -> None:
    """On Linux the kernel kills this process when its parent dies, also when it is stuck in a library at that moment."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Entry point."""
    if len(sys.argv) not in (2, 3, 4):
        sys.exit("usage: python -m fedisora.generation.runner BACKEND [MODEL [OPTIONS]]")
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what it has in memory may be somebody's picture
    os.nice(10)
    model = sys.argv[2] if len(sys.argv) > 2 and sys.argv[2] else None
    Child(sys.argv[1], model, json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}).serve()


if __name__ == "__main__":
    main()
