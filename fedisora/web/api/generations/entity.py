"""A generation, a plan and a model as JSON."""
from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ....models import Generation, Media, Screening
from ....serializers.mastodon.account import when
from ....serializers.mastodon.status import media_attachment
from ....services import generations
from ....services.generations import Estimate, Plan

if TYPE_CHECKING:
    from ....app import House

SCREENED = ("held", "rejected")


def screening(session: Session, row: Generation) -> dict[str, Any] | None:
    """What a gate decided against it, while that counts; None otherwise."""
    if row.state not in SCREENED:
        return None
    found = session.scalar(select(Screening).where(Screening.generation_id == row.id).order_by(Screening.id.desc()).limit(1))
    if found is None:
        return None
    return {"id": str(found.id), "stage": found.stage, "decision": found.decision, "code": found.code, "reason": found.reason,
            "can_appeal": found.decision == "deny" and found.state == "denied" and found.appealed_at is None, "note": found.note}


def cost(session: Session, row: Generation, house: House) -> dict[str, Any]:
    """What it is expected to cost, and what it did cost."""
    expected = row.expected_seconds
    planned = generations.energy(session, house.settings, row.model, expected, house.db.clock()) if expected else None
    return {"gpu_class": row.gpu_class, "expected_seconds": expected, "expected_energy_wh": planned,
            "gpu_seconds": row.gpu_seconds, "energy_wh": row.energy_wh}


def entity(session: Session, row: Generation, house: House) -> dict[str, Any]:
    """One generation; `progress` 0 … 1, `position` = how many are ahead of a queued one, `waiting` = why it does not get on."""
    media = session.get(Media, row.media_id) if row.media_id is not None else None
    options, now, queued = row.options or {}, house.db.clock(), row.state == "queued"
    return {
        "id": str(row.id), "state": row.state, "stage": row.stage, "progress": row.progress, "prompt": row.prompt,
        "negative_prompt": options.get("negative_prompt") or "", "model": row.model, "backend": row.backend, "task": row.task,
        "seed": row.seed, "width": row.width, "height": row.height, "seconds": row.seconds, "frames": row.frames,
        "fps": row.fps, "steps": options.get("steps"), "guidance": options.get("guidance"), "strength": options.get("strength"),
        "adjusted": list(options.get("adjusted") or []),
        "input_media_id": str(row.input_media_id) if row.input_media_id is not None else None,
        "input_people": row.people or None, "remix_of_id": options.get("remix_of"),
        "position": generations.position(session, row) if queued else 0, "eta_seconds": generations.eta(session, row, now),
        "waiting": (generations.hindrance(session, row.model, row.gpu_class, now) or None) if queued else None,
        "priority": row.priority, "expected_seconds": row.expected_seconds, "gpu_seconds": row.gpu_seconds,
        "energy_wh": row.energy_wh, "cost": cost(session, row, house), "code": row.code, "error": row.error,
        "cancel_requested": row.cancel_requested, "screening": screening(session, row),
        "batch_id": str(row.batch_id) if row.batch_id is not None else None,
        # What is held is shown to nobody but moderators.
        "media": media_attachment(media, house.uris) if media is not None and row.state != "held" else None,
        "status_id": str(row.status_id) if row.status_id is not None else None, "publish": row.publish_as is not None,
        "created_at": when(row.created_at), "queued_at": when(row.queued_at), "started_at": when(row.started_at),
        "finished_at": when(row.finished_at)}


def previewed(plan: Plan, estimate: Estimate) -> dict[str, Any]:
    """What exactly would be made, and what it would cost."""
    return {
        "prompt": plan.prompt, "negative_prompt": plan.negative_prompt, "model": plan.model, "backend": plan.backend,
        "task": plan.task, "seed": str(plan.seed), "width": plan.width, "height": plan.height, "seconds": plan.seconds,
        "frames": plan.frames, "fps": plan.fps, "steps": plan.steps, "guidance": plan.guidance, "strength": plan.strength,
        "input_media_id": str(plan.input_media_id) if plan.input_media_id is not None else None,
        "input_people": plan.people or None, "remix_of_id": str(plan.remix_of_id) if plan.remix_of_id is not None else None,
        "variants": plan.variants, "adjusted": list(plan.adjusted),
        "cost": {"gpu_class": estimate.gpu_class, "expected_seconds": estimate.seconds,
                 "expected_energy_wh": estimate.energy_wh},
        "waiting_seconds": estimate.waiting_seconds, "waiting": estimate.reason or None}


def fields(value: Any, *names: str) -> dict[str, Any]:
    """Some fields of a dataclass, tuples as lists."""
    found = dataclasses.asdict(value)
    return {name: list(found[name]) if isinstance(found[name], tuple) else found[name] for name in names}
