"""Custom emoji of posts and actors (Mastodon's `toot:Emoji` tags)."""
from __future__ import annotations

import re
from typing import Any

from ...activitypub import parse

MAX_EMOJIS = 100
_SHORTCODE = re.compile(r"[A-Za-z0-9_]{2,64}\Z", re.ASCII)


def read(document: dict[str, Any]) -> list[dict[str, str]]:
    """[{"shortcode", "url"}] of the Emoji tags, each once; only https pictures (they are shown on our pages)."""
    found: dict[str, str] = {}
    for tag in parse.as_list(document.get("tag")):
        if len(found) >= MAX_EMOJIS:
            break
        if not isinstance(tag, dict) or parse.type_of(tag) != "Emoji" or not isinstance(tag.get("name"), str):
            continue
        name = tag["name"].strip(":")
        url = parse.url_of(tag.get("icon"))
        if _SHORTCODE.match(name) and url is not None and url.startswith("https://"):
            found.setdefault(name, url)
    return [{"shortcode": name, "url": url} for name, url in found.items()]
