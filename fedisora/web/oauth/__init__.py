"""OAuth 2: /oauth/authorize, /oauth/token, /oauth/revoke, and the metadata document (RFC 8414)."""
from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ...errors import FedisoraError, Malformed, Unauthenticated
from ...services import oauth, tokens
from ...services import scopes as known_scopes
from ..body import Params, params
from ..pages.render import page
from ..pages.visitor import checked_form, text, visitor

if TYPE_CHECKING:
    from ...app import House

FIELDS = ("client_id", "redirect_uri", "scope", "state", "response_type", "code_challenge", "code_challenge_method")


async def ask(request: Request) -> Response:
    """GET /oauth/authorize: the person decides; logs in first when needed."""
    house: House = request.app.state.house
    given = {name: request.query_params.get(name, "") for name in FIELDS}
    scopes = oauth.check_scopes(given["scope"])
    app = await house.db.read(lambda session: oauth.check_request(
        session, given["client_id"], given["redirect_uri"], scopes, given["response_type"] or "code"))
    who = await visitor(request)
    if who.user is None:
        target = f"/oauth/authorize?{request.url.query}"
        return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)
    return await page(request, "oauth_authorize.html", app=app, scopes=scopes.split(), told=known_scopes.TOLD,
                      given={**given, "scope": scopes})


async def decide(request: Request) -> Response:
    """POST /oauth/authorize: a code for the application, or the news that it was refused."""
    house: House = request.app.state.house
    form = await checked_form(request)
    user, _ = (await visitor(request)).person()
    given = {name: text(form, name) for name in FIELDS}
    app = await house.db.read(lambda session: oauth.check_request(
        session, given["client_id"], given["redirect_uri"], given["scope"], given["response_type"] or "code"))
    if text(form, "decision") != "allow":
        if given["redirect_uri"] == oauth.OOB:
            return await page(request, "oauth_code.html", code="")
        return _back(given, error="access_denied", error_description="The resource owner denied the request.")
    code = await house.db.write(lambda uow: oauth.grant(
        uow, app, user, given["redirect_uri"], given["scope"], given["code_challenge"] or None,
        given["code_challenge_method"] or "S256"))
    if given["redirect_uri"] == oauth.OOB:
        return await page(request, "oauth_code.html", code=code)
    return _back(given, code=code)


def _back(given: dict[str, str], **values: str) -> Response:
    if given["state"]:
        values["state"] = given["state"]
    glue = "&" if "?" in given["redirect_uri"] else "?"
    return RedirectResponse(given["redirect_uri"] + glue + urlencode(values), 303)


def _client(request: Request, given: Params) -> tuple[str, str]:
    """Client id and secret: in the body, or as HTTP Basic."""
    scheme, _, packed = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(packed, validate=True).decode().partition(":")
        except (binascii.Error, ValueError) as error:
            raise Unauthenticated("The client credentials cannot be read.", cause=error) from error
        return unquote(name), unquote(secret)
    return given.text("client_id"), given.text("client_secret")


def _problem(error: FedisoraError, code: str) -> Response:
    return JSONResponse({"error": code, "error_description": error.text}, 401 if error.status == 401 else 400)


async def token(request: Request) -> Response:
    """POST /oauth/token"""
    house: House = request.app.state.house
    given = await params(request)
    client_id, secret = _client(request, given)
    kind, code = given.text("grant_type"), given.text("code")
    try:
        app = await house.db.read(lambda session: oauth.authenticate_app(
            session, client_id, secret, public=bool(given.text("code_verifier"))))
    except Unauthenticated as error:
        return _problem(error, "invalid_client")
    if kind == "client_credentials":
        scopes = oauth.check_scopes(given.text("scope") or app.scopes)
        made = await house.db.write(lambda uow: tokens.create(uow, None, app.id, scopes))
    elif kind == "authorization_code":
        try:
            made, scopes = await house.db.write(lambda uow: oauth.exchange(
                uow, app, code, given.text("redirect_uri"), given.text("code_verifier")))
        except Malformed as error:
            await house.db.write(lambda uow: oauth.revoke_replayed(uow, code))
            return _problem(error, "invalid_grant")
    else:
        return _problem(Malformed("The authorization grant type is not supported by the authorization server."),
                        "unsupported_grant_type")
    return JSONResponse({"access_token": made, "token_type": "Bearer", "scope": scopes, "created_at": int(time.time())},
                        headers={"Cache-Control": "no-store"})


async def revoke(request: Request) -> Response:
    """POST /oauth/revoke (RFC 7009): by the application it was issued to."""
    house: House = request.app.state.house
    given = await params(request)
    client_id, secret = _client(request, given)
    try:
        app = await house.db.read(lambda session: oauth.authenticate_app(session, client_id, secret))
    except Unauthenticated as error:
        return JSONResponse({"error": "unauthorized_client", "error_description": error.text}, 403)
    wanted = given.text("token")
    found = await house.db.read(lambda session: tokens.lookup(session, wanted))
    if found is not None and found[0].app_id not in (None, app.id):
        return JSONResponse({"error": "unauthorized_client",
                             "error_description": "You are not authorized to revoke this token"}, 403)
    await house.db.write(lambda uow: tokens.revoke(uow, wanted))
    return JSONResponse({})


async def metadata(request: Request) -> Response:
    """GET /.well-known/oauth-authorization-server"""
    uris = request.app.state.house.uris
    return JSONResponse({
        "issuer": uris.base + "/", "service_documentation": "https://docs.joinmastodon.org/",
        "authorization_endpoint": uris.absolute("/oauth/authorize"), "token_endpoint": uris.absolute("/oauth/token"),
        "app_registration_endpoint": uris.absolute("/api/v1/apps"), "revocation_endpoint": uris.absolute("/oauth/revoke"),
        "scopes_supported": list(known_scopes.SCOPES), "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"]})


routes: list[BaseRoute] = [
    Route("/oauth/authorize", ask), Route("/oauth/authorize", decide, methods=["POST"]),
    Route("/oauth/token", token, methods=["POST"]), Route("/oauth/revoke", revoke, methods=["POST"]),
    Route("/.well-known/oauth-authorization-server", metadata),
]
