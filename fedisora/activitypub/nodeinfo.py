"""NodeInfo 2.0 and 2.1 (FEP-f1d5, FEP-0151)."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/"
VERSIONS = ("2.0", "2.1")


def links(base: str) -> dict[str, Any]:
    """`/.well-known/nodeinfo` of the origin `base`."""
    return {"links": [{"rel": SCHEMA + version, "href": f"{base}/nodeinfo/{version}"} for version in VERSIONS]}


def document(version: str, software_version: str, open_registrations: bool, *, users: int, posts: int,
             metadata: Mapping[str, Any] | None = None, active_month: int | None = None,
             active_half_year: int | None = None, repository: str | None = None) -> dict[str, Any]:
    """The NodeInfo document of `version` "2.0" or "2.1".

    Args:
        users: local accounts; `posts`: local posts. Activity that is not counted is left out, not guessed.
        metadata: shown beside `upstream`, which tells clients that only know names which client API this server speaks.
    """
    software: dict[str, Any] = {"name": "fedisora", "version": software_version}
    if version == "2.1" and repository:
        software["repository"] = repository
    counted: dict[str, Any] = {"total": users}
    if active_month is not None:
        counted["activeMonth"] = active_month
    if active_half_year is not None:
        counted["activeHalfyear"] = active_half_year
    return {"version": version, "software": software, "protocols": ["activitypub"],
            "services": {"inbound": [], "outbound": []}, "openRegistrations": open_registrations,
            "usage": {"users": counted, "localPosts": posts},
            "metadata": {"upstream": {"name": "mastodon"}, **(metadata or {})}}
