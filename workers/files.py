"""What the jobs about files have in common: a folder for a while, and writing what became of a file."""
from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fedisora.db import UnitOfWork
from fedisora.errors import NotFound
from fedisora.media import scratch as temporary
from fedisora.models import Media

SUFFIX = {"video/mp4": ".mp4", "image/webp": ".webp", "image/jpeg": ".jpg", "image/png": ".png"}


def scratch() -> contextlib.AbstractAsyncContextManager[Path]:
    """A temporary folder of a job, removed at the end."""
    return temporary.scratch("media")


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


def keep_while(uow: UnitOfWork, media_id: int, states: Collection[str], **values: Any) -> Media | None:
    """As `keep`, but only while the file is in one of some states; None when another job was quicker.

    A job that lost its lease, or another one for the same file, may still be at work: what it made comes too late then.

    Raises:
        NotFound: it was deleted meanwhile.
    """
    row = uow.session.get(Media, media_id, with_for_update=True)
    if row is None:
        raise NotFound
    return keep(uow, media_id, **values) if row.state in states else None
