"""OAuth 2 for clients: applications, authorization codes with PKCE, tokens (RFC 6749, 7636, 7009; Mastodon's dialect)."""
from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import Invalid, Malformed, Unauthenticated
from ..models import AccessToken, AuthorizationCode, OAuthApp, User
from . import agent_scopes, tokens
from .scopes import GUARDED, SCOPES
from .tokens import digest

OOB = "urn:ietf:wg:oauth:2.0:oob"
CODE_LIFE = dt.timedelta(minutes=10)
FORBIDDEN_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about"})


def check_scopes(scopes: str) -> str:
    """A list of known scopes, each once; "read" when empty.

    Raises:
        Invalid: one is unknown.
    """
    broad = {scope.partition(":")[0] for scope in SCOPES}
    wanted = list(dict.fromkeys(scopes.split())) or ["read"]
    for scope in wanted:
        if scope.partition(":")[0] not in broad or len(scope) > 60:
            raise Invalid(f"{scope[:60]} is not a scope that this server knows.")
    return " ".join(wanted)


def check_redirect(uri: str) -> str:
    """An address a code may be sent to: OOB, https, http on loopback, or an application's own scheme.

    Raises:
        Invalid: anything a browser would run, or without a host.
    """
    if uri == OOB:
        return uri
    parts = urlsplit(uri)
    if not parts.scheme or parts.scheme.lower() in FORBIDDEN_SCHEMES or parts.fragment or len(uri) > 2000:
        raise Invalid("Validation failed: Redirect URI must be an absolute URI.")
    if parts.scheme in ("http", "https") and not parts.hostname:
        raise Invalid("Validation failed: Redirect URI must be an absolute URI.")
    return uri


def register(uow: UnitOfWork, name: str, redirect_uris: Sequence[str], scopes: str, website: str | None) -> tuple[OAuthApp, str]:
    """A new application and its secret (the only time that it is seen).

    Raises:
        Invalid: no name, no or a bad redirect URI, an unknown scope.
    """
    if not name.strip():
        raise Invalid("Validation failed: Name can't be blank")
    uris = [check_redirect(uri) for item in redirect_uris for uri in item.split()]
    if not uris:
        raise Invalid("Validation failed: Redirect URI can't be blank")
    secret = secrets.token_urlsafe(32)
    app = OAuthApp(id=uow.new_id(), client_id=secrets.token_urlsafe(32), client_secret_hash=digest(secret),
                   name=name.strip()[:200], website=(website or "")[:500] or None, redirect_uris=uris[:10],
                   scopes=check_scopes(scopes), created_at=uow.now)
    uow.session.add(app)
    return app, secret


def app_of(session: Session, client_id: str) -> OAuthApp | None:
    """A registered application."""
    return session.scalar(select(OAuthApp).where(OAuthApp.client_id == client_id))


def check_request(session: Session, client_id: str, redirect_uri: str, scopes: str, response_type: str = "code") -> OAuthApp:
    """The application behind an authorization request, when the request may go on.

    Raises:
        Malformed: unknown application, a redirect URI it did not register, or a wrong kind of request.
        Invalid: more scopes than it registered.
    """
    app = app_of(session, client_id)
    if app is None:
        raise Malformed("This application is not registered here.")
    if redirect_uri not in app.redirect_uris:
        raise Malformed("This redirect address is not one of the application's.")
    if response_type != "code":
        raise Malformed("Only response_type=code is supported.")
    held = app.scopes.split()
    for scope in check_scopes(scopes).split():
        if scope not in held and (scope in GUARDED or scope.partition(":")[0] not in held):
            raise Invalid("The application asks for more than it registered for.")
    return app


def grant(uow: UnitOfWork, app: OAuthApp, user: User, redirect_uri: str, scopes: str, challenge: str | None,
          method: str = "S256") -> str:
    """A code for an application that a person let in. An agent's becomes a token with those of the scopes that agents may have
    (RFC 6749 §3.3: the answer says which).

    Raises:
        Malformed: a PKCE method other than S256.
        Invalid: an agent, and none of the scopes is for agents.
    """
    scopes = check_scopes(scopes)
    if agent_scopes.is_agent(uow.session, user.id):
        granted, left_out = agent_scopes.narrowed(scopes)
        if not granted:
            raise Invalid(f"An agent's token cannot have the scope {left_out[0]}. There are: {', '.join(agent_scopes.SCOPES)}.")
        scopes = " ".join(granted)
    if challenge and method != "S256":
        raise Malformed("Only code_challenge_method=S256 is supported.")
    code = secrets.token_urlsafe(32)
    uow.session.add(AuthorizationCode(
        code_hash=digest(code), app_id=app.id, user_id=user.id, redirect_uri=redirect_uri, scopes=scopes,
        code_challenge=challenge or None, created_at=uow.now, expires_at=uow.now + CODE_LIFE))
    return code


def authenticate_app(session: Session, client_id: str, client_secret: str, *, public: bool = False) -> OAuthApp:
    """The application that a client id and secret belong to; a public client with PKCE needs no secret.

    Raises:
        Unauthenticated: unknown, or the wrong secret.
    """
    app = app_of(session, client_id)
    right = app is not None and hmac.compare_digest(app.client_secret_hash, digest(client_secret))
    if app is None or not (right or (public and not client_secret)):
        raise Unauthenticated("Client authentication failed due to unknown client, no client authentication included, or "
                              "unsupported authentication method.")
    return app


def exchange(uow: UnitOfWork, app: OAuthApp, code: str, redirect_uri: str, verifier: str) -> tuple[str, str]:
    """(token, scopes) for a code. Using a code twice revokes what came from it (RFC 6749 §4.1.2).

    Raises:
        Malformed: unknown, used, expired, another application's or redirect URI's code, or a wrong PKCE verifier.
    """
    row = uow.session.get(AuthorizationCode, digest(code))
    bad = Malformed("The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used "
                    "in the authorization request, or was issued to another client.")
    if row is None or row.app_id != app.id or row.redirect_uri != redirect_uri or row.expires_at < uow.now:
        raise bad
    if row.used_at is not None:
        raise bad
    if row.code_challenge:
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if not verifier or not hmac.compare_digest(made, row.code_challenge.rstrip("=")):
            raise bad
    taken = uow.session.execute(update(AuthorizationCode).where(
        AuthorizationCode.code_hash == row.code_hash, AuthorizationCode.used_at.is_(None)).values(used_at=uow.now),
        execution_options={"synchronize_session": False})
    if getattr(taken, "rowcount", 0) != 1:
        raise bad
    return tokens.create(uow, row.user_id, app.id, row.scopes, code_hash=row.code_hash), row.scopes


def revoke_replayed(uow: UnitOfWork, code: str) -> None:
    """End the tokens of a code that somebody tried to use again."""
    row = uow.session.get(AuthorizationCode, digest(code))
    if row is not None and row.used_at is not None:
        uow.session.execute(update(AccessToken).where(AccessToken.code_hash == row.code_hash).values(revoked_at=uow.now))
