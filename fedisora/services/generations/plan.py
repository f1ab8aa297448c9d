"""What exactly will be made: the effective parameters of a request, worked out before anything is queued."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """The EFFECTIVE parameters: sizes snapped to what the model can make, frames to its rule, a seed chosen.

    `adjusted` says in sentences what differs from what was asked for. Made by `generation.intake.plan`.
    """

    prompt: str
    backend: str
    model: str
    gpu_class: str
    seed: int
    width: int
    height: int
    frames: int
    fps: int
    seconds: float
    task: str = "text"
    orientation: str = "portrait"
    negative_prompt: str = ""
    steps: int | None = None
    guidance: float | None = None
    strength: float | None = None
    input_media_id: int | None = None
    remix_of_id: int | None = None
    variants: int = 1
    people: str = ""
    adjusted: tuple[str, ...] = field(default=())

    @property
    def bucket(self) -> str:
        """The kind of job by which its length is remembered."""
        return f"{self.task}-{self.width}x{self.height}-{self.frames}-{self.steps or 0}"

    def options(self) -> dict[str, Any]:
        """What `Generation.options` keeps."""
        values = {"orientation": self.orientation, "negative_prompt": self.negative_prompt, "steps": self.steps,
                  "guidance": self.guidance, "strength": self.strength, "adjusted": list(self.adjusted),
                  "remix_of": str(self.remix_of_id) if self.remix_of_id is not None else None}
        return {name: value for name, value in values.items() if value not in (None, "", [])}
