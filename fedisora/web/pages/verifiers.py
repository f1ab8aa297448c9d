"""Whose word about people counts: the administrator's list, and what a viewer makes of it."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
