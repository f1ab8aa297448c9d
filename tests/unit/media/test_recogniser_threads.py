"""A look-up multiplies matrices in a thread while the event loop forks: the library under numpy must have no threads then."""
from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import fedisora.media.recogniser, os
before = len(os.listdir("/proc/self/task"))
from fedisora.media import watermark
import numpy
numpy.ones((512, 512), numpy.float32) @ numpy.ones((512, 512), numpy.float32)
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_a_look_up_starts_no_threads_that_a_fork_would_wait_for() -> None:
    env = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "0"
