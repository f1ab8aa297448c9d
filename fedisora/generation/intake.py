"""From what a person asks for to what exactly will be made. The edges (web, command line) call this before anything is queued."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wanted:
    """A request as it came, not yet checked.

    Attributes:
        model: name; "" = the instance's default.
        size: `WIDTHxHEIGHT`; "" = the model's own for the orientation.
        strength: how far a source video is changed, 0 … 1.
        input_media_id: a picture (task `image`) or video (task `video`) of this account, or a post's that may be remixed.
        publish: members of `services.publish.Draft` when it is to become a post by itself.
    """

    prompt: str
    negative_prompt: str = ""
    model: str = ""
    task: str = ""
    orientation: str = "portrait"
    size: str = ""
    seconds: float = 5.0
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    strength: float | None = None
    input_media_id: int | None = None
    remix_of_id: int | None = None
    variants: int = 1
    publish: dict[str, Any] | None = None
    webhook_url: str = ""
