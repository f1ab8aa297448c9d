"""WebFinger (RFC 7033, FEP-2c59) and host-meta (RFC 6415). Whether a handle loops back is for the caller to check."""
from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from ..errors import Malformed
from .negotiation import ACTIVITY_JSON, is_activity_type
from .parse import as_list, host_of, is_http

SUBSCRIBE = "http://ostatus.org/schema/1.0/subscribe"
PROFILE_PAGE = "http://webfinger.net/rel/profile-page"
MAX_RESOURCE = 2048

_USER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.~!$&'*+=-]{0,126}[A-Za-z0-9_])?\Z")
"""What a name of somebody elsewhere may be: wider than ours, and nothing that could leave its place in a URL or line."""


def parse_handle(text: str) -> tuple[str, str] | None:
    """(name, host) of `@name@host`, `name@host` or `acct:name@host`; None for anything else.

    The host is in lower case and IDNA form, with a port when it is not 443: two spellings of one host are one host.
    """
    if len(text) > 512:
        return None
    plain = text.strip()
    plain = (plain[5:] if plain[:5].lower() == "acct:" else plain).removeprefix("@")
    name, at, host = plain.partition("@")
    if not at or _USER.match(name) is None or re.search(r"[\s/?#@\\%]", host):
        return None
    try:
        return name, host_of(f"https://{host}")
    except Malformed:
        return None


def webfinger_host(host: str) -> str:
    """A host as `parse_handle` writes it; in lower case when it is none."""
    parsed = parse_handle(f"x@{host}")
    return parsed[1] if parsed is not None else host.lower()


def parse_resource(resource: str) -> tuple[str, str] | str:
    """(name, host) of an `acct:` resource, or the http(s) URL as it is.

    Raises:
        Malformed: neither.
    """
    if len(resource) <= MAX_RESOURCE:
        if is_http(resource):
            return resource
        handle = parse_handle(resource)
        if handle is not None:
            return handle
    raise Malformed("The resource must be acct:name@host or a URL.")


def jrd(subject: str, actor_uri: str, profile_url: str, aliases: tuple[str, ...] = ()) -> dict[str, Any]:
    """The document about one account; `subject` is `acct:name@host`."""
    parts = urlsplit(actor_uri)
    return {"subject": subject, "aliases": list(dict.fromkeys([profile_url, actor_uri, *aliases])), "links": [
        {"rel": "self", "type": ACTIVITY_JSON, "href": actor_uri},
        {"rel": PROFILE_PAGE, "type": "text/html", "href": profile_url},
        {"rel": SUBSCRIBE, "template": f"{parts.scheme}://{parts.netloc}/authorize_interaction?uri={{uri}}"}]}


def actor_link(document: dict[str, Any]) -> str | None:
    """The actor id a JRD points to: its first `self` link of an AS2 type with an http(s) address."""
    for link in as_list(document.get("links")):
        if isinstance(link, dict) and link.get("rel") == "self" and isinstance(link.get("type"), str):
            href = link.get("href")
            if is_activity_type(link["type"]) and isinstance(href, str) and is_http(href):
                return href
    return None


def subscribe_template(document: dict[str, Any]) -> str | None:
    """Where somebody's own server asks them to confirm a follow: a URL with `{uri}`."""
    for link in as_list(document.get("links")):
        if isinstance(link, dict) and link.get("rel") == SUBSCRIBE:
            template = link.get("template")
            if isinstance(template, str) and "{uri}" in template and is_http(template.replace("{uri}", "x")):
                return template
    return None


def host_meta_xml(base: str) -> str:
    """host-meta as XRD."""
    template = quoteattr(f"{base}/.well-known/webfinger?resource={{uri}}")
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">\n'
            f'  <Link rel="lrdd" template={template}/>\n</XRD>\n')


def host_meta_json(base: str) -> dict[str, Any]:
    """host-meta as JSON."""
    return {"links": [{"rel": "lrdd", "template": f"{base}/.well-known/webfinger?resource={{uri}}"}]}
