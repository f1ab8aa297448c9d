"""A video in the making as pages show it: where it stands in words, what exactly is made, what it cost."""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...models import Actor, Generation, GenerationLane, Media, Screening
from ...services import generations as generate
from ...services.generations import FINAL
from ...uris import Uris
from . import views

STEPS = {"load": "Load", "text": "Read", "denoise": "Draw", "decode": "Develop", "encode": "Encode", "check": "Check"}
"""Stage → its name in the row of steps."""
STAGE_WORDS = {"load": "Loading the model", "text": "Reading your words", "denoise": "Drawing", "decode": "Developing",
               "encode": "Encoding", "check": "Checking"}
STATE_WORDS = {
    "submitted": "Checking your request", "screening": "Checking your request", "held": "A moderator looks at it",
    "queued": "Waiting", "running": "Starting", "publishing": "Publishing", "draft": "Ready. Only you see it.",
    "done": "Published", "failed": "It did not work", "cancelled": "Cancelled", "rejected": "Not allowed here",
    "discarded": "Deleted"}
UNDER_WAY = ("submitted", "screening", "queued", "running", "publishing")
"""It goes on by itself, soon."""
STOPPABLE = ("submitted", "screening", "held", "queued", "running")
AGAIN = ("failed", "cancelled")
"""States in which "Try again" is offered."""


@dataclass(frozen=True)
class Gate:
    """What a safety gate said, for the author: its public reason, whether they may appeal, what a moderator answered."""

    reason: str
    state: str
    appeal: str
    note: str
    appealable: bool


@dataclass(frozen=True)
class JobView:
    """A generation.

    Attributes:
        words: the state in a few words.
        percent: 0 … 100.
        ahead: how many are before a waiting one.
        paused: why its lane is paused; "" when it is not.
        facts: (name, value) of the effective parameters and what it cost.
        adjusted: sentences about what differs from what was asked for.
    """

    id: int
    prompt: str
    state: str
    stage: str
    words: str
    percent: int
    ahead: int
    error: str
    media: views.MediaView | None
    batch_id: int | None
    created: dt.datetime
    gpu_seconds: float | None
    energy_wh: float | None
    paused: str = ""
    gate: Gate | None = None
    facts: Sequence[tuple[str, str]] = ()
    adjusted: Sequence[str] = ()
    reproducible: str = ""
    page: str = ""

    @property
    def final(self) -> bool:
        return self.state in FINAL

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def stoppable(self) -> bool:
        return self.state in STOPPABLE

    @property
    def again(self) -> bool:
        return self.state in AGAIN


def duration(seconds: float) -> str:
    """A span for people: "8 s", "about 3 min", "about 2 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {round(seconds / 3600)} h"


def number(value: float) -> str:
    """At most two decimals, none that say nothing."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 10 else f"{value:.0f}"


def facts(row: Generation) -> list[tuple[str, str]]:
    """The effective parameters, and what the video cost so far."""
    result: Mapping[str, Any] = row.result or {}
    generator: Mapping[str, Any] = result.get("generator") or {}
    options = row.options or {}
    model = " ".join(str(generator[key]) for key in ("name", "model") if generator.get(key)) or row.model or row.backend
    revision = str(generator.get("revision") or "")
    size = f"{result.get('width', row.width)} × {result.get('height', row.height)}"
    rows = [("Model", f"{model} ({revision[:12]})" if revision else model), ("Seed", row.seed), ("Size", size)]
    frames = row.frames or round(row.seconds * row.fps)
    rows.append(("Length", f"{number(row.seconds)} s, {frames} pictures, {row.fps} a second"))
    for key, name in (("steps", "Steps"), ("guidance", "Guidance"), ("strength", "Strength"), ("negative_prompt", "Not in it")):
        if options.get(key) not in (None, ""):
            value = options[key]
            rows.append((name, number(value) if isinstance(value, float) else str(value)))
    if row.gpu_seconds is not None:
        energy = f", about {number(row.energy_wh)} Wh" if row.energy_wh else ""
        rows.append(("Cost", f"{number(row.gpu_seconds)} GPU seconds{energy}"))
    return rows


def _gate(session: Session, row: Generation) -> Gate | None:
    if row.state not in ("held", "rejected"):
        return None
    found = session.scalar(select(Screening).where(Screening.generation_id == row.id).order_by(Screening.id.desc()).limit(1))
    if found is None:
        return None
    return Gate(found.reason, found.state, found.appeal, found.note,
                appealable=found.state == "denied" and not found.appeal and found.decided_at is None)


def paused_lanes(session: Session) -> dict[str, str]:
    """GPU class → why it is paused."""
    rows = session.scalars(select(GenerationLane).where(GenerationLane.paused_at.is_not(None)))
    return {row.gpu_class: row.reason or "An administrator paused it." for row in rows}


def view(session: Session, row: Generation, actor: Actor, uris: Uris) -> JobView:
    """A generation as pages show it."""
    return views_of(session, [row], actor, uris)[0]


def views_of(session: Session, rows: Sequence[Generation], actor: Actor, uris: Uris) -> list[JobView]:
    """Generations of one account, in order."""
    shown, lanes = views.account(actor, uris), paused_lanes(session)
    found = []
    for row in rows:
        media = session.get(Media, row.media_id) if row.media_id is not None else None
        result, options = row.result or {}, row.options or {}
        waiting = row.state == "queued"
        found.append(JobView(
            id=row.id, prompt=row.prompt, state=row.state, stage=row.stage if row.state == "running" else "",
            words=STAGE_WORDS.get(row.stage, STATE_WORDS["running"]) if row.state == "running" else STATE_WORDS[row.state],
            percent=round(row.progress * 100), ahead=generate.position(session, row) if waiting else 0, error=row.error or "",
            media=views.media_view(media, actor, shown) if media is not None else None, batch_id=row.batch_id,
            created=row.created_at, gpu_seconds=row.gpu_seconds, energy_wh=row.energy_wh,
            paused=lanes.get(row.gpu_class, "") if waiting else "", gate=_gate(session, row), facts=facts(row),
            adjusted=tuple(options.get("adjusted") or ()), reproducible=str(result.get("reproducibility") or ""),
            page=f"/@{actor.username}/{row.status_id}" if row.state == "done" and row.status_id else ""))
    return found


def batch(session: Session, row: Generation) -> Sequence[Generation]:
    """The variants that were asked for together, in order of their seeds; only itself when there are none."""
    if row.batch_id is None:
        return [row]
    return session.scalars(select(Generation).where(
        Generation.batch_id == row.batch_id, Generation.actor_id == row.actor_id, Generation.state != "discarded")
        .order_by(Generation.id)).all()
