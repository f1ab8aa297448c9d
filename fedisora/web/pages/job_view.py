"""A video in the making as pages show it: where it stands in words, what exactly is made, what it cost."""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...generation import presets
from ...models import Actor, Generation, Media
from ...services import generations as generate
from ...services import screenings
from ...services.cameos.publishing import handle_of
from ...services.generations import FINAL, Plan
from ...store import actors, consents
from ...uris import Uris
from . import views

STEPS = {"load": "Load", "text": "Read", "denoise": "Draw", "decode": "Develop", "encode": "Encode", "check": "Check"}
"""Stage → its name in the row of steps."""
STAGE_WORDS = {"load": "Loading the model", "text": "Reading your words", "denoise": "Drawing", "decode": "Developing",
               "encode": "Encoding", "check": "Checking"}
STATE_WORDS = {
    "submitted": "Checking your request", "screening": "Checking your request", "held": "A moderator looks at it",
    "queued": "Waiting", "asked": "Asked. It is made once they agree.", "running": "Starting",
    "publishing": "Publishing", "draft": "Ready. Only you see it.",
    "done": "Published", "failed": "It did not work", "cancelled": "Cancelled", "rejected": "Not allowed here",
    "discarded": "Deleted"}
ASKED = {"agreed": "They agreed. It is made on their server, and they see it first.",
         "offered": "They let it go. It is on its way here."}
"""State of the request → words, while a video with a likeness is not here yet."""
UNDER_WAY = ("submitted", "screening", "queued", "running", "publishing")
"""It goes on by itself, soon."""
STOPPABLE = ("submitted", "screening", "asked", "held", "queued", "running")
LONG = 80
"""Characters of a negative prompt that are shown before; all of it is shown afterwards."""
PROCEDURAL = "The same words, seed, size and length give the same video with the same version of this program."
AGAIN = ("failed", "cancelled")
"""States in which "Try again" is offered."""


@dataclass(frozen=True)
class Gate:
    """What a safety gate said, for the author: its public reason, whether they may appeal, what a moderator answered. `state`:
    `open`, `allowed` or `denied`."""

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
        cost: what it cost so far.
        ahead: how many are before a waiting one.
        brief: size, length and model.
        eta: seconds until it is done, None when nobody can say.
        hindrance: why what waits does not get on (a pause, no worker); "" when it does.
        facts: (name, value) of the effective parameters and what it cost.
        adjusted: sentences about what differs from what was asked for.
        shows: handle of whoever is asked for their likeness or character; "" when nobody is.
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
    cost: str
    brief: str = ""
    eta: float | None = None
    hindrance: str = ""
    gate: Gate | None = None
    facts: Sequence[tuple[str, str]] = ()
    adjusted: Sequence[str] = ()
    reproducible: str = ""
    page: str = ""
    shows: str = ""

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


def number(value: float) -> str:
    """At most two decimals, none that say nothing."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 10 else f"{value:.0f}"


def unit(gpu_class: str) -> str:
    """What a lane counts."""
    return "processor seconds" if gpu_class == "cpu" else "GPU seconds"


def title(row: Generation) -> str:
    """The model's name for people."""
    preset = presets.find(row.model)
    return preset.title if preset is not None else row.model or row.backend


def facts(row: Generation) -> list[tuple[str, str]]:
    """The effective parameters, and what the video cost so far."""
    result: Mapping[str, Any] = row.result or {}
    generator: Mapping[str, Any] = result.get("generator") or {}
    options = row.options or {}
    model = " ".join(str(generator[key]) for key in ("name", "model") if generator.get(key)) or title(row)
    revision = str(generator.get("revision") or "")
    size = f"{result.get('width', row.width)} × {result.get('height', row.height)}"
    rows = [("Model", f"{model} ({revision[:12]})" if revision else model), ("Seed", row.seed), ("Size", size)]
    frames = row.frames or round(row.seconds * row.fps)
    rows.append(("Length", f"{number(row.seconds)} s, {frames} pictures, {row.fps} a second"))
    for key, name in (("steps", "Steps"), ("guidance", "Guidance"), ("strength", "Strength"), ("negative_prompt", "Not in it")):
        if options.get(key) not in (None, ""):
            value = options[key]
            rows.append((name, number(value) if isinstance(value, float) else str(value)))
    made: Mapping[str, Any] = result.get("parameters") or {}
    rows += [(name, str(made[key])) for key, name in (("hardware", "Machine"), ("software", "Software")) if made.get(key)]
    if row.gpu_seconds is not None:
        rows.append(("Cost", cost(row)))
    return rows


