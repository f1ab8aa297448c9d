"""Cameos: rendered here for somebody who agreed, fetched, compared with what was agreed to."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House


async def render_cameo(house: House, payload: dict[str, Any]) -> None:
    """See `store.jobs.KINDS`."""


async def fetch_cameo(house: House, payload: dict[str, Any]) -> None:
    """See `store.jobs.KINDS`."""


async def compare_cameo(house: House, payload: dict[str, Any]) -> None:
    """See `store.jobs.KINDS`."""


HANDLERS: dict[str, Handler] = {"render_cameo": render_cameo, "fetch_cameo": fetch_cameo, "compare_cameo": compare_cameo}
