"""Temporary folders for files that are looked at and forgotten: removed on every path, and swept up after a kill."""
from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

PREFIX: Final = "fedisora-"
SWEPT: Final = ("verify", "upload", "picture", "poster", "media")
"""What is never in use for long; a running generation keeps its folder."""
STALE: Final = 2 * 3600.0
"""Seconds after which a folder belongs to no running job (encoding may take half an hour)."""


@contextlib.asynccontextmanager
async def scratch(what: str) -> AsyncIterator[Path]:
    """A folder of one's own that only this user can read; it and everything in it are gone afterwards, also when cancelled."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{what}-"))
    try:
        yield folder
    finally:
        # not awaited bare: a second cancellation must not leave a stranger's file behind
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, True))


def sweep_scratch(now: float | None = None) -> int:
    """Remove what a killed process left behind; how many folders that were."""
    oldest, gone = (now or time.time()) - STALE, 0
    found = [folder for what in SWEPT for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}{what}-*")]
    for folder in found:
        with contextlib.suppress(OSError):  # another process sweeps too, or it is another user's
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
                gone += not folder.exists()
    return gone
