"""Row ids that sort by time: 48 bits of milliseconds, 16 bits of sequence (the shape Mastodon's ids have)."""
from __future__ import annotations

import datetime as dt
import os
import secrets
import threading

_lock = threading.Lock()
_sequence = secrets.randbelow(1 << 16)


def _reseed() -> None:
    """A forked process must not count on where its parent was."""
    global _sequence, _lock
    _lock, _sequence = threading.Lock(), secrets.randbelow(1 << 16)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed)


def new_id(when: dt.datetime) -> int:
    """A new id for something that came to be at `when` (aware).

    Ids of one process never repeat; two processes can only clash within one millisecond at odds of 1 in 65,536, and the
    primary key catches that.
    """
    global _sequence
    with _lock:
        _sequence = (_sequence + 1) & 0xFFFF
        return (max(0, int(when.timestamp() * 1000)) << 16) | _sequence


def id_floor(when: dt.datetime) -> int:
    """The smallest id anything made at `when` could have."""
    return max(0, int(when.timestamp() * 1000)) << 16


def time_of(row_id: int) -> dt.datetime:
    """When the row with this id came to be (aware, UTC)."""
    return dt.datetime.fromtimestamp((row_id >> 16) / 1000, dt.UTC)
