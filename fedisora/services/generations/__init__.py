"""Generated videos as their authors see them: ask, watch, cancel, reorder, publish."""
from __future__ import annotations

from .asking import MAX_PROMPT, MAX_SECONDS, OFF, SIZES, get, mine, request
from .drafts import Opening, discard, opening, publish
from .plan import Plan
from .queue import cancel, position, retry
from .states import FINAL, STAGES, STATES, UNFINISHED

__all__ = ["FINAL", "MAX_PROMPT", "MAX_SECONDS", "OFF", "SIZES", "STAGES", "STATES", "UNFINISHED", "Opening", "Plan", "cancel",
           "discard", "get", "mine", "opening", "position", "publish", "request", "retry"]
