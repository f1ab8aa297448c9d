"""Verification over the API: what one has, what others have, whose word counts."""
from __future__ import annotations

from starlette.routing import BaseRoute

from .operations import Operation

DOCS: tuple[Operation, ...] = ()


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    return []
