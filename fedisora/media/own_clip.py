"""A clip of oneself that is to be enrolled as a likeness: encoded again without its sound and what else was written in it, with a
still picture and the codes it is known by. Reads and writes what the caller names: files in memory, for likenesses."""
from __future__ import annotations

import contextlib
from typing import Any, Final

import av
from PIL import Image

from ..errors import Invalid
from . import source
from .images import QUALITY
from .live_clip import MIMES
from .picture_codes import codes_of
from .poster import interest
from .progress import Progress
from .transcode import DAMAGED, transcode

SHORTEST: Final = 1.0
SHORT: Final = 720
"""Pixels of the shorter side at most."""
SMALLEST: Final = 256
MIDDLE: Final = (0.35, 0.65)
"""Share of the clip in which the still is looked for: people sit still neither at its beginning nor at its end."""
LOOKED_AT: Final = 24
CODES: Final = 5
"""Frames whose codes are kept, all over the clip."""


def enrol(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Encode a clip again, and take a sharp frame near its middle.

    Args:
        request: {"path": MP4 or WebM, "output": where the MP4 is written, "still": where the JPEG is written, "longest": seconds
            that are taken}.

    Returns:
        {"seconds", "width", "height", "codes": [hex] of frames, "still": {"codes": [hex], also of croppings}}; both pictures
        are of one size

    Raises:
        Invalid: not an MP4 or WebM video, damaged, encrypted, too long, too short or too small.
    """
    if source.kind_of(request["path"]).mime not in MIMES:
        raise Invalid("A clip is an MP4 or WebM video.")
    made = transcode({"path": request["path"], "output": request["output"], "longest": request["longest"], "short": SHORT,
                      "silent": True}, lambda share: progress(share * 0.8))
    if made["duration"] < SHORTEST:
        raise Invalid(f"This clip is too short: it needs {SHORTEST:g} second at least.")
    if min(made["width"], made["height"]) < SMALLEST:
        raise Invalid(f"This clip is too small: both sides need {SMALLEST} pixels.")
    still, codes = _pictures(str(request["output"]), int(made["frames"]))
    still.save(str(request["still"]), "JPEG", quality=QUALITY, progressive=True, optimize=True)
    return {"seconds": made["duration"], "width": made["width"], "height": made["height"], "codes": codes,
            "still": {"codes": codes_of(still, cuts=True)[0]}}


def _pictures(path: str, frames: int) -> tuple[Image.Image, list[str]]:
    """The sharpest of the frames in the middle, and the codes of some; of a clip that was encoded here."""
    first, last = (int(frames * share) for share in MIDDLE)
    looked_at = set(range(first, last + 1, max(1, (last - first) // LOOKED_AT)))
    coded = {int(frames * (number + 0.5) / CODES) for number in range(CODES)}
    best: Any = None
    frame: Any
    most = -1.0
    codes: list[str] = []
    try:
        with contextlib.closing(av.open(path, format="mp4")) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in coded:
                    codes += codes_of(frame.to_image(), cuts=False)[0]
                found = interest(frame) if number in looked_at else -1.0
                if found > most:
                    best, most = frame, found
    except av.error.FFmpegError as error:
        raise Invalid(DAMAGED, cause=error) from error
    if best is None:
        raise Invalid(DAMAGED, cause="no frame in the middle")
    return best.to_image(), list(dict.fromkeys(codes))
