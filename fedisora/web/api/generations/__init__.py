"""Generations over the API: ask, watch, cancel, reorder, publish; the models there are; the queue for administrators."""
from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from . import acting, administering, asking, models, watching
from .describe import DOCS
from .entity import entity
from .watching import stream, stream_all

__all__ = ["DOCS", "entity", "routes", "stream", "stream_all"]


def routes(base: str) -> list[BaseRoute]:
    """Every route of this family below `base`."""
    def post(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(base + path, handler, methods=["POST"])

    return [
        post("/generations", asking.create), Route(f"{base}/generations", watching.listing),
        post("/generations/preview", asking.preview), Route(f"{base}/generations/events", watching.all_events),
        post("/generations/cancel-all", acting.cancel_all), Route(f"{base}/generations/{{id:row}}", watching.show),
        Route(f"{base}/generations/{{id:row}}/events", watching.events),
        post("/generations/{id:row}/cancel", acting.cancel), post("/generations/{id:row}/retry", acting.retry),
        post("/generations/{id:row}/move", acting.move), post("/generations/{id:row}/discard", acting.discard),
        post("/generations/{id:row}/publish", acting.publish), Route(f"{base}/models", models.listing),
        Route(f"{base}/admin/generations", administering.queue), post("/admin/generations/pause", administering.pause),
        post("/admin/generations/resume", administering.resume),
        post("/admin/generations/workers/drain", administering.drain),
        post("/admin/generations/{id:row}/cancel", administering.cancel),
        post("/admin/generations/{id:row}/priority", administering.priority)]
