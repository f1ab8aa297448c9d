"""The tokens with which an agent acts: its operator makes and ends them. What they may hold: `services.agent_scopes`."""
from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Conflict, Invalid, NotFound
from ...models import AccessToken, Actor, AuthorizationCode, User
from .. import accounts, agent_scopes, tokens

MOST = 20
"""Tokens of one agent at a time."""


def create(uow: UnitOfWork, agent: Actor, scopes: str) -> str:
    """A new token for an agent; the only time that it is seen.

    Raises:
        Invalid: no scope, or one that is not for agents.
        Conflict: it has as many as it may.
    """
    wanted = " ".join(dict.fromkeys(scopes.split()))
    if not wanted:
        raise Invalid(f"Please say what the token is for. There are: {', '.join(agent_scopes.SCOPES)}.")
    if len(tokens_of(uow.session, agent)) >= MOST:
        raise Conflict(f"An agent may have {MOST} tokens at a time. Revoke one that is not needed any more.")
    return tokens.create(uow, accounts.user_of(uow.session, agent.id).id, None, wanted)


def tokens_of(session: Session, agent: Actor) -> Sequence[AccessToken]:
    """The tokens with which an agent can act, newest first."""
    return session.scalars(select(AccessToken).join(User, User.id == AccessToken.user_id).where(
        User.actor_id == agent.id, AccessToken.revoked_at.is_(None)).order_by(AccessToken.created_at.desc())).all()


def revoke(uow: UnitOfWork, agent: Actor, token_hash: str) -> None:
    """End one of an agent's tokens.

    Raises:
        NotFound: it is none of them.
    """
    row = next((row for row in tokens_of(uow.session, agent) if row.token_hash == token_hash), None)
    if row is None:
        raise NotFound("There is no such token.")
    row.revoked_at = uow.now


def revoke_all(uow: UnitOfWork, agent: Actor) -> None:
    """End every token of an agent, and every code that would become one."""
    user_ids = select(User.id).where(User.actor_id == agent.id)
    uow.session.execute(update(AccessToken).where(AccessToken.user_id.in_(user_ids), AccessToken.revoked_at.is_(None))
                        .values(revoked_at=uow.now), execution_options={"synchronize_session": False})
    uow.session.execute(delete(AuthorizationCode).where(AuthorizationCode.user_id.in_(user_ids)),
                        execution_options={"synchronize_session": False})
