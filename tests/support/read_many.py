"""Reads many files in one process with the limits of a reading child: `python -m tests.support.read_many`.

In: a JSON object {"paths": […], "anchors": {…}} on stdin. Out: one JSON line per file, what `media` op `read` answers and the
seconds it took.
"""
from __future__ import annotations

import json
import sys
import time

from fedisora.media.child import run
from fedisora.media.limits import LIMITS


def main() -> None:
    """Entry point."""
    LIMITS["read"].apply()
    request = json.load(sys.stdin)
    for path in request["paths"]:
        began = time.perf_counter()
        answer = run("read", {"path": path, "anchors": request["anchors"]}, lambda _: None)
        print(json.dumps({"answer": answer, "seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
