"""What PeerTube insists on before it takes a Video or an actor, written down from its validators (7.x)."""
from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import urlsplit


def _whole(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _url(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("http", "https") and len(value) < 2000


def problems(video: dict[str, Any]) -> list[str]:
    """Why PeerTube would drop this Video; empty when it takes it and can play it."""
    found = []

    def check(name: str, good: bool) -> None:
        if not good:
            found.append(name)

    check("type", video.get("type") == "Video")
    check("id", _url(video.get("id")))
    check("name", isinstance(video.get("name"), str) and 3 <= len(video["name"]) <= 120)
    duration = str(video.get("duration"))
    # its parser drops everything but digits: PT1.5S would last 15 seconds
    check("duration", re.fullmatch(r"PT[0-9]+S", duration) is not None)
    try:
        check("uuid", str(uuid.UUID(video["uuid"])) == video["uuid"])
    except (KeyError, ValueError):
        found.append("uuid")
    check("views", _whole(video.get("views")))
    for name in ("published", "updated"):
        check(name, re.match(r"\d{4}-\d\d-\d\dT", str(video.get(name))) is not None)
    content = video.get("content")
    check("content", content is None or 3 <= len(content) <= 10_000)
    check("mediaType", video.get("mediaType") in ("text/markdown", "text/html"))
    pictures = [icon for icon in video.get("icon", []) if icon.get("type") == "Image" and _url(icon.get("url"))
                and icon.get("mediaType") == "image/jpeg" and _whole(icon.get("width")) and _whole(icon.get("height"))]
    check("icon", bool(pictures))
    files = [link for link in video.get("url", []) if isinstance(link, dict) and link.get("type") == "Link"
             and link.get("mediaType") == "video/mp4" and _url(link.get("href")) and _whole(link.get("height"))
             and _whole(link.get("size")) and (not link.get("fps") or _whole(link["fps"], -1))]
    check("url", bool(files))
    authors = video.get("attributedTo")
    host = urlsplit(str(video.get("id"))).netloc
    check("attributedTo", isinstance(authors, list) and [item.get("type") for item in authors] == ["Person", "Group"]
          and all(urlsplit(item["id"]).netloc == host for item in authors))
    check("subtitleLanguage", isinstance(video.get("subtitleLanguage"), list))
    check("tag", all(2 <= len(tag["name"]) <= 30 for tag in video.get("tag", [])))
    if "language" in video:
        check("language", isinstance(video["language"].get("identifier"), str))
    return found


def channel_problems(group: dict[str, Any]) -> list[str]:
    """Why PeerTube would drop this Group as a channel."""
    found = [name for name in ("id", "inbox", "outbox", "followers", "following", "url") if not _url(group.get(name))]
    if group.get("type") != "Group":
        found.append("type")
    if not re.fullmatch(r"[\w.\-:]{1,50}", str(group.get("preferredUsername"))):
        found.append("preferredUsername")
    if not str(group.get("publicKey", {}).get("publicKeyPem")).startswith("-----BEGIN PUBLIC KEY-----"):
        found.append("publicKey")
    owners = group.get("attributedTo") or [{}]
    if owners[0].get("type") != "Person" or urlsplit(owners[0]["id"]).netloc != urlsplit(group["id"]).netloc:
        found.append("attributedTo")
    return found
