"""Around every request: error answers, security headers, CORS, trailing slashes of API clients."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from ..errors import FedisoraError
from . import problems

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ..app import House

OPEN = ("/api/", "/oauth/token", "/oauth/revoke", "/.well-known/", "/nodeinfo/", "/media/", "/users/", "/actor", "/ns/",
        "/records/", "/c2pa.pem")
"""Paths that pages of other origins may read."""
UPLOADS = "/api/fedisora/v1/uploads"
SLASHES = ("/api/", "/oauth/", "/nodeinfo/")
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Link, X-RateLimit-Reset, X-RateLimit-Limit, X-RateLimit-Remaining, X-Request-Id, "
                                     "Content-Range, Content-Length, Retry-After, Location, Tus-Resumable, Tus-Version, "
                                     "Tus-Extension, Tus-Max-Size, Upload-Offset, Upload-Length, Upload-Expires, "
                                     "Upload-Metadata, Fedisora-Media-Id",
}
PREFLIGHT = {**CORS, "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
             "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Range, Accept, Tus-Resumable, "
                                             "Upload-Length, Upload-Metadata, Upload-Offset, Upload-Checksum, "
                                             "X-HTTP-Method-Override",
             "Access-Control-Max-Age": "86400"}
POLICY = ("default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
          "frame-ancestors 'none'")
# A form that ends at another server (its own follow page, an app) is redirected there, which `form-action` would stop.
FORMS = "; form-action 'self' https: http://localhost:* http://127.0.0.1:*"


def _asks_tus(scope: Scope) -> bool:
    """Whether an OPTIONS request is a client's that uploads, not a browser's preflight."""
    return str(scope["path"]).startswith(UPLOADS) and not any(
        name == b"access-control-request-method" for name, _ in scope["headers"])


class Edge:
    """ASGI middleware: what is the same for every answer."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if "\0" in path or b"%00" in scope.get("query_string", b""):  # no text of ours has a NUL, and PostgreSQL takes none
            await JSONResponse({"error": "The address has a NUL character."}, 400)(scope, receive, send)
            return
        is_open = path.startswith(OPEN)
        if is_open and scope["method"] == "OPTIONS" and not _asks_tus(scope):
            headers = [(name.lower().encode(), value.encode()) for name, value in PREFLIGHT.items()]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        if path.startswith(SLASHES) and path.endswith("/") and len(path) > 5:
            scope = {**scope, "path": path.rstrip("/"), "raw_path": None}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), path, is_open)
            await send(message)

        await self._app(scope, receive, with_headers)

    def _add(self, headers: MutableHeaders, path: str, is_open: bool) -> None:
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if self._https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if headers.get("content-type", "").startswith("text/html"):
            if "frame-ancestors *" not in headers.get("Content-Security-Policy", ""):  # only the player for other sites says so
                headers.setdefault("X-Frame-Options", "DENY")
            headers.setdefault("Content-Security-Policy", POLICY + ("" if path == "/oauth/authorize" else FORMS))
        if is_open:
            for name, value in CORS.items():
                headers.setdefault(name, value)


def wrap(app: Starlette, house: House) -> ASGIApp:
    """The application with its edge. Call before the first request."""
    app.add_exception_handler(FedisoraError, problems.on_fedisora_error)
    app.add_exception_handler(HTTPException, problems.on_http_exception)
    app.add_exception_handler(SQLAlchemyError, problems.on_surroundings)
    app.add_exception_handler(OSError, problems.on_surroundings)
    app.add_exception_handler(Exception, problems.on_anything_else)
    return Edge(app, https=house.settings.https)
