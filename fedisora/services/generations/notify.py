"""Telling who waits that a generation has changed its state. Whoever writes a state calls this in the same transaction."""
from __future__ import annotations

from ...db import UnitOfWork
from ...models import Generation
from ...store import jobs

SETTLED = frozenset({"done", "failed", "cancelled", "rejected", "held", "discarded"})
"""States of which somebody hears who asked an agent for a video; also `draft`, when it was not published for a reason."""
ENDS = ("draft", "failed", "rejected", "cancelled")
"""States at which whoever agreed to a cameo, and whoever asked for it, hear how it went."""


def changed(uow: UnitOfWork, row: Generation) -> None:
    """Ring those who look at it, and write the job that tells its application. `row.state` is the new state."""
    uow.ring(f"generation:{row.id}")
    if row.likeness_id is not None and row.consent_request_id is not None and row.state in ENDS:
        jobs.enqueue(uow, "render_cameo", {"request_id": row.consent_request_id}, key=f"{row.consent_request_id}:{row.state}")
    uow.ring(f"generations:{row.actor_id}")
    if row.webhook_url:
        jobs.enqueue(uow, "generation_webhook", {"generation_id": row.id, "state": row.state, "event": str(uow.new_id()),
                                                 "at": uow.now.isoformat(timespec="milliseconds")})
    asked = (row.options or {}).get("mention")
    if asked and (row.state in SETTLED or (row.state == "draft" and row.code)):
        jobs.enqueue(uow, "agent_reply", {"mention_id": int(asked)}, key=f"{asked}:{row.state}")
