"""What safety gates decided, and what people and moderators do about it."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..db import UnitOfWork
from ..models import Generation, Screening


def note(uow: UnitOfWork, row: Generation, *, gate: str, stage: str, decision: str, code: str, reason: str,
         evidence: Mapping[str, Any]) -> Screening:
    """Write a denial or a hold: the row of the gate's decision, and the generation's state `rejected` or `held`."""
    screening = Screening(id=uow.new_id(), generation_id=row.id, actor_id=row.actor_id, gate=gate, stage=stage, decision=decision,
                          code=code, reason=reason, evidence=dict(evidence), state="open" if decision == "hold" else "denied",
                          created_at=uow.now)
    uow.session.add(screening)
    row.state, row.code, row.error = "held" if decision == "hold" else "rejected", code, reason
    uow.session.flush()
    uow.ring(f"generation:{row.id}")
    return screening
