"""Flag: somebody asks the moderators of a server to look at an account or posts of theirs."""
from __future__ import annotations

import hashlib
from typing import Any

from ..activitypub import markup
from ..activitypub.parse import id_of, ids_of, same_origin, text_of
from ..db import UnitOfWork
from ..models import Actor, Report
from ..store import actors, reports, statuses
from .received import Received

MAX_STATUSES = 50
MAX_COMMENT = 5000
MAX_OPEN = 200
"""Unresolved reports of one sender; more would bury what matters."""


def build(report: Report, instance: Actor, target: Actor) -> dict[str, Any]:
    """The Flag of a row, as the instance's own word: who reported stays here (as Mastodon does)."""
    return {"id": report.uri, "type": "Flag", "actor": instance.uri, "to": [target.uri], "content": report.comment,
            "object": [target.uri, *report.status_uris]}


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    session = uow.session
    uri = id_of(activity)
    if uri is None or not same_origin(uri, got.actor.uri):
        # a report is worth reading all the same; only its name is not taken from who cannot have given it
        uri = f"{got.actor.uri}#report-{hashlib.sha256(got.body).hexdigest()}"
    if reports.by_uri(session, uri) is not None:
        return "ignored: known"
    named = list(dict.fromkeys(ids_of(activity.get("object"))))[:MAX_STATUSES]
    local = [item for item in named if uow.uris.is_local(item)]
    posts = statuses.by_uris(session, local)
    people = actors.by_uris(session, local)
    target = next((people[item] for item in local if item in people), None)
    if target is None:
        author = next((posts[item].actor_id for item in local if item in posts), None)
        target = actors.get(session, author) if author is not None else None
    if target is None or not target.local or target.type == "Application":
        return "ignored: not about an account here"
    if reports.count_open(session, got.actor.id) >= MAX_OPEN:
        return "ignored: too many open reports of this sender"
    about = [item for item in local if item in posts and posts[item].actor_id == target.id]
    report = Report(id=uow.new_id(), uri=uri, actor_id=got.actor.id, target_id=target.id, status_uris=about,
                    comment=comment(text_of(activity, "content")), created_at=uow.now)
    session.add(report)
    session.flush()
    reports.tell_admins(uow, report)
    return "stored"


def comment(html: str) -> str:
    """A remote moderator's words as plain text, of a length that can be read."""
    return markup.plain_text(html)[:MAX_COMMENT]

