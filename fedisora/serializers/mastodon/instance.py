"""The instance as Mastodon's v1 and v2 entities, and notifications."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from ... import __version__
from ...models import Actor, Notification
from ...settings import Settings
from ...store import actors, pins, reports, statuses, verifiers
from ...uris import Uris
from .account import account, when
from .report import report
from .status import Statuses

SPEAKS = f"4.3.0 (compatible; Fedisora {__version__})"
MIMES = ["video/mp4", "video/quicktime", "video/webm", "video/x-matroska", "image/jpeg", "image/png", "image/webp", "image/gif"]
CHARACTERS = 2000
PIXELS = 3840 * 2160


def configuration(settings: Settings, uris: Uris) -> dict[str, Any]:
    """Limits every composer reads."""
    size = settings.max_upload_mb << 20
    return {"urls": {"streaming": uris.base.replace("http", "ws", 1), "status": None, "about": uris.absolute("/about"),
                     "privacy_policy": None, "terms_of_service": None},
            "vapid": {"public_key": ""},
            "accounts": {"max_featured_tags": 0, "max_pinned_statuses": pins.MAX_PINNED, "max_profile_fields": 8},
            "statuses": {"max_characters": CHARACTERS, "max_media_attachments": 4, "characters_reserved_per_url": 23},
            "media_attachments": {"description_limit": 1500, "image_matrix_limit": 64_000_000, "image_size_limit": size,
                                  "supported_mime_types": MIMES, "video_frame_rate_limit": 120, "video_matrix_limit": PIXELS,
                                  "video_size_limit": size},
            "polls": {"max_options": 4, "max_characters_per_option": 50, "min_expiration": 300, "max_expiration": 2_629_746},
            "translation": {"enabled": False}, "limited_federation": False,
            "timelines_access": {"live_feeds": {"local": "public", "remote": "public"},
                                 "hashtag_feeds": {"local": "public", "remote": "public"},
                                 "trending_link_feeds": {"local": "public", "remote": "public"}}}


def policies(settings: Settings) -> dict[str, str]:
    """What this instance is for, and what it does with media of other servers that are not labelled or badly signed."""
    return {"ai_policy": settings.ai_policy, "unlabelled_media": settings.unlabelled_media,
            "badly_signed_media": settings.badly_signed_media}


def v2(settings: Settings, uris: Uris, counts: dict[str, int], contact: Actor | None) -> dict[str, Any]:
    """GET /api/v2/instance"""
    shown = uris.absolute("/static/instance.svg")
    return {"domain": uris.host, "title": settings.instance_name, "version": SPEAKS,
            "source_url": "https://fedisora.example/source", "description": settings.instance_description,
            "usage": {"users": {"active_month": counts["users"]}},
            "thumbnail": {"url": shown, "blurhash": None, "versions": {}},
            "icon": [], "languages": [settings.language], "configuration": configuration(settings, uris),
            "registrations": {"enabled": settings.registrations != "closed",
                              "approval_required": settings.registrations == "approval",
                              "reason_required": settings.registrations == "approval", "message": None,
                              "min_age": None, "url": uris.absolute("/signup")},
            "api_versions": {"mastodon": 1},
            "contact": {"email": settings.contact_email, "account": account(contact, uris) if contact else None},
            "rules": [], "fedisora": {"version": __version__, **policies(settings)}}


def v1(settings: Settings, uris: Uris, counts: dict[str, int], contact: Actor | None) -> dict[str, Any]:
    """GET /api/v1/instance"""
    return {"uri": uris.host, "title": settings.instance_name, "short_description": settings.instance_description,
            "description": settings.instance_description, "email": settings.contact_email, "version": SPEAKS,
            "urls": {"streaming_api": uris.base.replace("http", "ws", 1)},
            "stats": {"user_count": counts["users"], "status_count": counts["posts"], "domain_count": counts["domains"]},
            "thumbnail": uris.absolute("/static/instance.svg"), "languages": [settings.language],
            "registrations": settings.registrations != "closed", "approval_required": settings.registrations == "approval",
            "invites_enabled": False, "configuration": configuration(settings, uris), "max_toot_chars": CHARACTERS,
            "contact_account": account(contact, uris) if contact else None, "rules": []}


def notifications(session: Session, rows: Sequence[Notification], viewer_id: int, uris: Uris) -> list[dict[str, Any]]:
    """Notifications in order."""
    people = actors.many(session, [row.from_actor_id for row in rows])
    posts = statuses.many(session, [row.status_id for row in rows if row.status_id is not None])
    reported = reports.many(session, [row.about_id for row in rows if row.type == "admin.report"])
    loaded, narrowing = Statuses(session, list(posts.values()), viewer_id, uris), verifiers.narrowing(session, viewer_id)
    found = []
    for row in rows:
        item: dict[str, Any] = {"id": str(row.id), "type": row.type, "created_at": when(row.created_at),
                                "group_key": f"ungrouped-{row.id}",
                                "account": account(people[row.from_actor_id], uris, narrowing=narrowing)}
        if row.status_id is not None and row.status_id in posts:
            item["status"] = loaded.render(posts[row.status_id])
        if row.type == "admin.report" and row.about_id in reported:
            item["report"] = report(session, reported[row.about_id], uris)
        found.append(item)
    return found
