"""Generated videos as their authors see them: ask, watch, cancel, reorder, publish."""
from __future__ import annotations

from .asking import MAX_PROMPT, OFF, get, mine, page, request
from .costs import Estimate, energy, estimate, eta, hindrance
from .drafts import Opening, delete_file, discard, draft_of, opening, publish
from .notify import changed
from .plan import Plan
from .queue import cancel, cancel_all, line, move, position, retry, stop
from .states import FINAL, STAGES, STATES, UNFINISHED
from .transitions import WORDS, change

__all__ = ["FINAL", "MAX_PROMPT", "OFF", "STAGES", "STATES", "UNFINISHED", "WORDS", "Estimate", "Opening", "Plan",
           "cancel", "cancel_all", "change", "changed", "delete_file", "discard", "draft_of", "energy", "estimate", "eta", "get",
           "hindrance", "line", "mine", "move", "opening", "page", "position", "publish", "request", "retry", "stop"]
