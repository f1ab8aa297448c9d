"""The states of a generation, as data: where each may go, and what people read."""
from __future__ import annotations

STATES: dict[str, frozenset[str]] = {
    "submitted": frozenset({"screening", "queued", "asked", "rejected", "held", "cancelled"}),
    "screening": frozenset({"submitted", "queued", "asked", "rejected", "held", "cancelled"}),
    "asked": frozenset({"draft", "rejected", "failed", "cancelled"}),
    "held": frozenset({"submitted", "queued", "asked", "rejected", "draft", "publishing", "cancelled", "discarded"}),
    "queued": frozenset({"running", "cancelled", "failed"}),
    "running": frozenset({"queued", "publishing", "draft", "held", "failed", "cancelled", "rejected"}),
    "draft": frozenset({"publishing", "done", "held", "discarded"}),
    "publishing": frozenset({"done", "draft", "held", "failed"}),
    "done": frozenset(),
    "failed": frozenset({"submitted", "queued", "discarded"}),
    "cancelled": frozenset({"submitted", "queued", "discarded"}),
    "rejected": frozenset({"held", "queued", "draft", "discarded"}),
    "discarded": frozenset(),
}
"""Every state and where it may go from there. `asked`: it shows a likeness, waits for its owner's consent and is made on the
owner's instance."""
STAGES = ("load", "text", "denoise", "decode", "encode", "check")
"""What a running one goes through, in this order."""
UNFINISHED = ("submitted", "screening", "asked", "held", "queued", "running")
"""Count towards the number that one account may have."""
FINAL = frozenset({"draft", "done", "failed", "cancelled", "rejected", "discarded"})
"""Nothing happens by itself any more."""
HIDDEN = ("done", "discarded")
"""Not listed among the videos in the making."""
