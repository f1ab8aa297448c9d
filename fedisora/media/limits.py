"""What we accept and what a child process may use. Documented in docs/operate; changing one is a decision."""
from __future__ import annotations

import resource
from dataclasses import dataclass, replace
from typing import Final

MAX_VIDEO_SIDE: Final = 3840
MAX_VIDEO_PIXELS: Final = 3840 * 2160
MAX_DURATION: Final = 180.0
"""Seconds, where no request says otherwise (FEDISORA_MAX_VIDEO_SECONDS)."""
MAX_FPS: Final = 120
MAX_STREAMS: Final = 24
MAX_IMAGE_PIXELS: Final = 64_000_000
MAX_IMAGE_SIDE: Final = 16_384

FASTSTART: Final = {"movflags": "+faststart"}
"""Options of the MP4 muxer: the index goes in front."""
OUT_LONG: Final = 1920
OUT_SHORT: Final = 1080
OUT_FPS: Final = 60
OUT_IMAGE_SIDE: Final = 3840
POSTER_SIDE: Final = 1280

_MIB: Final = 1 << 20


def most_frames(seconds: float = MAX_DURATION) -> int:
    """Frames that a video of this length may have, at most."""
    return int(seconds * MAX_FPS) + MAX_FPS


MAX_FRAMES: Final = most_frames()
"""Those of the longest video, where no request says otherwise."""



@dataclass(frozen=True)
class Limits:
    """Resource limits of one child: address space and largest written file in MiB, CPU seconds, open files, niceness."""

    memory: int
    cpu: int
    file: int
    files: int = 48
    nice: int = 0

    def scaled(self, seconds: float) -> Limits:
        """What a video of this length may use: in proportion to the usual longest one, never less than for that."""
        share = max(1.0, seconds / MAX_DURATION)
        return replace(self, cpu=round(self.cpu * share), file=round(self.file * share))

    def apply(self) -> None:
        """Set them on this process, for good."""
        for what, value in (
            (resource.RLIMIT_AS, self.memory * _MIB), (resource.RLIMIT_FSIZE, self.file * _MIB),
            (resource.RLIMIT_NOFILE, self.files), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, self.cpu),
        ):
            _, hard = resource.getrlimit(what)
            top = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (top, top))


LIMITS: Final[dict[str, Limits]] = {
    "probe": Limits(memory=1024, cpu=20, file=1, files=32),
    "clip": Limits(memory=1024, cpu=20, file=1, files=32),
    "own_clip": Limits(memory=4096, cpu=240, file=64),
    "poster": Limits(memory=2048, cpu=60, file=64),
    "thumbnail": Limits(memory=2048, cpu=60, file=64),
    "image": Limits(memory=2048, cpu=90, file=256),
    "transcode": Limits(memory=4096, cpu=3600, file=2048, nice=5),
    "fragment": Limits(memory=2048, cpu=120, file=8192, nice=5),
    "storyboard": Limits(memory=2048, cpu=240, file=16, nice=10),
    "transcribe": Limits(memory=65_536, cpu=7200, file=4096, files=512, nice=10),  # a speech model maps its weights
    "codes": Limits(memory=2048, cpu=60, file=1),
    "flashes": Limits(memory=2048, cpu=120, file=1),
    "fingerprint": Limits(memory=2048, cpu=150, file=1, nice=10),
    "content": Limits(memory=1024, cpu=60, file=1, files=32),
    "sign": Limits(memory=2048, cpu=120, file=8192),
    "read": Limits(memory=2048, cpu=60, file=2048),
    "selftest": Limits(memory=2048, cpu=30, file=1),
}
"""By operation."""
