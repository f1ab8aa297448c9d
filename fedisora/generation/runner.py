"""The child: `python -m fedisora.generation.runner BACKEND [MODEL]`, JSON lines on stdin and stdout.

In: {"op": "generate", "request": …} and {"op": "cancel", "id": …}. Out: {"ev": "ready" | "progress" | "done" | "cancelled" |
"refused" | "failed", …}. It ends at once when stdin does: no orphan outlives a killed server or keeps its GPU.
"""
from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Any

from ..errors import FedisoraError, Refused
from .backends import load
from .backends.base import Cancelled, Request


class Child:
    """Reads commands in a thread, renders in the main one."""

    def __init__(self) -> None:
        # Libraries print to stdout; the answers must not be mixed with that.
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self._commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self._cancelled: set[str] = set()

    def say(self, **message: Any) -> None:
        """One line to the parent."""
        self._answers.write(json.dumps(message) + "\n")

    def listen(self) -> None:
        """Until stdin ends, which ends the process."""
        buffer = b""
        while chunk := os.read(0, 1 << 16):
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if message["op"] == "cancel":
                    self._cancelled.add(str(message["id"]))
                else:
                    self._commands.put(message["request"])
        os._exit(0)

    def serve(self, backend_name: str, model: str | None) -> None:
        """Load the backend, then one job after the other."""
        threading.Thread(target=self.listen, daemon=True).start()
        try:
            backend = load(backend_name, model)
        except FedisoraError as error:
            self.say(ev="failed", id=None, error=str(error))
            return
        self.say(ev="ready")
        while True:
            request = Request(**self._commands.get())
            self._one(backend, request)
            self._cancelled.discard(request.id)

    def _one(self, backend: Any, request: Request) -> None:
        def progress(stage: str, fraction: float) -> None:
            self.say(ev="progress", id=request.id, stage=stage, fraction=round(fraction, 4))

        try:
            result = backend.render(request, progress, lambda: request.id in self._cancelled)
            self.say(ev="done", id=request.id, result=result)
        except Cancelled:
            self.say(ev="cancelled", id=request.id)
        except Refused as error:
            self.say(ev="refused", id=request.id, error=error.text)
        except Exception as error:
            self.say(ev="failed", id=request.id, error=f"{type(error).__name__}: {error}"[:500])


def main() -> None:
    """Entry point."""
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m fedisora.generation.runner BACKEND [MODEL]")
    os.nice(10)
    Child().serve(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)


if __name__ == "__main__":
    main()
