"""Folders in which videos are made; what a killed worker left is removed by the next one."""
from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

PREFIX: Final = "fedisora-generation-"
STALE: Final = 6 * 3600.0
"""Seconds without a change after which a folder is nobody's, if its process has gone (another container's cannot be seen)."""


def make() -> Path:
    """A folder of this process that only this user can read."""
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


def clear(now: float | None = None) -> int:
    """Remove the folders of processes that were killed; how many there were."""
    oldest, gone = (now or time.time()) - STALE, 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another worker clears up too, or it is another user's
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_mtime < oldest and not _runs(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
                gone += not folder.exists()
    return gone


def _runs(name: str) -> bool:
    pid = name.removeprefix(PREFIX).partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True
