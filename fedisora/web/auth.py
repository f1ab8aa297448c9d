"""Who calls the client API: a bearer token and its scopes (RFC 6750)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request

from ..errors import Forbidden, Unauthenticated
from ..models import AccessToken, Actor, User
from ..services import agent_scopes, agents, scopes, tokens

if TYPE_CHECKING:
    from ..app import House


@dataclass(frozen=True)
class Caller:
    """A verified token; `user` and `actor` are None for an application's own token."""

    token: AccessToken
    user: User | None
    actor: Actor | None

    @property
    def actor_id(self) -> int | None:
        return self.actor.id if self.actor is not None else None

    @property
    def is_agent(self) -> bool:
        return self.actor is not None and self.actor.kind == "agent"

    def allows(self, scope: str) -> bool:
        """Whether the token has a scope, or one that contains it (`services.scopes`)."""
        held = self.token.scopes.split()
        if self.is_agent:  # also a token from before agents' tokens were limited
            held = agent_scopes.narrowed(self.token.scopes)[0]
        return scopes.contains(held, scope)


@dataclass(frozen=True)
class Person:
    """A local person behind a token."""

    user: User
    actor: Actor
    token: AccessToken

    def require(self, scope: str) -> None:
        """Something that needs one scope more than the rest of a use case.

        Raises:
            Forbidden: the token does not hold it.
        """
        _check(Caller(self.token, self.user, self.actor), scope)


async def caller(request: Request) -> Caller | None:
    """Who calls; None without a token.

    Raises:
        Unauthenticated: the token is unknown or revoked.
        Forbidden: it is an agent's that may not act now.
        TooManyRequests: it is an agent's that asks too often.
    """
    house: House = request.app.state.house
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.query_params.get("access_token", "")
    if not token.strip():
        return None

    def look(session: Session) -> tuple[Caller | None, str]:
        found = tokens.lookup(session, token.strip())
        if found is None:
            return None, ""
        actor = found[2]
        return Caller(*found), "" if actor is None else agents.may_act(session, house.settings, actor, house.db.clock())

    who, held_back = await house.db.read(look)
    if who is None:
        raise Unauthenticated("The access token is invalid")
    if held_back:
        raise Forbidden(held_back, code=agents.PAUSED)
    if who.is_agent and house.settings.rate_limits:
        house.agents.take(who.actor_id)
    return who


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
    _check(who, scope)
    return Person(who.user, who.actor, who.token)


def _check(who: Caller, scope: str) -> None:
    if who.allows(scope):
        return
    if who.is_agent and not agent_scopes.allowed(scope):
        raise Forbidden(agent_scopes.REFUSAL, code="agent-scope")
    if scope in scopes.GUARDED:
        raise Forbidden(f"This needs the scope {scope}, which no other one contains.")
    raise Forbidden("This action is outside the authorized scopes")


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
