"""HumanCredentials and status lists of this instance (vocabulary §3)."""
from __future__ import annotations

from starlette.routing import Route

routes: list[Route] = []
