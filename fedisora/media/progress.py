"""How an operation says how far it is. A module of its own: the children import no event loop for a type."""
from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with 0 … 1."""
