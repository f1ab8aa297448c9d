"""Files that no row names, and rows whose file is gone: what a kill between writing a file and its row leaves behind.

Only names of our own making are ever looked at, so that nothing else in a bucket is touched.
"""
from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy.orm import Session

from ..errors import NotFound
from ..store import files
from .store import Store, Stored

OURS: Final = re.compile(r"(?:[0-9a-f]{2}|uploads)/[0-9]{1,20}-[0-9a-f]{16}(?:\.[a-z0-9]{1,8})?\Z")
KEPT: Final = dt.timedelta(days=2)
"""For so long a file may lie there before its row is written."""


FEW: Final = 20
"""So many files without a row are never too many."""


@dataclass(frozen=True)
class Missing:
    """A row that names a file which is not there."""

    media_id: int
    actor_id: int
    key: str


def page(store: Store, after: str, limit: int) -> list[Stored]:
    """The next stored files, in the order of keys. Blocks."""
    return list(islice(store.list(after=after), limit))


def orphans(session: Session, found: Sequence[Stored], now: dt.datetime) -> list[Stored]:
    """Those of some stored files that are ours, old enough, and named by no row."""
    old = [item for item in found if item.modified < now - KEPT and OURS.match(item.key)]
    named = files.named(session, {item.key for item in old})
    return [item for item in old if item.key not in named]


def too_many(gone: int, found: int) -> bool:
    """Whether more than half of the files have no row: then it is far more likely that the database is another one (a forgotten
    FEDISORA_DATABASE_URL, a restored backup, a storage that two instances share) than that the files are of no use."""
    return gone > FEW and gone * 2 > found


def missing(store: Store, rows: Sequence[files.Kept]) -> list[Missing]:
    """What some rows name and the storage has not. Blocks: it asks for every file."""
    return [Missing(row.id, row.actor_id, key) for row in rows for key in row.keys if not _there(store, key)]


def _there(store: Store, key: str) -> bool:
    try:
        store.size(key)
    except NotFound:
        return False
    return True
