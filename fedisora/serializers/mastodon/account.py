"""Accounts as Mastodon's entities (docs.joinmastodon.org/entities/Account), with our key `fedisora`."""
from __future__ import annotations

import datetime as dt
from typing import Any

from ...models import Actor, User
from ...provenance.badge import PLAIN, Narrowing
from ...store.relations import Relationship
from ...uris import Uris
from .. import humanity


def when(moment: dt.datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def picture(actor: Actor, uris: Uris, which: str = "avatar") -> str:
    """Address of an account's avatar or header; a placeholder when it has none."""
    key = actor.avatar_key if which == "avatar" else actor.header_key
    remote = actor.avatar_url if which == "avatar" else actor.header_url
    return uris.media(key) if key else remote or uris.absolute(f"/static/{which}.svg")


def emojis(found: list[Any]) -> list[dict[str, Any]]:
    """Custom emoji of a post or an account."""
    return [{"shortcode": item["shortcode"], "url": item["url"], "static_url": item["url"], "visible_in_picker": False}
            for item in found]


def account(actor: Actor, uris: Uris, moved: Actor | None = None, *, narrowing: Narrowing = PLAIN) -> dict[str, Any]:
    """One account.

    Args:
        moved: the one that took its place (`store.actors.successor`).
        narrowing: whose word about people the viewer takes (`store.verifiers.narrowing`).
    """
    avatar, header = picture(actor, uris), picture(actor, uris, "header")
    badge = humanity.badge(actor, uris, narrowing=narrowing)
    found: dict[str, Any] = {
        "id": str(actor.id), "username": actor.username, "acct": actor.acct, "display_name": actor.name or actor.username,
        "locked": actor.locked, "bot": actor.type in ("Service", "Application") or actor.kind == "agent",
        "discoverable": actor.discoverable, "indexable": actor.indexable, "group": actor.type == "Group",
        "created_at": when(actor.created_at.replace(hour=0, minute=0, second=0, microsecond=0)), "note": actor.summary,
        "url": actor.url or actor.uri, "uri": actor.uri, "avatar": avatar, "avatar_static": avatar, "header": header,
        "header_static": header, "followers_count": actor.followers_count, "following_count": actor.following_count,
        "statuses_count": actor.statuses_count,
        "last_status_at": actor.last_status_at.date().isoformat() if actor.last_status_at else None,
        "hide_collections": actor.hide_collections, "noindex": not actor.indexable, "emojis": emojis(actor.emojis), "roles": [],
        "fields": [{"name": item["name"], "value": item["value"], "verified_at": None}
                   for item in humanity.shown_fields(actor, uris, badge)],
        "fedisora": {"kind": actor.kind, "operator": actor.operator_uri, "operator_confirmed": actor.operator_confirmed,
                     "human": humanity.in_short(actor, badge)}}
    if actor.suspended_at is not None:
        found["suspended"] = True
    if moved is not None:
        found["moved"] = account(moved, uris, narrowing=narrowing)
    return found


def credential_account(actor: Actor, user: User, uris: Uris, requests: int = 0, moved: Actor | None = None, *,
                       narrowing: Narrowing = PLAIN) -> dict[str, Any]:
    """One's own account, with what only its owner sees."""
    permissions = "1" if user.admin else "0"
    role = {"id": "3" if user.admin else "-99", "name": "Owner" if user.admin else "", "permissions": permissions, "color": "",
            "highlighted": user.admin}
    return {**account(actor, uris, moved, narrowing=narrowing), "role": role, "source": {
        "privacy": "public", "sensitive": False, "language": user.locale, "note": actor.note,
        "fields": [{"name": item["name"], "value": item.get("source", ""), "verified_at": None} for item in actor.fields],
        "follow_requests_count": requests, "hide_collections": actor.hide_collections, "discoverable": actor.discoverable,
        "indexable": actor.indexable}}


def relationship(found: Relationship) -> dict[str, Any]:
    """How the viewer and an account stand to each other."""
    return {"id": str(found.id), "following": found.following, "showing_reblogs": found.following, "notifying": False,
            "languages": None, "followed_by": found.followed_by, "blocking": found.blocking, "blocked_by": found.blocked_by,
            "muting": False, "muting_notifications": False, "requested": found.requested,
            "requested_by": found.requested_by, "domain_blocking": False, "endorsed": False, "note": ""}
