"""One media operation in a process of its own: `python -m fedisora.media.child OP`.

In: one JSON line on stdin, the request. Out: JSON lines on stdout: any number of {"progress": 0..1}, then one
{"ok": true, …} or {"ok": false, "error": text, "kind": "invalid"|"internal", "cause": text}.
Limits are set BEFORE the libraries that read hostile bytes are loaded. The process ends when its stdin closes, so no
orphan outlives a killed server.
"""
from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from typing import Any, Final

from .. import errors
from .limits import LIMITS
from .progress import Progress

OPERATIONS: Final = {
    "probe": ("probe", "probe"),
    "clip": ("live_clip", "look"),
    "own_clip": ("own_clip", "enrol"),
    "transcode": ("transcode", "transcode"),
    "poster": ("poster", "poster"),
    "thumbnail": ("images", "thumbnail"),
    "image": ("images", "image"),
    "fragment": ("fragments", "fragment"),
    "storyboard": ("storyboard", "storyboard"),
    "transcribe": ("transcribe", "transcribe"),
    "fingerprint": ("fingerprint", "fingerprint"),
    "codes": ("picture_codes", "codes"),
    "flashes": ("flashes", "flashes"),
    "content": ("content", "content"),
    "sign": ("c2pa", "sign_request"),
    "read": ("c2pa", "read_request"),
    "selftest": ("c2pa", "selftest"),
}
"""Module and function by operation; every function takes (request, progress) and returns the result's members."""
_LARGEST_REQUEST: Final = 8 << 20
_LARGEST_RESULT: Final = 4 << 20


def _read_request() -> dict[str, Any]:
    # os.read, not sys.stdin: a buffered reader held by the watching thread would lock up the interpreter's exit.
    data = b""
    while b"\n" not in data and len(data) < _LARGEST_REQUEST:
        chunk = os.read(0, 1 << 16)
        if not chunk:
            break
        data += chunk
    request = json.loads(data.partition(b"\n")[0])
    if not isinstance(request, dict):
        raise errors.FedisoraError(cause="the request is not an object")
    return request


def _watch_parent() -> None:
    try:
        while os.read(0, 1024):
            pass
    except OSError:
        pass  # a closed descriptor says the same as its end
    os._exit(3)


def run(operation: str, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run one operation in THIS process and wrap what it returns or raises."""
    try:
        module, function = OPERATIONS[operation]
        found = getattr(importlib.import_module(f".{module}", __package__), function)(request, progress)
        return {"ok": True, **found}
    except errors.Refused as problem:
        return {"ok": False, "kind": "invalid", "error": problem.text, "cause": str(problem.cause or "")[:1000]}
    except MemoryError:
        return {"ok": False, "kind": "invalid", "error": "This file needs too much memory.", "cause": "MemoryError"}
    except Exception as problem:
        cause = problem.cause if isinstance(problem, errors.FedisoraError) else f"{type(problem).__name__}: {problem}"
        return {"ok": False, "kind": "internal", "error": errors.FedisoraError.default_text, "cause": str(cause)[:1000]}


def main() -> None:
    """Entry point. Exit status 0 also for refused files: the answer is the JSON line."""
    operation = sys.argv[1] if len(sys.argv) == 2 else ""
    if operation not in OPERATIONS:
        sys.exit(f"usage: python -m fedisora.media.child {'|'.join(OPERATIONS)}")
    # Libraries print to stdout; the answer must not be mixed with that.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = _read_request()
    threading.Thread(target=_watch_parent, daemon=True).start()
    limits = LIMITS[operation].scaled(float(request.get("longest") or 0))
    os.nice(limits.nice)
    limits.apply()

    def progress(share: float) -> None:
        answer.write(json.dumps({"progress": round(min(max(share, 0.0), 1.0), 3)}) + "\n")
        answer.flush()

    line = json.dumps(run(operation, request, progress))
    if len(line) > _LARGEST_RESULT:
        line = json.dumps({"ok": False, "kind": "invalid", "error": "This file holds too much metadata.", "cause": ""})
    answer.write(line + "\n")
    answer.flush()
    # Skip destructors: libraries have been fed hostile bytes and the answer is out.
    os._exit(0)


if __name__ == "__main__":
    main()
