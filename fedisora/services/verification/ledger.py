"""What was given of the status lists and what was taken back, in a file beside `secret.key` that is in no backup (ADR 0020).

A database that is restored is older than what others have seen: without this file it would give indexes away again, and forget
what was taken back. Each line is a fact, written once; a line that a crash cut short has no `;` and counts for nothing.
The first line says since which list this file knows everything, and by which `secret.key` it lies: another inode or time of
change says that the whole folder was put here from somewhere, and this file with it, of whatever age.
"""
from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

NAME: Final = "status-indexes"
_ENTRY: Final = re.compile(r"(given|revoked) (\d{1,19}) (\d{1,9});")
_HEAD: Final = re.compile(r"since (\d{1,19}) by (\d+ \d+);")
_TAIL: Final = 4096


class Entry(NamedTuple):
    """An index of a list that was given away, or taken back."""

    number: int
    position: int
    revoked: bool


class Ledger:
    """The file of one data folder. Whoever writes an entry holds the list, or has committed it."""

    def __init__(self, folder: Path) -> None:
        self.path, self._key = folder / NAME, folder / "secret.key"

    def since(self) -> int | None:
        """The oldest list from which may be drawn; None where nobody knows what was given away: no file, or one that came with
        another folder."""
        with suppress(FileNotFoundError), self.path.open(encoding="ascii", errors="replace") as file:
            head = _HEAD.fullmatch(file.readline().rstrip("\n"))
            if head is not None and head[2] == self._place():
                return int(head[1])
        return None

    def begin(self, since: int) -> int:
        """From here on this file knows everything about lists from this number on; earlier entries stay. Returns the number."""
        kept = "".join(f"\n{_line(entry)}" for entry in self._lines())
        temporary = self.path.with_name(f"{NAME}.{os.getpid()}.tmp")
        _write(temporary, f"since {since} by {self._place()};{kept}", os.O_TRUNC)
        with suppress(OSError, AttributeError):  # begun by a command of root: the server has to read it as well
            owner = self._key.stat()
            os.chown(temporary, owner.st_uid, owner.st_gid)
        temporary.replace(self.path)
        return since

    def add(self, entry: Entry) -> None:
        """Write an entry down for good; nothing where no file was begun.

        Raises:
            OSError: the disk is full or read-only.
        """
        if self.path.exists():
            _write(self.path, f"\n{_line(entry)}", os.O_APPEND)

    def last(self) -> Entry | None:
        """The newest entry."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            return next(reversed(_entries(file.read())), None)
        return None

    def entries(self) -> dict[tuple[int, int], bool]:
        """(list, index) of all that was given away, and whether it was taken back."""
        found: dict[tuple[int, int], bool] = {}
        for number, position, revoked in self._lines():
            found[number, position] = found.get((number, position), False) or revoked
        return found

    def _lines(self) -> list[Entry]:
        with suppress(FileNotFoundError):
            return _entries(self.path.read_bytes())
        return []

    def _place(self) -> str:
        with suppress(FileNotFoundError):
            found = self._key.stat()
            return f"{found.st_ino} {found.st_ctime_ns}"
        return "0 0"


def _line(entry: Entry) -> str:
    return f"{'revoked' if entry.revoked else 'given'} {entry.number} {entry.position};"


def _entries(data: bytes) -> list[Entry]:
    matches = (_ENTRY.fullmatch(line) for line in data.decode("ascii", errors="replace").splitlines())
    return [Entry(int(match[2]), int(match[3]), match[1] == "revoked") for match in matches if match is not None]


def _write(path: Path, text: str, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(descriptor)
