"""Cameos over the API: may I ask, asking, letting go, delivery of a revocation."""
from __future__ import annotations

from starlette.routing import BaseRoute

from .operations import Operation

DOCS: tuple[Operation, ...] = ()


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    return []
