"""/settings/likeness: one's own likeness and characters, who may ask, and for what."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
