"""The operator's own list of words and phrases: a text file, read again when it changes."""
from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from ...errors import ConfigurationError
from .folding import continuous, folded
from .words import Words

log = structlog.get_logger()
DEFAULT_NAME: Final = "blocklist.txt"
MOST_LINES: Final = 20_000
LONGEST: Final = 200
LARGEST: Final = 2 << 20
_HOLD: Final = "hold:"


@dataclass(frozen=True)
class WordList:
    """What a file says: entries that are denied, and those that a moderator looks at."""

    deny: Words
    hold: Words
    count: int


EMPTY: Final = WordList(Words(()), Words(()), 0)


def parse(text: str, name: str) -> WordList:
    """Read a list: one word or phrase a line, `#` begins a comment, `hold:` before an entry lets a moderator decide.

    Raises:
        ConfigurationError: with the number of the line and what to do.
    """
    deny: list[str] = []
    hold: list[str] = []
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        raise ConfigurationError(f"{name} has {len(lines):,} lines. The most is {MOST_LINES:,}.")
    for number, line in enumerate(lines, 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        into = deny
        if entry.lower().startswith(_HOLD):
            entry, into = entry[len(_HOLD):].strip(), hold
        if entry.lower().startswith("re:"):
            raise ConfigurationError(f"{name}, line {number}: regular expressions are not understood here. Write words.")
        if len(entry) > LONGEST:
            raise ConfigurationError(f"{name}, line {number}: an entry may have {LONGEST} characters at most.")
        if len(folded(entry)) < 2 and not continuous(entry):
            raise ConfigurationError(f"{name}, line {number}: {line.strip()[:40]!r} is too little to look for: two letters or "
                                     "figures are the least.")
        into.append(entry)
    return WordList(Words(deny), Words(hold), len(deny) + len(hold))


def load(path: Path) -> WordList:
    """Read a list from its file.

    Raises:
        ConfigurationError: it cannot be read, or a line is wrong.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigurationError(f"{path} is larger than {LARGEST >> 20} MB. Is it a list of words?")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"The list of words {path} cannot be read: {error.strerror}. Mend the file or "
                                 "FEDISORA_PROMPT_BLOCKLIST.", cause=error) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8.", cause=error) from error
    return parse(text, str(path))


class Watched:
    """A list that follows its file. Once it was good, a broken file leaves it as it was (and is logged).

    Args:
        setting: FEDISORA_PROMPT_BLOCKLIST; a file that is named has to be there.
        data_dir: where `blocklist.txt` may be.

    Raises:
        ConfigurationError: the file is broken.
    """

    def __init__(self, setting: str, data_dir: Path) -> None:
        self.path = Path(setting) if setting else data_dir / DEFAULT_NAME
        self._needed = bool(setting)
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self._list = load(self.path) if self._needed or self._seen else EMPTY

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def now(self) -> WordList:
        """The list as the file has it. Blocks for as long as reading it takes."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                try:
                    self._list = load(self.path) if stamp is not None or self._needed else EMPTY
                    log.info("list of words read", file=str(self.path), entries=self._list.count)
                except ConfigurationError as error:
                    log.error("the list of words is broken, the former one stays", problem=error.text)
            return self._list