def reproducible(row: Generation) -> str:
    """Whether the same request gives the same video again, as the backend says; "" while nothing is made."""
    said = str(((row.result or {}).get("parameters") or {}).get("reproducible") or "")
    return said or (PROCEDURAL if row.result and row.backend == "procedural" else "")


def cost(row: Generation) -> str:
    """What it cost so far; "" while nobody knows."""
    if row.gpu_seconds is None:
        return ""
    energy = f", about {number(row.energy_wh)} Wh" if row.energy_wh else ""
    return f"{number(row.gpu_seconds)} {unit(row.gpu_class)}{energy}"


def plan_facts(plan: Plan) -> list[tuple[str, str]]:
    """The effective parameters before anything is made."""
    rows = [("Model", plan.model), ("Size", f"{plan.width} × {plan.height}"),
            ("Length", f"{number(plan.seconds)} s, {plan.frames} pictures, {plan.fps} a second"),
            ("Seed", str(plan.seed) if plan.variants == 1 else f"{plan.seed} to {plan.seed + plan.variants - 1}")]
    without = plan.negative_prompt if len(plan.negative_prompt) <= LONG else f"{plan.negative_prompt[:LONG]}…"
    for name, value in (("Steps", plan.steps), ("Guidance", plan.guidance), ("Strength", plan.strength), ("Not in it", without)):
        if value not in (None, ""):
            rows.append((name, number(value) if isinstance(value, float) else str(value)))
    return rows


def _gate(session: Session, row: Generation) -> Gate | None:
    found = screenings.last(session, row.id) if row.state in ("held", "rejected", "draft", "queued", "submitted") else None
    if found is None:
        return None
    return Gate(found.reason, found.state, found.appeal, found.note, screenings.appealable(found, row))


def view(session: Session, row: Generation, actor: Actor, uris: Uris, now: dt.datetime) -> JobView:
    """A generation as pages show it."""
    return views_of(session, [row], actor, uris, now)[0]


def _words(session: Session, row: Generation) -> str:
    """The state; of what waits for somebody's consent how far that is."""
    request = consents.get(session, row.consent_request_id) if row.state == "asked" and row.consent_request_id else None
    return ASKED.get(request.state, STATE_WORDS["asked"]) if request is not None else STATE_WORDS[row.state]


def _shows(session: Session, row: Generation, uris: Uris) -> str:
    request = consents.get(session, row.consent_request_id) if row.consent_request_id is not None else None
    return handle_of(actors.get(session, request.owner_id), uris.host) if request is not None else ""


def views_of(session: Session, rows: Sequence[Generation], actor: Actor, uris: Uris, now: dt.datetime) -> list[JobView]:
    """Generations of one account, in order."""
    shown = views.account(actor, uris)
    found = []
    for row in rows:
        # What is held is shown to nobody but moderators.
        media = session.get(Media, row.media_id) if row.media_id is not None and row.state != "held" else None
        waiting = row.state == "queued"
        found.append(JobView(
            id=row.id, prompt=row.prompt, state=row.state, stage=row.stage if row.state == "running" else "",
            words=STAGE_WORDS.get(row.stage, STATE_WORDS["running"]) if row.state == "running" else _words(session, row),
            percent=round(row.progress * 100), ahead=generate.position(session, row) if waiting else 0, error=row.error or "",
            media=views.media_view(media, actor, shown) if media is not None else None, batch_id=row.batch_id,
            created=row.created_at, cost=cost(row),
            brief=f"{row.width} × {row.height}, {number(row.seconds)} s, {title(row)}",
            eta=generate.eta(session, row, now),
            hindrance=generate.hindrance(session, row.model, row.gpu_class, now) if waiting else "",
            gate=_gate(session, row), facts=facts(row),
            adjusted=tuple((row.options or {}).get("adjusted") or ()), reproducible=reproducible(row),
            page=f"/@{actor.username}/{row.status_id}" if row.state == "done" and row.status_id else "",
            shows=_shows(session, row, uris)))
    return found


def batch(session: Session, row: Generation) -> Sequence[Generation]:
    """The variants that were asked for together, in order of their seeds; only itself when there are none."""
    if row.batch_id is None:
        return [row]
    return session.scalars(select(Generation).where(
        Generation.batch_id == row.batch_id, Generation.actor_id == row.actor_id, Generation.state != "discarded")
        .order_by(Generation.id)).all()
