"""Content negotiation: ActivityPub documents only for those who ask for them (ActivityPub §3.2)."""
from __future__ import annotations

import re

from .vocabulary import AS2

ACTIVITY_JSON = "application/activity+json"
LD_JSON = f'application/ld+json; profile="{AS2}"'
_QUALITY = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\Z")
_DATA = ("application/ld+json", "application/json", ACTIVITY_JSON)
_HTML = ("text/html", "application/xhtml+xml")


def wants_activity(accept: str | None) -> bool:
    """Whether an Accept header asks for AS2 rather than for HTML.

    `application/activity+json`, or `application/ld+json` with the AS2 profile; no wildcard and no plain JSON counts, so a
    browser gets the page. When AS2 and HTML weigh the same, the one named first wins.
    """
    activity = html = (0.0, 0)
    for position, part in enumerate((accept or "")[:2048].split(",")):
        kind, *parameters = (item.strip() for item in part.split(";"))
        weight = (_quality(parameters), -position)
        if kind.lower() in _HTML:
            html = max(html, weight)
        elif _is_activity(kind, parameters):
            activity = max(activity, weight)
    return activity[0] > 0 and activity > html


def wants_page(accept: str | None) -> bool:
    """Whether an Accept header asks for HTML rather than for JSON-LD or JSON: a browser does; who says nothing does not.

    When both weigh the same, the one named first wins.
    """
    page = data = (0.0, 0)
    for position, part in enumerate((accept or "")[:2048].split(",")):
        kind, *parameters = (item.strip() for item in part.split(";"))
        weight = (_quality(parameters), -position)
        if kind.lower() in _HTML:
            page = max(page, weight)
        elif kind.lower() in _DATA:
            data = max(data, weight)
    return page[0] > 0 and page > data


def is_activity_type(content_type: str | None) -> bool:
    """Whether the Content-Type of a body is AS2; plain JSON is not (somebody may have uploaded it)."""
    kind, *parameters = (item.strip() for item in (content_type or "").split(";"))
    return _is_activity(kind, parameters)


def _is_activity(kind: str, parameters: list[str]) -> bool:
    if kind.lower() == ACTIVITY_JSON:
        return True
    if kind.lower() != "application/ld+json":
        return False
    values = (value for name, _, value in (item.partition("=") for item in parameters) if name.strip() == "profile")
    return any(AS2 in value.strip().strip('"').split() for value in values)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return float(value) if _QUALITY.match(value.strip()) else 0.0
    return 1.0
