"""Polls as Mastodon's entity (docs.joinmastodon.org/entities/Poll)."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from ...models import Poll, Status
from ...store import polls
from .account import emojis, when


def poll(row: Poll, status: Status, viewer_id: int | None, chosen: Sequence[int], now: dt.datetime) -> dict[str, Any]:
    """One poll; its id is the post's. `chosen` is what the viewer voted for."""
    found: dict[str, Any] = {
        "id": str(row.status_id), "expires_at": when(row.expires_at), "expired": polls.over(row, now), "multiple": row.multiple,
        "votes_count": sum(option["votes"] for option in row.options), "voters_count": row.voters_count,
        "options": [{"title": option["title"], "votes_count": option["votes"]} for option in row.options],
        "emojis": emojis(status.emojis)}
    if viewer_id is not None:
        found |= {"voted": bool(chosen) or status.actor_id == viewer_id, "own_votes": list(chosen)}
    return found
