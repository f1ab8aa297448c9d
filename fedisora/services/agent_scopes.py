"""What an agent may do with an API token: a limited set of scopes, whoever made the token and whenever."""
from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..errors import Invalid
from ..models import Actor, User
from .scopes import GUARDED

SCOPES: Final = ("read", "profile", "write:statuses", "write:media", "write:generations", "write:favourites", "write:follows",
                 "write:notifications", "write:consents")
"""All that an agent's token may hold. Not `push`, `write:accounts`, `write:blocks`, `write:reports`, `admin:…`: how the account
looks, whom it shuts out and whom it reports is for whoever answers for it."""
WIDER: Final = {"write": tuple(scope for scope in SCOPES if scope.startswith("write:")),
                "follow": ("read:follows", "write:follows")}
"""Scopes that hold more than an agent may have, and what is left of them."""
REFUSAL = "An agent may not do this: its tokens are limited to " + ", ".join(SCOPES) + "."


def allowed(scope: str) -> bool:
    """Whether an agent's token may hold a scope as it stands."""
    return scope not in GUARDED and any(scope == one or scope.startswith(f"{one}:") for one in SCOPES)


def narrowed(scopes: str) -> tuple[list[str], list[str]]:
    """(what an agent gets of the scopes that were asked for, each once; those that it gets not, or not whole)."""
    granted: list[str] = []
    left_out: list[str] = []
    for scope in dict.fromkeys(scopes.split()):
        if allowed(scope):
            granted.append(scope)
        else:
            granted += WIDER.get(scope, ())
            left_out.append(scope)
    kept = list(dict.fromkeys(granted))
    return [scope for scope in kept if not any(scope.startswith(f"{one}:") for one in kept)], left_out


def is_agent(session: Session, user_id: int | None) -> bool:
    """Whether a login is an agent's."""
    return user_id is not None and session.scalar(
        select(Actor.kind).join(User, User.actor_id == Actor.id).where(User.id == user_id)) == "agent"


def check(session: Session, user_id: int | None, scopes: str) -> None:
    """Whether a token with these scopes may be made for a login.

    Raises:
        Invalid: it is an agent's, and they are not all for agents.
    """
    if is_agent(session, user_id) and (bad := [scope for scope in scopes.split() if not allowed(scope)]):
        raise Invalid(f"An agent's token cannot have the scope {bad[0]}. There are: {', '.join(SCOPES)}.")
