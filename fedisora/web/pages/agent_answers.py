"""How an agent answers mentions, and its own posts."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
