"""/settings/human: becoming and staying a verified human."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
