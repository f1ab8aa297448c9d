"""/admin/reports: what people reported; their own likeness goes first."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
