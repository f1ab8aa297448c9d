"""A credential of one's own: shown, renewed, given back; and its administration."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
