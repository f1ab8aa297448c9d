"""What every backend is: a request in, a file and facts about it out."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

Progress = Callable[[str, float], None]
"""(stage, 0 … 1 within that stage); the stages are `load`, `text`, `denoise`, `decode` and `encode`, in this order."""


class Cancelled(BaseException):
    """The job was cancelled. A BaseException, so that no library's `except Exception` swallows it."""


class OutOfMemory(Exception):
    """The device has too little memory for this request, as it was asked for."""


@dataclass(frozen=True)
class Request:
    """One video to make. `output` is the path of the MP4; sizes in pixels, `seconds` at most what services/generate allows.

    Attributes:
        frames: the effective number; 0: `seconds` times `fps`.
        task: `text`, `image` (`image` is the path of the first picture) or `video` (`video` is the path of the source).
        strength: how far a source is changed, 0 … 1.
        low_memory: the second try after the GPU ran out of memory: use every means that saves some.

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
    frames: int = 0
    task: str = "text"
    image: str | None = None
    video: str | None = None
    strength: float | None = None
    negative_prompt: str = ""
    steps: int | None = None
    guidance: float | None = None
    low_memory: bool = False
    watermark: int | None = None
    watermark_key: str = field(default="", repr=False)

    def marker(self, width: int, height: int) -> Callable[[Any], None]:
        """What every picture (an `av.VideoFrame` in yuv420p of that size) goes through just before it is encoded."""
        if self.watermark is None:
            return lambda frame: None
        from ...media.watermark import Marker

        return Marker(bytes.fromhex(self.watermark_key), self.watermark, width, height).frame


class Backend(Protocol):
    """Renders one request at a time.

    It may also have `prepare(progress, cancelled)`, which loads the model (stage `load`) and is called before the first request;
    `memory() -> int`, the bytes of device memory it holds; and `close()`, which lets them go.
    """

    def render(self, request: Request, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Write the file and say what it is.

        Args:
            progress: called whenever something has moved; a backend that says nothing for minutes is ended.
            cancelled: asked often, at least five times a second.

        Returns:
            {"width", "height": pixels, "seconds", "fps", "parameters": the EFFECTIVE ones, "generator": {"name", "model",
            "revision", "licence": URL or SPDX name, "backend": where it ran}, "digital_source_type": an IPTC term}; "audio": True
            when the file has a sound track. All of it JSON, and all of it is published.

        Raises:
            Cancelled: `cancelled()` became true.
            Invalid: this backend cannot make that; the text is shown to the person.
            OutOfMemory: it is asked once more, with `low_memory`.
        """
