"""The states of a verification case, as data."""
from __future__ import annotations

from typing import Final

STATES: Final[dict[str, frozenset[str]]] = {
    "started": frozenset({"submitted", "approved", "rejected", "expired", "withdrawn"}),
    "submitted": frozenset({"approved", "rejected", "expired", "withdrawn"}),
    "approved": frozenset(), "rejected": frozenset(), "expired": frozenset(), "withdrawn": frozenset(),
}
"""Every state and where it may go. `started`: the person has begun; `submitted`: evidence is there and waits for a moderator;
`expired`: nobody decided in time, so its clip is gone."""
OPEN: Final = ("started", "submitted")
