"""The gates in front of, around and behind every generated video (see `base` for what one is)."""
from __future__ import annotations

from .base import ALLOW, STAGES, Gate, Stage, Subject, Surroundings, Verdict
from .gates import Gates, load

__all__ = ["ALLOW", "STAGES", "Gate", "Gates", "Stage", "Subject", "Surroundings", "Verdict", "load"]
