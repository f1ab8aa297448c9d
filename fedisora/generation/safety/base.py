"""What a safety gate is: it sees a subject at one stage and allows, denies or holds it.

Gates come from the entry-point group `fedisora.safety`; each entry is a callable `(Surroundings) -> Gate`. A whole video is
refused or held, never bent and never blanked.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from ...db import Database
    from ...settings import Settings

Stage = Literal["prompt", "inputs", "likeness", "frames", "publish"]
STAGES: tuple[Stage, ...] = ("prompt", "inputs", "likeness", "frames", "publish")


@dataclass(frozen=True)
class Subject:
    """What a gate may look at. Before there is a row (`generation_id` None) only the request's own values are there.

    Attributes:
        inputs: local files of the picture or video that it starts from (stage `inputs` and later).
        output: local file of the finished video (stages `frames` and `publish`).
        text: what is published with it (stage `publish`): description and text of the post.
        likenesses: URIs of people whose likeness it asks for.
    """

    actor_id: int
    actor_kind: str
    prompt: str
    generation_id: int | None = None
    negative_prompt: str = ""
    task: str = "text"
    model: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    fps: int = 0
    inputs: tuple[Path, ...] = ()
    output: Path | None = None
    text: str = ""
    likenesses: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a gate says. `code` for programs, `reason` for everybody, `evidence` (JSON) for moderators only."""

    decision: Literal["allow", "deny", "hold"]
    code: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    gate: str = ""


ALLOW = Verdict("allow")


@dataclass(frozen=True)
class Surroundings:
    """What a gate may use: the instance's settings and database."""

    settings: Settings
    db: Database


class Gate(Protocol):
    """One gate.

    Attributes:
        name: unique, at most 40 characters.
        stages: when it is asked.
        when_broken: `open` lets pass what it cannot judge (it is logged), `closed` holds it for a moderator.
    """

    name: str
    stages: frozenset[Stage]
    when_broken: Literal["open", "closed"]

    async def check(self, stage: Stage, subject: Subject) -> Verdict:
        """Judge a subject. Heavy work belongs in a child process or a thread."""
