"""The states of a mention of an agent, and of a transfer, as data."""
from __future__ import annotations

from typing import Final

MENTIONS: Final[dict[str, frozenset[str]]] = {
    "received": frozenset({"making", "refused", "ignored", "answered"}),
    "making": frozenset({"answered", "refused", "failed"}),
    "refused": frozenset(), "ignored": frozenset(), "answered": frozenset(), "failed": frozenset(),
}
"""`received`: nobody has looked at it; `making`: its video is queued; `answered`: replied to with a video or in words;
`refused`: said no, `reason` says why; `ignored`: not for the agent, or nothing is said (a loop, an opt-out); `failed`: the video
could not be made."""
OPEN_MENTIONS: Final = ("received", "making")

TRANSFERS: Final[dict[str, frozenset[str]]] = {
    "pending": frozenset({"accepted", "refused", "withdrawn"}),
    "accepted": frozenset(), "refused": frozenset(), "withdrawn": frozenset(),
}
