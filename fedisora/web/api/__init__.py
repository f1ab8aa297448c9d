"""Our own API: /api/fedisora/v1 (generations, verification, deliveries, consents, the AI dial) and its OpenAPI document.

A new module brings its routes here and describes each of them in a tuple `DOCS` of its own; a test fails when one is missing.
"""
from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Route

from ...errors import NotFound
from . import (
    agent_answers,
    agents,
    cameos,
    captions,
    consents,
    deliveries,
    dial,
    generations,
    human_data,
    humans,
    likenesses,
    lineage,
    matches,
    oembed,
    openapi,
    screenings,
    uploads,
    verification,
    verifiers,
)

BASE = openapi.BASE
MODULES = (
    agent_answers,
    agents,
    cameos,
    captions,
    consents,
    deliveries,
    dial,
    generations,
    human_data,
    humans,
    likenesses,
    lineage,
    matches,
    openapi,
    screenings,
    uploads,
    verification,
    verifiers,
)
OPERATIONS = openapi.documented(MODULES)
routes: list[BaseRoute] = [
    *openapi.endpoints(OPERATIONS),
    *agent_answers.routes(BASE),
    *generations.routes(BASE), *agents.routes(BASE), *cameos.routes(BASE), *human_data.routes(BASE),
    *humans.routes(BASE), *likenesses.routes(BASE),
    *verifiers.routes(BASE),
    Route(f"{BASE}/generations/{{id:row}}/appeal", screenings.appeal, methods=["POST"]),
    Route(f"{BASE}/admin/screenings", screenings.listing),
    Route(f"{BASE}/admin/screenings/{{id:row}}/decide", screenings.decide, methods=["POST"]),
    Route(f"{BASE}/statuses/{{id:row}}/deliveries", deliveries.show),
    Route(f"{BASE}/consent/requests", consents.requests),
    Route(f"{BASE}/consent/requests/{{id:row}}", consents.request),
    Route(f"{BASE}/consent/requests/{{id:row}}/grant", consents.grant, methods=["POST"]),
    Route(f"{BASE}/consent/requests/{{id:row}}/refuse", consents.refuse, methods=["POST"]),
    Route(f"{BASE}/consent/requests/{{id:row}}/withdraw", consents.withdraw, methods=["POST"]),
    Route(f"{BASE}/consent/stamps", consents.stamps),
    Route(f"{BASE}/consent/stamps/{{id:row}}/deliveries", consents.deliveries),
    Route(f"{BASE}/consent/stamps/{{id:row}}/revoke", consents.revoke, methods=["POST"]),
    Route(f"{BASE}/dial", dial.show), Route(f"{BASE}/dial", dial.change, methods=["PUT"]),
    Route(f"{BASE}/statuses/{{id:row}}/lineage", lineage.show),
    Route("/api/oembed", oembed.show),
    Route(f"{BASE}/media/{{id:row}}/captions", captions.listing),
    Route(f"{BASE}/media/{{id:row}}/captions/{{language}}", captions.show),
    Route(f"{BASE}/media/{{id:row}}/captions/{{language}}", captions.save, methods=["PUT"]),
    Route(f"{BASE}/media/{{id:row}}/captions/{{language}}", captions.remove, methods=["DELETE"]),
    Route(f"{BASE}/media/{{id:row}}/match", matches.show),
    Route(f"{BASE}/media/{{id:row}}/match", matches.answer, methods=["POST"]),
    Route(f"{BASE}/storage", uploads.storage),
    Route(f"{BASE}/uploads", uploads.about, methods=["OPTIONS"]),
    Route(f"{BASE}/uploads", uploads.create, methods=["POST"]),
    Route(f"{BASE}/uploads/{{id}}", uploads.about, methods=["OPTIONS"]),
    Route(f"{BASE}/uploads/{{id}}", uploads.one, methods=["HEAD", "PATCH", "DELETE", "POST"]),
    Route(f"{BASE}/verify", verification.verify, methods=["POST"]),
]


async def unknown(request: Request) -> None:
    """Everything else below our address: the wrong method says which is right, the wrong path where they are listed."""
    allowed: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            allowed |= route.methods or set()
    if allowed:
        raise HTTPException(405, f"Use {' or '.join(sorted(allowed - {'HEAD'}))} here.", {"Allow": ", ".join(sorted(allowed))})
    raise NotFound(f"There is nothing at this address. {BASE} lists what there is.")


fallback: list[BaseRoute] = [Route(f"{BASE}/{{rest:path}}", unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
