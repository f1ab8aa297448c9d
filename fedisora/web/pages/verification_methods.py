"""Other ways to be verified than a live clip: vouching, signing in elsewhere, a credential."""
from __future__ import annotations

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
