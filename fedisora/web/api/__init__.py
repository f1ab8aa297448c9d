"""Our own API: /api/fedisora/v1 (generations, verification, deliveries)."""
from __future__ import annotations

from starlette.routing import BaseRoute, Route

from . import deliveries, generations, lineage, oembed, verification

BASE = "/api/fedisora/v1"
routes: list[BaseRoute] = [
    Route(f"{BASE}/generations", generations.create, methods=["POST"]),
    Route(f"{BASE}/generations", generations.listing),
    Route(f"{BASE}/generations/{{id:row}}", generations.show),
    Route(f"{BASE}/generations/{{id:row}}/events", generations.events),
    Route(f"{BASE}/generations/{{id:row}}/cancel", generations.cancel, methods=["POST"]),
    Route(f"{BASE}/generations/{{id:row}}/retry", generations.retry, methods=["POST"]),
    Route(f"{BASE}/generations/{{id:row}}/discard", generations.discard, methods=["POST"]),
    Route(f"{BASE}/generations/{{id:row}}/publish", generations.publish, methods=["POST"]),
    Route(f"{BASE}/statuses/{{id:row}}/deliveries", deliveries.show),
    Route(f"{BASE}/statuses/{{id:row}}/lineage", lineage.show),
    Route("/api/oembed", oembed.show),
    Route(f"{BASE}/verify", verification.verify, methods=["POST"]),
]
