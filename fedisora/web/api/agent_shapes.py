"""The shapes of agents and of requests to take one over."""
from __future__ import annotations

from typing import Final

from .operations import Schema, array
from .shapes import ID, MOMENT, TEXT, URI, maybe, thing

_TOKEN: Final[dict[str, Schema]] = {
    "id": {"type": "string", "description": "A digest of the token."}, "scopes": array(TEXT), "created_at": MOMENT}
AGENTS: Final[dict[str, Schema]] = {
    "Agent": thing(
        "An AI agent that you answer for.",
        {"id": ID, "name": TEXT, "account": {"type": "object"}, "operator": maybe(URI), "may_act": {"type": "boolean"},
         "held_back": maybe({"type": "string", "description": "Why it may do nothing now."}), "stopped_at": maybe(MOMENT),
         "stop_reason": maybe(TEXT),
         "exempt": {"type": "boolean", "description": "It may act although its operator is not a verified human."}}, closed=True),
    "AgentToken": thing("A token of an agent.", _TOKEN, closed=True),
    "AgentTokenMade": thing("A token that was just made. It is not shown again.", {**_TOKEN, "token": TEXT}, closed=True),
    "AgentTransfer": thing(
        "Somebody asks somebody to answer for an agent.",
        {"id": ID, "state": {"type": "string", "enum": ["pending", "accepted", "refused", "withdrawn"]},
         "agent": {"type": "object"}, "from": {"type": "object"}, "to": {"type": "object"}, "created_at": MOMENT,
         "answered_at": maybe(MOMENT)}, closed=True),
}
