"""Every route of the instance, in the order they are tried."""
from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from . import activitypub, api, files, health, hls, mastodon, oauth, pages
from .pages import captions

if TYPE_CHECKING:
    from ..app import House


def build(house: House) -> list[BaseRoute]:
    """All routes. Pages come last: their `/@name` patterns are the widest."""
    return [*health.routes, *activitypub.routes, *mastodon.routes, *oauth.routes, *api.routes, *api.fallback,
            *mastodon.fallback, *captions.served, *hls.served, *files.routes, *pages.routes]
