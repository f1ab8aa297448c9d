"""The operator's list of pictures that nobody may make or use here: read from files, added to, removed from."""
from __future__ import annotations

import csv
import io
import re
from typing import Final

import structlog

from ..db import UnitOfWork
from ..errors import Invalid, NotFound
from ..store import denied

log = structlog.get_logger()
MOST: Final = 1_000_000
"""Entries of one file."""
_CODE: Final = re.compile(r"[0-9a-fA-F]{64}\Z")
_HEADS: Final = ("hash", "pdq", "pdq_hash", "code")


def code_of(text: str) -> bytes:
    """The 32 bytes of a PDQ hash in hexadecimal.

    Raises:
        Invalid: it is none.
    """
    if not _CODE.match(text.strip()):
        raise Invalid(f"{text.strip()[:80]!r} is not a PDQ hash: 64 hexadecimal figures.")
    return bytes.fromhex(text.strip())


def parse(text: str) -> list[tuple[bytes, str]]:
    """Read a list: a hash on each line, or CSV with the hash first and a reason second. `#` begins a comment; a line of column
    names at the top is passed over.

    Raises:
        Invalid: with the number of the line.
    """
    found: list[tuple[bytes, str]] = []
    for number, cells in enumerate(csv.reader(io.StringIO(text)), 1):
        first = cells[0].strip() if cells else ""
        if not first or first.startswith("#") or (number == 1 and first.lower() in _HEADS):
            continue
        if not _CODE.match(first):
            raise Invalid(f"Line {number}: {first[:80]!r} is not a PDQ hash (64 hexadecimal figures). Nothing was added.")
        found.append((bytes.fromhex(first), cells[1].strip() if len(cells) > 1 else ""))
        if len(found) > MOST:
            raise Invalid(f"A file may have {MOST:,} hashes at most. Split it. Nothing was added.")
    if not found:
        raise Invalid("There is no hash in this file.")
    return found


def add(uow: UnitOfWork, entries: list[tuple[bytes, str]], source: str) -> int:
    """Add entries; how many are new.

    Args:
        source: name of the list, by which all of it can be removed.
    """
    new = denied.add(uow, entries, source)
    log.info("denied pictures added", source=source, new=new, given=len(entries))
    return new


def remove(uow: UnitOfWork, what: str) -> int:
    """Remove one hash, or all of a list; how many went.

    Raises:
        NotFound: there is neither a hash nor a list like that.
    """
    gone = denied.remove(uow, code=code_of(what)) if _CODE.match(what.strip()) else denied.remove(uow, source=what)
    if not gone:
        raise NotFound(f"There is no hash and no list {what[:80]!r} here. `fedisora safety denylist list` shows what there is.")
    log.info("denied pictures removed", what=what[:80], gone=gone)
    return gone
