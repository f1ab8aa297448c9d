"""The shapes of what the API says about screenings (see `schemas`)."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...generation.safety import STAGES
from ...services.generations import STATES
from ...store.screenings import STATES as DECIDED
from .operations import Schema, ref
from .shapes import ID, MOMENT, TEXT, maybe, thing

_SCREENING: Final[Mapping[str, Schema]] = {
    "id": ID, "generation_id": ID, "gate": TEXT, "stage": {"type": "string", "enum": list(STAGES)},
    "decision": {"type": "string", "enum": ["deny", "hold"]}, "code": TEXT, "reason": TEXT, "appeal": TEXT,
    "state": {"type": "string", "enum": list(DECIDED), "description": "`open`: waits for a moderator."},
    "note": {"type": "string", "description": "What the moderator says."}, "created_at": MOMENT, "appealed_at": maybe(MOMENT),
    "decided_at": maybe(MOMENT)}
SCREENINGS: Final[dict[str, Schema]] = {
    "Screening": thing("What a safety gate decided against a video, and what became of it.", _SCREENING),
    "AdminScreening": thing(
        "The same as moderators see it.",
        {**_SCREENING, "evidence": {"type": "object"}, "account": {"type": "object"}, "prompt": TEXT, "negative_prompt": TEXT,
         "model": TEXT, "generation_state": {"type": "string", "enum": list(STATES)}, "media": maybe(ref("MediaAttachment"))}),
}
