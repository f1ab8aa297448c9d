"""Generation jobs: a prompt on its way to being a draft, the queue they wait in, and who works through it."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Claimable

_WAITING = text("state IN ('queued', 'running')")
_PASSING = text("state IN ('submitted', 'screening', 'publishing')")


class Generation(Claimable, Base):
    """One video to be made. `state` and where it may go: services/generations/states.py."""

    __tablename__ = "generations"
    __table_args__ = (
        Index(None, "actor_id", "id"), Index(None, "batch_id"),
        Index(None, "payer_id", "created_at"),
        Index("ix_generations_next", "gpu_class", "state", "priority", "turn", "id", sqlite_where=_WAITING,
              postgresql_where=_WAITING),
        Index("ix_generations_passing", "run_at", sqlite_where=_PASSING, postgresql_where=_PASSING))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    payer_id: Mapped[int | None]
    """Actor on whose account it goes: the person, or the operator of an agent. Queue shares and daily budgets are theirs."""
    state: Mapped[str] = mapped_column(String(12), default="submitted")
    task: Mapped[str] = mapped_column(String(8), default="text")
    """What it starts from: `text`, `image` or `video`."""
    prompt: Mapped[str]
    seed: Mapped[str] = mapped_column(String(24))
    """Decimal: seeds go beyond what JSON numbers keep."""
    width: Mapped[int]
    height: Mapped[int]
    seconds: Mapped[float]
    frames: Mapped[int] = mapped_column(default=0)
    fps: Mapped[int] = mapped_column(default=24)
    backend: Mapped[str] = mapped_column(String(32))
    model: Mapped[str] = mapped_column(String(80), default="")
    """Name of the preset or of the operator's own model."""
    gpu_class: Mapped[str] = mapped_column(String(16), default="cpu")
    """Which workers can make it (generation/presets); it names the arq queue and the lane."""
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The rest of the effective parameters: {"negative_prompt", "steps", "guidance", "strength", "orientation", "remix_of",
    "adjusted": [sentences]}"""
    input_media_id: Mapped[int | None]
    """The picture or video that it starts from."""
    likeness_id: Mapped[int | None]
    """The sealed picture of a likeness or character that it starts from."""
    consent_request_id: Mapped[int | None] = mapped_column(index=True)
    """The request for a likeness that it is about: on the owner's instance what it is rendered for, on the other side what it
    waits for."""
    people: Mapped[str] = mapped_column(String(12), default="")
    """What its author says about people in the picture it starts from: `nobody`, `me`, `agreed` or "" (not said)."""
    batch_id: Mapped[int | None]
    """Variants that were asked for together have the id of the first."""
    priority: Mapped[int] = mapped_column(default=0)
    """Higher goes first."""
    turn: Mapped[float] = mapped_column(default=0.0)
    """Virtual start time of start-time fair queueing (Goyal et al., 1996), in expected GPU seconds: lower goes first."""
    expected_seconds: Mapped[float | None]
    """What it was expected to cost, in GPU seconds, when it was queued."""
    stage: Mapped[str] = mapped_column(String(24), default="")
    """While it runs: `load`, `text`, `denoise`, `decode`, `encode` or `check`."""
    progress: Mapped[float] = mapped_column(default=0.0)
    """0 … 1 over all stages."""
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    code: Mapped[str | None] = mapped_column(String(32))
    """Why it failed, was cancelled, rejected or is held, for programs; `error` says it to a person."""
    error: Mapped[str | None]
    """Safe text for the person."""
    result: Mapped[dict[str, Any] | None]
    """What the backend reports: effective parameters, generator, digital source type."""
    publish_as: Mapped[dict[str, Any] | None]
    """The post that it becomes by itself once it is done; NULL: it stays a draft."""
    webhook_url: Mapped[str | None]
    webhook_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed; signs what is sent to `webhook_url`."""
    gpu_seconds: Mapped[float | None]
    """Time the runner spent on it, all attempts together."""
    energy_wh: Mapped[float | None]
    """Estimate: GPU seconds times the worker's power."""
    timings: Mapped[dict[str, Any] | None]
    """Seconds by stage of the last attempt."""
    worker: Mapped[str | None] = mapped_column(String(64))
    media_id: Mapped[int | None] = mapped_column(ForeignKey("media.id", ondelete="SET NULL"))
    status_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id", ondelete="SET NULL"))
    prompt_nonce: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[dt.datetime]
    queued_at: Mapped[dt.datetime | None]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]


