"""Cameos between servers: terms, characters, and the draft that a subject let go."""
from __future__ import annotations

from starlette.routing import Route

routes: list[Route] = []
