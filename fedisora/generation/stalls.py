"""Telling a renderer that works from one that hangs: limits per stage, and how long a step may take."""
from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

STALLS: Mapping[str, float] = {"load": 600.0, "text": 120.0, "denoise": 120.0, "decode": 300.0, "encode": 300.0, "check": 300.0}
"""Seconds without progress after which a stage counts as stuck."""
STEPS = 10
"""A denoising step may take so many times the median of the steps before, when that is more than the limit."""
SILENCE = 60.0
"""Seconds without any line. The child says every second that it lives, whatever it does, unless it is stopped or stuck in
code that holds the interpreter."""


@dataclass
class Watch:
    """How long a child may go on without a word. Times are seconds of a monotonic clock."""

    limits: Mapping[str, float] = field(default_factory=lambda: STALLS)
    silence: float = SILENCE
    stage: str = "load"
    _moved: float = 0.0
    _heard: float = 0.0
    _share: float = -1.0
    _steps: deque[float] = field(default_factory=lambda: deque(maxlen=50))

    def begin(self, now: float) -> None:
        """A job begins."""
        self.stage, self._moved, self._heard, self._share = "load", now, now, -1.0
        self._steps.clear()

    def heard(self, now: float) -> None:
        """Any line: it lives."""
        self._heard = now

    def moved(self, stage: str, share: float, now: float) -> None:
        """Progress. The same stage and share as before are none."""
        if stage == self.stage and share <= self._share:
            return
        if stage == "denoise" and self.stage == "denoise":
            self._steps.append(now - self._moved)
        self.stage, self._share, self._moved = stage, share, now

    @property
    def limit(self) -> float:
        """Seconds that the present stage may take without progress."""
        limit = self.limits.get(self.stage, max(self.limits.values()))
        if self.stage == "denoise" and self._steps:
            return max(limit, STEPS * statistics.median(self._steps))
        return limit

    def left(self, now: float) -> float:
        """Seconds until it counts as stuck; not above 0: it does."""
        return min(self._moved + self.limit, self._heard + self.silence) - now

    def why(self, now: float) -> str:
        """What to write into the log about a stuck one."""
        if now - self._heard >= self.silence:
            return f"no sign of life for {now - self._heard:.0f} s in stage {self.stage}"
        return f"no progress for {now - self._moved:.0f} s in stage {self.stage}"
