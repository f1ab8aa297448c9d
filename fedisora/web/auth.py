"""Who calls the client API: a bearer token and its scopes (RFC 6750)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from ..errors import Forbidden, Unauthenticated
from ..models import AccessToken, Actor, User
from ..services import tokens

if TYPE_CHECKING:
    from ..app import House


@dataclass(frozen=True)
class Caller:
    """A verified token; `user` and `actor` are None for an application's own token."""

    token: AccessToken
    user: User | None
    actor: Actor | None

    def allows(self, scope: str) -> bool:
        """Whether the token has a scope, or one that contains it (`read` contains `read:accounts`, `admin:read` its kinds)."""
        held = self.token.scopes.split()
        follows = scope in ("read:follows", "write:follows", "read:blocks", "write:blocks") and "follow" in held
        return follows or any(scope == one or scope.startswith(f"{one}:") for one in held)


@dataclass(frozen=True)
class Person:
    """A local person behind a token."""

    user: User
    actor: Actor
    token: AccessToken


async def caller(request: Request) -> Caller | None:
    """Who calls; None without a token.

    Raises:
        Unauthenticated: the token is unknown or revoked.
    """
    house: House = request.app.state.house
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.query_params.get("access_token", "")
    if not token.strip():
        return None
    found = await house.db.read(lambda session: tokens.lookup(session, token.strip()))
    if found is None:
        raise Unauthenticated("The access token is invalid")
    return Caller(*found)


async def person(request: Request, scope: str) -> Person:
    """The local person who calls, with a scope.

    Raises:
        Unauthenticated: no token, or an application's own.
        Forbidden: the scope is missing, or the account may not act.
    """
    who = await caller(request)
    if who is None:
        raise Unauthenticated("The access token is invalid")
    if who.user is None or who.actor is None:
        raise Unauthenticated("This method requires an authenticated user")
    if who.user.state != "active" or who.actor.suspended_at is not None:
        raise Forbidden("Your account is not active.")
    if not who.allows(scope):
        raise Forbidden("This action is outside the authorized scopes")
    return Person(who.user, who.actor, who.token)


async def viewer(request: Request) -> Actor | None:
    """The person who looks, when somebody does; a public list needs nobody."""
    who = await onlooker(request)
    return who.actor if who is not None else None


async def onlooker(request: Request) -> Person | None:
    """The person who looks with their settings, when somebody does."""
    who = await caller(request)
    if who is None or who.user is None or who.actor is None or who.user.state != "active":
        return None
    return Person(who.user, who.actor, who.token)
