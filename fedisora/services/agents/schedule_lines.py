"""A schedule as people write it: a time a line, such as `Mon Wed 09:00: a calm sea | hills in rain`; `daily` for every day."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ...errors import Invalid
from .schedule import checked

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LINE: Final = re.compile(r"(?P<days>[A-Za-z ,]+?)\s+(?P<at>\d\d:\d\d)\s*:\s*(?P<prompts>.+)")
FORM: Final = "Write a time a line: days (Mon Tue … or daily), HH:MM in UTC, a colon, and prompts with | between them."


def read(text: str) -> list[dict[str, Any]]:
    """The schedule that a text describes; empty lines count for nothing.

    Raises:
        Invalid: a line has another form.
    """
    return checked([_entry(line.strip()) for line in text.splitlines() if line.strip()])


def _entry(line: str) -> dict[str, Any]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Invalid(f"“{line[:80]}” is no time of a schedule. {FORM}", code="schedule")
    days: list[int] = []
    for word in match["days"].replace(",", " ").split():
        name = word[:3].capitalize()
        if word.lower() in ("daily", "always"):
            days += range(7)
        elif name in DAYS and len(word) >= 3:
            days.append(DAYS.index(name))
        else:
            raise Invalid(f"“{word[:20]}” is no day. {FORM}", code="schedule")
    return {"days": days, "at": match["at"], "prompts": [part.strip() for part in match["prompts"].split("|") if part.strip()]}


def written(entries: Sequence[dict[str, Any]]) -> str:
    """A schedule as such lines."""
    return "\n".join(
        f"{'daily' if len(entry['days']) == 7 else ' '.join(DAYS[day] for day in entry['days'])} {entry['at']}: "
        f"{' | '.join(entry['prompts'])}" for entry in entries)
