"""Bytes as a file that lies on no disk: for what must leave no trace when its process is killed."""
from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def in_memory(data: bytes) -> Iterator[Path]:
    """A path that this process and its children can read and write while the block runs.

    The file is anonymous memory, so the kernel frees it with the process, however that ends. Where the system has no such files
    (anything but Linux), it is a temporary one that only this user can read, removed at the end of the block.
    """
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile(prefix="fedisora-verify-") as file:
            file.write(data)
            file.flush()
            yield Path(file.name)
        return
    descriptor = os.memfd_create("private", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        # through /proc: a child gets no descriptors of ours
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)
