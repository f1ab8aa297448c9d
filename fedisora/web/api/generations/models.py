"""GET models: what videos can be made with here."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ....generation.intake import longest
from ....generation.presets import Preset, catalogue
from ....services import generations
from .entity import fields

if TYPE_CHECKING:
    from ....app import House

SAID = ("name", "title", "backend", "tasks", "fps", "min_seconds", "steps", "max_steps", "guidance", "gpu_class", "memory_gb",
        "licence", "licence_url", "territory", "card_url", "note")


def model_entity(session: Session, preset: Preset, default: bool, house: House) -> dict[str, Any]:
    """A model and whether a worker is there for it."""
    settings = house.settings
    why = generations.hindrance(session, preset.name, preset.gpu_class, house.db.clock())
    return {**fields(preset, *SAID), "default": default, "available": not why, "reason": why or None,
            "sizes": {name: [list(size) for size in sizes] for name, sizes in preset.sizes.items()},
            "max_seconds": longest(settings, preset), "max_variants": settings.generation_variants}


async def listing(request: Request) -> Response:
    """GET models"""
    house: House = request.app.state.house

    def look(session: Session) -> list[dict[str, Any]]:
        offer = catalogue.current(session, house.settings)
        found = [model_entity(session, preset, preset.name == offer.default.name, house) for preset in offer.models]
        return sorted(found, key=lambda one: not one["default"])

    return JSONResponse(await house.db.read(look))
