"""Agents and requests to take one over, as our own API shows them to who answers for them."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..models import AccessToken, Actor, AgentProfile, OperatorTransfer
from ..provenance.record import timestamp
from ..uris import Uris
from .mastodon.account import account


def agent(actor: Actor, profile: AgentProfile | None, held_back: str, uris: Uris) -> dict[str, Any]:
    """One agent. `held_back`: why it may do nothing now, else ""."""
    stopped = profile.stopped_at if profile is not None else None
    return {"id": str(actor.id), "name": actor.username, "account": account(actor, uris), "operator": actor.operator_uri,
            "may_act": not held_back, "held_back": held_back or None, "stopped_at": timestamp(stopped) if stopped else None,
            "stop_reason": profile.stop_reason or None if profile is not None else None,
            "exempt": profile is not None and profile.exempt}


def tokens(rows: Sequence[AccessToken]) -> list[dict[str, Any]]:
    """Tokens by their digests; the tokens themselves are not kept."""
    return [{"id": row.token_hash, "scopes": row.scopes.split(), "created_at": timestamp(row.created_at)} for row in rows]


def transfer(row: OperatorTransfer, people: dict[int, Actor], uris: Uris) -> dict[str, Any]:
    """A request to take over an agent. `people`: the three accounts by row id."""
    return {"id": str(row.id), "state": row.state, "agent": account(people[row.agent_id], uris),
            "from": account(people[row.from_id], uris), "to": account(people[row.to_id], uris),
            "created_at": timestamp(row.created_at), "answered_at": timestamp(row.answered_at) if row.answered_at else None}
