"""The Mastodon client API (docs.joinmastodon.org): what apps need to log in, read and post."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from ...errors import NotFound
from . import accounts, instance, media, polls, posts, quotes, reports, timelines

Handler = Callable[[Request], Any]


def _at(path: str, version: str = "v1", **methods: Handler) -> list[BaseRoute]:
    """Routes of one path by method; ids are digits of any length, so that a wrong one is 404 and not a wrong page."""
    return [Route(f"/api/{version}/{path}", handler, methods=[method.upper()]) for method, handler in methods.items()]


async def unknown(request: Request) -> None:
    """Everything else under /api: JSON, never a page."""
    raise NotFound


routes: list[BaseRoute] = [
    *_at("apps", post=instance.register_app), *_at("apps/verify_credentials", get=instance.verify_app),
    *_at("instance", get=instance.v1), *_at("instance", "v2", get=instance.v2), *_at("preferences", get=instance.preferences),
    *_at("instance/peers", get=instance.peers),
    *_at("markers", get=instance.markers), *_at("filters", "v2", get=instance.filters_v2),
    *(route for path, handler in instance.EMPTY.items() for route in _at(path, get=handler)),
    *_at("accounts/verify_credentials", get=accounts.verify_credentials),
    *_at("accounts/update_credentials", patch=accounts.update_credentials),
    *_at("accounts/lookup", get=accounts.lookup), *_at("accounts/search", get=accounts.search),
    *_at("accounts/relationships", get=accounts.relationships),
    *_at("accounts/{id:row}", get=accounts.show), *_at("accounts/{id:row}/statuses", get=accounts.posts),
    *_at("accounts/{id:row}/followers", get=accounts.followers), *_at("accounts/{id:row}/following", get=accounts.following),
    *_at("accounts/{id:row}/follow", post=accounts.follow), *_at("accounts/{id:row}/unfollow", post=accounts.unfollow),
    *_at("accounts/{id:row}/remove_from_followers", post=accounts.remove_from_followers),
    *_at("accounts/{id:row}/block", post=accounts.block), *_at("accounts/{id:row}/unblock", post=accounts.unblock),
    *_at("blocks", get=accounts.blocked),
    *_at("follow_requests", get=accounts.follow_requests),
    *_at("follow_requests/{id:row}/authorize", post=accounts.authorize),
    *_at("follow_requests/{id:row}/reject", post=accounts.reject),
    *_at("reports", post=reports.create), *_at("admin/reports", get=reports.listed),
    *_at("admin/reports/{id:row}", get=reports.show), *_at("admin/reports/{id:row}/resolve", post=reports.resolve),
    *_at("admin/reports/{id:row}/reopen", post=reports.reopen),
    *_at("statuses", post=posts.create),
    *_at("statuses/{id:row}", get=posts.show, put=posts.edit, delete=posts.delete),
    *_at("statuses/{id:row}/context", get=posts.context), *_at("statuses/{id:row}/source", get=posts.source),
    *_at("statuses/{id:row}/history", get=posts.history),
    *_at("statuses/{id:row}/favourite", post=posts.favourite), *_at("statuses/{id:row}/unfavourite", post=posts.unfavourite),
    *_at("statuses/{id:row}/reblog", post=posts.reblog), *_at("statuses/{id:row}/unreblog", post=posts.unreblog),
    *_at("statuses/{id:row}/pin", post=posts.pin), *_at("statuses/{id:row}/unpin", post=posts.unpin),
    *_at("statuses/{id:row}/favourited_by", get=posts.favourited_by),
    *_at("statuses/{id:row}/reblogged_by", get=posts.reblogged_by),
    *_at("statuses/{id:row}/quotes", get=quotes.listing),
    *_at("statuses/{id:row}/quotes/{quoting:row}/revoke", post=quotes.revoke),
    *_at("statuses/{id:row}/interaction_policy", put=quotes.policy),
    *_at("polls/{id:row}", get=polls.show), *_at("polls/{id:row}/votes", post=polls.vote),
    *_at("media", post=media.upload), *_at("media", "v2", post=media.upload),
    *_at("media/{id:row}", get=media.show, put=media.update),
    *_at("timelines/home", get=timelines.home), *_at("timelines/public", get=timelines.public),
    *_at("timelines/tag/{name}", get=timelines.tag), *_at("favourites", get=timelines.favourites),
    *_at("notifications", get=timelines.notification_list),
    *_at("notifications/unread_count", get=timelines.notifications_unread),
    *_at("notifications/clear", post=timelines.notifications_clear),
    *_at("notifications/{id:row}", get=timelines.notification),
    *_at("notifications/{id:row}/dismiss", post=timelines.notification_dismiss),
    *_at("search", "v2", get=timelines.search),
]
fallback: list[BaseRoute] = [Route("/api/{rest:path}", unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
"""Comes after every other API route."""
