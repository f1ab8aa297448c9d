"""One media operation, again and again, in a process of its own: `python -m fedisora.media.standing_child OP`.

For files that this instance made itself; what comes from outside gets a process each (`child`). In: a JSON line on stdin for
each request. Out: a JSON line on stdout for each answer, as `child` gives it. The process ends when its stdin closes, or when
nobody has asked for a quarter of an hour.
"""
from __future__ import annotations

import dataclasses
import json
import os
import select
import sys
from typing import Final

from .child import OPERATIONS, run
from .limits import LIMITS

IDLE: Final = 900.0
"""Seconds without a request after which it ends."""
CPU: Final = 3600
"""Seconds of one process; a single request is bounded by the time that its asker waits."""


def main() -> None:
    """Entry point."""
    operation = sys.argv[1] if len(sys.argv) == 2 else ""
    if operation not in OPERATIONS:
        sys.exit(f"usage: python -m fedisora.media.standing_child {'|'.join(OPERATIONS)}")
    # Libraries print to stdout; the answers must not be mixed with that.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    dataclasses.replace(LIMITS[operation], cpu=CPU).apply()
    waiting = b""
    while True:
        line, mark, rest = waiting.partition(b"\n")
        if not mark:
            chunk = os.read(0, 1 << 16) if select.select([0], [], [], IDLE)[0] else b""
            if not chunk:
                os._exit(0)  # libraries are not taken down: nothing of theirs is worth it
            waiting += chunk
            continue
        waiting = rest
        answers.write(json.dumps(run(operation, json.loads(line), lambda share: None)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
