"""What every backend is: a request in, a file and facts about it out."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

Progress = Callable[[str, float], None]
"""(stage, 0 … 1 over all stages)"""


class Cancelled(BaseException):
    """The job was cancelled. A BaseException, so that no library's `except Exception` swallows it."""


@dataclass(frozen=True)
class Request:
    """One video to make. `output` is the path of the MP4; sizes in pixels, `seconds` at most what services/generate allows."""

    id: str
    prompt: str
    seed: int
    width: int
    height: int
    seconds: float
    fps: int
    output: str


class Backend(Protocol):
    """Renders one request at a time."""

    def render(self, request: Request, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Write the file; {"width", "height", "seconds", "fps", "parameters", "generator", "digital_source_type"}.

        Raises:
            Cancelled: `cancelled()` became true.
            Invalid: this backend cannot make that.
        """
