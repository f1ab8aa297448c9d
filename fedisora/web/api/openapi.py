"""The OpenAPI 3.1 document of this API and a page to read it by; both made from the `DOCS` beside the routes."""
from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ... import __version__
from ...services.scopes import TOLD
from .operations import JSON, Answer, Operation, Parameter
from .schemas import SCHEMAS
from .shapes import ID

if TYPE_CHECKING:
    from ...app import House

BASE = "/api/fedisora/v1"
PAGE_HEADERS = {"Cache-Control": "public, max-age=300"}
DOCS = (
    Operation("get", "/openapi.json", "This document.", {200: Answer("OpenAPI 3.1.", {"type": "object"})}),
    Operation("get", "", "This API as a page for people.", {200: Answer("HTML.", media_type="text/html")}),
)


def documented(modules: Iterable[Any]) -> tuple[Operation, ...]:
    """The operations of some route modules, by path.

    Raises:
        ValueError: two describe the same method of a path.
    """
    found: dict[tuple[str, str], Operation] = {}
    for module in modules:
        for operation in module.DOCS:
            key = (operation.path, operation.method)
            if key in found:
                raise ValueError(f"{operation.method.upper()} {operation.path} is described twice")
            found[key] = operation
    return tuple(found[key] for key in sorted(found))


def served(routes: Iterable[BaseRoute]) -> set[tuple[str, str]]:
    """(method, path below the base) of routes, as the document writes them."""
    return {(method.lower(), re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path.removeprefix(BASE)))
            for route in routes if isinstance(route, Route) and route.path.startswith(BASE)
            for method in (route.methods or ()) if method != "HEAD"}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    inside = [{"name": name, "in": "path", "required": True, "schema": dict(ID if name == "id" else {"type": "string"})}
              for name in re.findall(r"\{(\w+)\}", operation.path)]
    return inside + [_query(item) for item in operation.query]


def _query(item: Parameter) -> dict[str, Any]:
    return {"name": item.name, "in": "query", "description": item.says, "required": item.required, "schema": dict(item.schema)}


def _answer(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.says}
    if answer.schema is not None:
        found["content"] = {answer.media_type: {"schema": dict(answer.schema)}}
    elif answer.media_type != JSON:
        found["content"] = {answer.media_type: {}}
    if answer.headers:
        found["headers"] = {name: {"description": says, "schema": {"type": "string"}} for name, says in answer.headers.items()}
    return found


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {"summary": operation.summary, "operationId": operation_id(operation)}
    if operation.detail:
        found["description"] = operation.detail
    if parameters := _parameters(operation):
        found["parameters"] = parameters
    if operation.body:
        found["requestBody"] = {"content": {kind: {"schema": dict(schema)} for kind, schema in operation.body.items()}}
    found["responses"] = {str(status): _answer(answer) for status, answer in operation.every_answer().items()}
    if operation.scope is not None:
        found["security"] = [{"token": [operation.scope]}] if operation.scope else [{}, {"token": []}]
    else:
        found["security"] = []
    return found


def operation_id(operation: Operation) -> str:
    """`post_generations_id_cancel`: a name for generated clients, and the anchor on the page."""
    return "_".join([operation.method, *re.findall(r"\w+", operation.path)])


def build(operations: Iterable[Operation], origin: str, name: str) -> dict[str, Any]:
    """The document of an instance."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path or "/", {})[operation.method] = _operation(operation)
    scopes = {operation.scope: TOLD.get(operation.scope, "See docs.joinmastodon.org/api/oauth-scopes.")
              for operation in operations if operation.scope}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Fedisora API of {name}", "version": __version__, "license": {
            "name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
            "description": "What Mastodon's client API does not have: making videos, checking files, provenance. Everything else "
                           "is Mastodon's (docs.joinmastodon.org), with the same tokens."},
        "servers": [{"url": origin + BASE}],
        "paths": paths,
        "components": {"schemas": {key: dict(schema) for key, schema in SCHEMAS.items()}, "securitySchemes": {"token": {
            "type": "oauth2", "flows": {"authorizationCode": {
                "authorizationUrl": f"{origin}/oauth/authorize", "tokenUrl": f"{origin}/oauth/token", "scopes": scopes}}}}}}


def endpoints(operations: tuple[Operation, ...]) -> list[BaseRoute]:
    """The routes of the document and its page."""
    async def document(request: Request) -> Response:
        house: House = request.app.state.house
        return JSONResponse(build(operations, house.uris.base, house.settings.instance_name),
                            headers=PAGE_HEADERS)

    async def reading(request: Request) -> Response:
        from ..pages.render import page

        shown = [{"operation": item, "anchor": operation_id(item), "path": f"{BASE}{item.path}",
                  "answers": item.every_answer().items()} for item in operations]
        return await page(request, "api.html", operations=shown, base=BASE)

    return [Route(f"{BASE}/openapi.json", document), Route(BASE, reading)]
