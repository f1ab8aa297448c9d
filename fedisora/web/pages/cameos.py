"""Cameos: asking for one, the draft that its subject sees first, where a revocation has arrived."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
