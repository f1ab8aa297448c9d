"""Likenesses of people and characters that they invent: enrolled, opened to whoever may ask, withdrawn."""
from __future__ import annotations

from .permission import Decision, decide
from .terms import policy_of, terms

__all__ = ["Decision", "decide", "policy_of", "terms"]
