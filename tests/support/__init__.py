"""What tests share: the machine (`environment`), databases, the network rule, and instances as processes."""
from __future__ import annotations

from .environment import missing, require

__all__ = ["missing", "require"]
