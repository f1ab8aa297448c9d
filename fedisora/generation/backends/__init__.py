"""What renders prompts. Loaded in the child only."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ConfigurationError
from .base import Backend


def load(name: str, model: str | None, options: Mapping[str, Any] | None = None) -> Backend:
    """The backend of a name, ready to render.

    Raises:
        ConfigurationError: unknown, or its model cannot be loaded; it never falls back to another one.
    """
    if name == "procedural":
        from .procedural import Procedural

        return Procedural()
    if name == "diffusers":
        from .diffusers import Diffusers

        return Diffusers(model or "")
    raise ConfigurationError(f"There is no generation backend {name!r}; there are procedural and diffusers.")
