"""NodeInfo 2.0 and 2.1 (FEP-f1d5, FEP-0151)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .markup import clean_line
from .parse import as_list, same_origin

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


@dataclass(frozen=True)
class Software:
    """What a server says it runs; `name` in lower case."""

    name: str
    version: str
    node_name: str | None = None


def link_to(document: Mapping[str, Any], origin: str) -> str | None:
    """The address of the newest NodeInfo document that `/.well-known/nodeinfo` at `origin` names.

    Only http(s) on the same origin counts: a link elsewhere (or inward, or `data:`) is somebody else's answer.
    """
    found: dict[str, str] = {}
    for link in as_list(document.get("links"))[:20]:
        if isinstance(link, dict) and isinstance(link.get("rel"), str) and same_origin(str(link.get("href")), origin):
            found.setdefault(link["rel"], link["href"])
    return next((found[SCHEMA + version] for version in reversed(VERSIONS) if SCHEMA + version in found), None)


def software_of(document: Mapping[str, Any]) -> Software | None:
    """Name and version of the software in a NodeInfo document; None when it names none."""
    software, metadata = document.get("software"), document.get("metadata")
    if not isinstance(software, dict) or not isinstance(software.get("name"), str):
        return None
    name = clean_line(software["name"], 64).lower()
    version = software.get("version")
    node_name = metadata.get("nodeName") if isinstance(metadata, dict) else None
    if not name:
        return None
    return Software(name, clean_line(version, 64) if isinstance(version, str) else "",
                    (clean_line(node_name, 200) or None) if isinstance(node_name, str) else None)
