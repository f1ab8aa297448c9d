"""What the jobs about files have in common: a folder for a while, and writing what became of a file."""
from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fedisora.db import UnitOfWork
from fedisora.errors import NotFound
from fedisora.models import Media

SUFFIX = {"video/mp4": ".mp4", "image/webp": ".webp", "image/jpeg": ".jpg", "image/png": ".png"}


@contextlib.asynccontextmanager
async def scratch() -> AsyncIterator[Path]:
    """A temporary folder, removed at the end."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-media-"))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)


def keep(uow: UnitOfWork, media_id: int, **values: Any) -> Media:
    """Write columns of a file's row and ring its bell.

    Raises:
        NotFound: it was deleted meanwhile.
    """
    row = uow.session.get(Media, media_id)
    if row is None:
        raise NotFound
    for name, value in values.items():
        setattr(row, name, value)
    uow.ring(f"media:{media_id}")
    return row
