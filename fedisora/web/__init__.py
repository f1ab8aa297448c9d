"""The doors: HTTP routes for servers, apps and people. Only this room knows Starlette."""
from __future__ import annotations

from . import convertors

__all__ = ["convertors"]  # `{id:row}` has to be known before any route is made
