"""Agents over the API: made, stopped, handed over, set up."""
from __future__ import annotations

from starlette.routing import BaseRoute

from .operations import Operation

DOCS: tuple[Operation, ...] = ()


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    return []
