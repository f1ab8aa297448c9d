"""Errors as answers: JSON for machines, a page for people. The cause goes to the log, the safe text to the client."""
from __future__ import annotations

import errno
from urllib.parse import quote

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ..errors import FedisoraError

log = structlog.get_logger()
MACHINES = ("/api/", "/oauth/token", "/oauth/revoke", "/inbox", "/users/", "/actor", "/.well-known/", "/nodeinfo/", "/records/",
            "/ns/", "/media/", "/c2pa.pem")
TEXTS = {404: "There is nothing at this address.", 405: "This cannot be done with this address.",
         400: "The request is malformed.", 413: "This is too large."}


def hang_up(request: Request) -> None:
    """Close the connection after the error that is raised next: the rest of the body is not waited for."""
    request.state.hang_up = True


def for_machines(request: Request) -> bool:
    """Whether the one who asks wants JSON rather than a page."""
    path = request.url.path
    if path.startswith("/ns/") and "text/html" in request.headers.get("accept", ""):
        return False
    return path.startswith(MACHINES) or ("json" in request.headers.get("accept", "")
                                         and "text/html" not in request.headers.get("accept", ""))


def answer(request: Request, status: int, text: str, headers: dict[str, str] | None = None, code: str = "") -> Response:
    """The answer for an error; `code` for programs, where there is one."""
    if for_machines(request):
        # what one asker may not see, the next may: no cache keeps a refusal
        return JSONResponse({"error": text, **({"code": code} if code else {})}, status,
                            {"Cache-Control": "no-store", **(headers or {})})
    from .pages.render import error_page

    response = error_page(request, status, text)
    response.headers.update(headers or {})
    return response


async def on_fedisora_error(request: Request, error: Exception) -> Response:
    """An error of our tree."""
    assert isinstance(error, FedisoraError)
    headers = {}
    if error.retry_after:
        headers["Retry-After"] = str(int(error.retry_after) + 1)
    if getattr(request.state, "hang_up", False):
        headers["Connection"] = "close"
    if error.status >= 500:
        log.warning("request failed", path=request.url.path, status=error.status, error=str(error))
    elif error.cause is not None:
        log.info("request refused", path=request.url.path, status=error.status, error=str(error))
    if error.status == 401:
        if request.method == "GET" and not for_machines(request):
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)
        headers["WWW-Authenticate"] = 'Bearer realm="fedisora"'
    return answer(request, error.status, error.text, headers, error.code)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own: no route, wrong method, an unreadable form."""
    assert isinstance(error, HTTPException)
    text = TEXTS.get(error.status_code, str(error.detail))
    if error.status_code == 405 and error.detail.startswith("Use "):
        text = error.detail
    if error.status_code == 400 and error.detail not in ("", "Bad Request"):
        text = f"The request is malformed: {error.detail}"  # Starlette's words about a form: too many files, no boundary
    return answer(request, error.status_code, text, dict(error.headers or {}))


def _away(error: Exception) -> str:
    """Why this error is the surroundings' and will pass: the database is gone or full, the disk is full. "" for a bug."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of this server is full."
    if isinstance(error, PoolTimeout):
        return "This server is busy."
    if isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error, InterfaceError | OperationalError)):
        # sqlite3 calls a missing table an operational error too: that is a bug
        return "" if "no such" in str(error.orig) else "The database of this server does not answer."
    return ""


async def on_surroundings(request: Request, error: Exception) -> Response:
    """Database or disk trouble: 503, so that servers and apps try again; everything else is a bug."""
    text = _away(error)
    if not text:
        return await on_anything_else(request, error)
    log.error("cannot serve", path=request.url.path, reason=text, error=str(getattr(error, "orig", error)).strip()[:300])
    headers = {"Retry-After": "30"}
    try:
        return answer(request, 503, text, headers)
    except Exception:  # the error page itself asks the database who is reading
        return JSONResponse({"error": text}, 503, headers)


async def on_anything_else(request: Request, error: Exception) -> Response:
    """A bug of ours: the text says nothing about it, the log everything."""
    log.error("bug", path=request.url.path, method=request.method, exc_info=error)
    try:
        return answer(request, 500, FedisoraError.default_text)
    except Exception:
        return JSONResponse({"error": FedisoraError.default_text}, 500)
