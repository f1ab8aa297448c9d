"""Likenesses of people and characters that they invent: enrolled, opened to whoever may ask, withdrawn."""
from __future__ import annotations

from .enrolling import decided
from .permission import Decision, decide
from .terms import policy_of, terms

__all__ = ["Decision", "decide", "decided", "policy_of", "terms"]
