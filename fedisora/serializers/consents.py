"""Requests for consent and stamps as JSON (`/api/fedisora/v1/consent/…`)."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from ..models import ConsentRequest, ConsentStamp
from ..store import actors, consents, statuses
from ..uris import Uris
from .mastodon.account import account, when


def requests(session: Session, rows: Sequence[ConsentRequest], viewer_id: int, uris: Uris) -> list[dict[str, Any]]:
    """Requests in order. `account` is the other side; `preview_url` where a person who is logged in can look at the file."""
    people = actors.many(session, [row.owner_id for row in rows] + [row.requester_id for row in rows])
    parents = statuses.by_uris(session, [row.target_uri for row in rows])
    found = []
    for row in rows:
        asked = row.owner_id == viewer_id
        parent = parents.get(row.target_uri)
        file = consents.preview(session, row, viewer_id)
        found.append({
            "id": str(row.id), "uri": row.uri, "kind": row.kind, "direction": "in" if asked else "out", "state": row.state,
            "account": account(people[row.requester_id if asked else row.owner_id], uris), "name": row.name, "use": row.use,
            "target": {"uri": row.target_uri, "status_id": str(parent.id) if parent is not None else None},
            "object": row.object_uri, "status_id": str(row.status_id) if row.status_id is not None else None,
            "digest": row.digest, "preview_url": uris.consent_file(row.id) if file is not None else None,
            "reason": row.reason, "stamp": row.stamp_uri, "prompt": row.prompt, "character": row.character_uri,
            "generation_id": str(row.generation_id) if row.generation_id is not None and not asked else None,
            "created_at": when(row.created_at), "answered_at": when(row.answered_at)})
    return found


def arrivals(rows: Sequence[consents.Arrival]) -> list[dict[str, Any]]:
    """Which servers have heard that a stamp was taken back."""
    return [{"host": row.host, "state": row.state, "status": row.status, "reason": row.reason, "attempts": row.attempts,
             "next": when(row.next), "at": when(row.at)} for row in rows]


def stamps(session: Session, rows: Sequence[ConsentStamp], uris: Uris) -> list[dict[str, Any]]:
    """Stamps somebody gave, in order; `account` is None when whoever asked is not known here any more."""
    people = actors.by_uris(session, [row.requester_uri for row in rows])
    remixes = statuses.by_uris(session, [row.object_uri for row in rows])
    parents = statuses.by_uris(session, [row.target_uri for row in rows])

    def row_of(known: dict[str, Any], uri: str) -> str | None:
        return str(known[uri].id) if uri in known else None

    return [{
        "id": str(row.id), "uri": row.uri, "kind": row.kind, "digest": row.digest, "object": row.object_uri,
        "status_id": row_of(remixes, row.object_uri),
        "target": {"uri": row.target_uri, "status_id": row_of(parents, row.target_uri)},
        "account": account(people[row.requester_uri], uris) if row.requester_uri in people else None,
        "created_at": when(row.created_at), "ends_at": when(row.end_at), "revoked_at": when(row.revoked_at)} for row in rows]
