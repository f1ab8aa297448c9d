"""Keeping a hidden prompt hidden: it must not come out by another member of the record. Pure."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SHORTEST: Final = 12
"""Characters from which on a prompt is looked for inside longer texts; a shorter one ("a lake") only as a whole text."""


def _bare(text: str) -> str:
    return " ".join(text.casefold().split())


def tells(text: str, secret: str) -> bool:
    """Whether a text gives a hidden prompt away, however it is spaced and capitalised."""
    inside, hidden = _bare(text), _bare(secret)
    return bool(hidden) and (inside == hidden or (len(hidden) >= SHORTEST and hidden in inside))


def mentions(value: Any, secret: str) -> bool:
    """Whether a JSON value has a text, or a member's name, that gives a hidden prompt away."""
    if isinstance(value, str):
        return tells(value, secret)
    if isinstance(value, Mapping):
        return any(tells(str(name), secret) or mentions(item, secret) for name, item in value.items())
    if isinstance(value, list | tuple):
        return any(mentions(item, secret) for item in value)
    return False


def without(members: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """The members that do not give a hidden prompt away."""
    return {name: value for name, value in members.items() if not mentions({name: value}, secret)}
