"""The states of a request to take over an agent, as data. Those of mentions: `mention_states`."""
from __future__ import annotations

from typing import Final

TRANSFERS: Final[dict[str, frozenset[str]]] = {
    "pending": frozenset({"accepted", "refused", "withdrawn"}),
    "accepted": frozenset(), "refused": frozenset(), "withdrawn": frozenset(),
}
"""Every state and where it may go from there."""
