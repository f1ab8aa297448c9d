"""/settings/agents: one's agents: made, stopped, handed over, and what they may."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
