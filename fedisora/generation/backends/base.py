"""What every backend is: a request in, a file and facts about it out."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

Progress = Callable[[str, float], None]
"""(stage, 0 … 1 over all stages)"""


class Cancelled(BaseException):
    """The job was cancelled. A BaseException, so that no library's `except Exception` swallows it."""


@dataclass(frozen=True)
class Request:
    """One video to make. `output` is the path of the MP4; sizes in pixels, `seconds` at most what services/generate allows.

    `watermark` is the id to be put into the pictures with `watermark_key` (hex); None: none.
    """

    id: str
    prompt: str
    seed: int
    width: int
    height: int
    seconds: float
    fps: int
    output: str
    watermark: int | None = None
    watermark_key: str = field(default="", repr=False)

    def marker(self, width: int, height: int) -> Callable[[Any], None]:
        """What every picture (an `av.VideoFrame` in yuv420p of that size) goes through just before it is encoded."""
        if self.watermark is None:
            return lambda frame: None
        from ...media.watermark import Marker

        return Marker(bytes.fromhex(self.watermark_key), self.watermark, width, height).frame


class Backend(Protocol):
    """Renders one request at a time."""

    def render(self, request: Request, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Write the file; {"width", "height", "seconds", "fps", "parameters", "generator", "digital_source_type"}.

        Raises:
            Cancelled: `cancelled()` became true.
            Invalid: this backend cannot make that.
        """
