"""Reports as Mastodon's entities (docs.joinmastodon.org/entities/Report, Admin_Report)."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...models import Actor, Report, User
from ...store import actors, statuses
from ...uris import Uris
from .account import account, when
from .status import Statuses


def _category(row: Report) -> str:
    """Mastodon's word for it: apps know no others."""
    return "other" if row.category == "likeness" else row.category


def report(session: Session, row: Report, uris: Uris) -> dict[str, Any]:
    """A report as its author sees it."""
    posts = statuses.by_uris(session, row.status_uris)
    return {"id": str(row.id), "action_taken": row.state == "resolved", "action_taken_at": when(row.resolved_at),
            "category": _category(row), "comment": row.comment, "forwarded": row.forwarded, "created_at": when(row.created_at),
            "status_ids": [str(posts[uri].id) for uri in row.status_uris if uri in posts], "rule_ids": None,
            "target_account": account(actors.get(session, row.target_id), uris),
            "fedisora": {"category": row.category, "urgent": row.urgent}}


def _admin_account(actor: Actor, user: User | None, uris: Uris) -> dict[str, Any]:
    return {"id": str(actor.id), "username": actor.username, "domain": actor.domain or None,
            "created_at": when(actor.created_at), "email": user.email if user else "", "ip": None, "ips": [],
            "locale": user.locale if user else None, "invite_request": (user.reason or None) if user else None,
            "role": None, "confirmed": user is not None, "approved": user is not None and user.state != "pending",
            "disabled": user is not None and user.state == "disabled", "silenced": False, "sensitized": False,
            "suspended": actor.suspended_at is not None, "account": account(actor, uris)}


def admin_reports(session: Session, rows: Sequence[Report], viewer_id: int, uris: Uris) -> list[dict[str, Any]]:
    """Reports as administrators see them, with who reported and the posts."""
    people = actors.many(session, [person for row in rows for person in (row.actor_id, row.target_id, row.resolved_by)
                                   if person is not None])
    users = {user.actor_id: user for user in session.scalars(select(User).where(User.actor_id.in_(people)))}
    posts = statuses.by_uris(session, [uri for row in rows for uri in row.status_uris])
    loaded = Statuses(session, list(posts.values()), viewer_id, uris)

    def person(actor_id: int | None) -> dict[str, Any] | None:
        return _admin_account(people[actor_id], users.get(actor_id), uris) if actor_id is not None else None

    return [{"id": str(row.id), "action_taken": row.state == "resolved", "action_taken_at": when(row.resolved_at),
             "category": _category(row), "comment": row.comment, "forwarded": row.forwarded, "created_at": when(row.created_at),
             "updated_at": when(row.resolved_at or row.created_at), "account": person(row.actor_id),
             "target_account": person(row.target_id), "assigned_account": None,
             "action_taken_by_account": person(row.resolved_by),
             "fedisora": {"category": row.category, "urgent": row.urgent},
             "statuses": [loaded.render(posts[uri]) for uri in row.status_uris if uri in posts], "rules": []}
            for row in rows]