class GenerationWorker(Base):
    """A process that renders. It writes `seen_at` while it lives; who has not for a minute is gone."""

    __tablename__ = "generation_workers"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(80), default="")
    device: Mapped[str] = mapped_column(default="")
    """"NVIDIA RTX 4090 (cuda:0)", "cpu", …"""
    memory_mb: Mapped[int | None]
    watts: Mapped[float | None]
    """Power under load, for the energy estimate; NULL: unknown."""
    models: Mapped[list[str]] = mapped_column(default=list)
    gpu_classes: Mapped[list[str]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(String(8), default="idle")
    """`idle`, `busy` or `draining` (it takes nothing new)."""
    draining: Mapped[bool] = mapped_column(default=False)
    """Asked to take nothing new."""
    generation_id: Mapped[int | None]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime]


class GenerationLane(Base):
    """What belongs to one GPU class: whether it is paused, and its virtual time."""

    __tablename__ = "generation_lanes"

    gpu_class: Mapped[str] = mapped_column(String(16), primary_key=True)
    paused_at: Mapped[dt.datetime | None]
    paused_by: Mapped[int | None]
    reason: Mapped[str] = mapped_column(default="")
    """Shown to who waits."""
    turn: Mapped[float] = mapped_column(default=0.0)
    """Virtual time: `turn` of what was taken last."""


class GenerationTiming(Base):
    """How long one kind of job took so far: the history behind costs and waiting times."""

    __tablename__ = "generation_timings"

    model: Mapped[str] = mapped_column(String(80), primary_key=True)
    bucket: Mapped[str] = mapped_column(String(48), primary_key=True)
    """`TASK-WIDTHxHEIGHT-FRAMES-STEPS`"""
    count: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    """Exponentially weighted mean of GPU seconds."""
    stages: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Mean share of each stage."""
    updated_at: Mapped[dt.datetime]


class ModelLicence(Base):
    """An operator accepted a model's licence; without it the model is not used."""

    __tablename__ = "model_licences"

    model: Mapped[str] = mapped_column(String(80), primary_key=True)
    licence: Mapped[str]
    licence_url: Mapped[str]
    accepted_by: Mapped[str]
    accepted_at: Mapped[dt.datetime]


class Screening(Base):
    """What a safety gate decided against a generation, and what became of it.

    `decision`: `deny` or `hold`. `state`: `open` (waits for a moderator: a hold, or a denial that was appealed) → `allowed` |
    `denied`; a denial nobody appealed is `denied` from the start.
    """

    __tablename__ = "screenings"
    __table_args__ = (Index(None, "state", "id"), Index(None, "generation_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id", ondelete="CASCADE"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    gate: Mapped[str] = mapped_column(String(40))
    stage: Mapped[str] = mapped_column(String(12))
    """`prompt`, `inputs`, `likeness`, `frames` or `publish`."""
    decision: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str]
    """Public."""
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """For moderators only."""
    state: Mapped[str] = mapped_column(String(8))
    appeal: Mapped[str] = mapped_column(default="")
    appealed_at: Mapped[dt.datetime | None]
    note: Mapped[str] = mapped_column(default="")
    """What the moderator answers, shown to the person."""
    decided_by: Mapped[int | None]
    decided_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]


class DeniedHash(Base):
    """A picture that nobody may make or use here (PDQ, Meta 2019): 256 bits, compared by Hamming distance."""

    __tablename__ = "denied_hashes"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """32 bytes."""
    reason: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(String(80), default="")
    """The list it came from."""
    created_at: Mapped[dt.datetime]
