"""Bytes to documents, and careful accessors: a document came from somebody else, and any value may be of any type."""
from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import idna
import orjson

from ..errors import Malformed, TooLarge


@dataclass(frozen=True)
class Limits:
    """What a document from elsewhere may be."""

    bytes: int = 1 << 20
    depth: int = 32
    nodes: int = 10_000
    url: int = 2048


LIMITS = Limits()

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?\Z", re.ASCII)
_KEY = re.compile(rb'"[ \t\r\n]*:')
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\Z")
_IPV6 = re.compile(r"[0-9a-f:.]{2,45}\Z")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f<>\"\\^`{|}\ud800-\udfff]")


def parse_document(body: bytes, *, max_bytes: int = LIMITS.bytes) -> dict[str, Any]:
    """A JSON object within `LIMITS`: size, depth, number of values, no key twice, no NUL, no lone surrogate, no NaN.

    Numbers beyond 64 bits become floats; beyond a double they are refused.

    Raises:
        TooLarge: more bytes, or more values.
        Malformed: not one JSON object in UTF-8, too deep, a key given twice, or a NUL character.
    """
    if len(body) > max_bytes:
        raise TooLarge("This document is too large.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("This is not JSON.", cause=error) from None
    if not isinstance(document, dict):
        raise Malformed("This is not a JSON object.")
    # Each key of the text is a quote and a colon, and strings can only add such pairs. So when the document has as many
    # keys as the text has pairs, none was given twice; only otherwise the slow parser has to look.
    if _count_keys(document) != len(_KEY.findall(body)):
        _refuse_duplicates(body)
    if b"\\u0000" in body and b"\\u0000" in orjson.dumps(document).replace(b"\\\\", b""):
        raise Malformed("This document has a NUL character.")
    return document


def _count_keys(document: dict[str, Any]) -> int:
    """Keys of all objects, level by level, so that depth costs no recursion."""
    keys = nodes = depth = 0
    level: list[Any] = [document]
    while level:
        depth += 1
        if depth > LIMITS.depth:
            raise Malformed("This document is nested too deeply.")
        following: list[Any] = []
        for item in level:
            nodes += len(item)
            if type(item) is dict:
                keys += len(item)
                following += [value for value in item.values() if type(value) in (dict, list)]
            else:
                following += [value for value in item if type(value) in (dict, list)]
        if nodes > LIMITS.nodes:
            raise TooLarge("This document has too many values.")
        level = following
    return keys


def _refuse_duplicates(body: bytes) -> None:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise Malformed("This document has a key twice.")
        return found

    try:
        json.loads(body, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise Malformed("This is not JSON.", cause=error) from None


def as_list(value: object) -> list[Any]:
    """[] for nothing, the list itself, or a list of the one value."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def id_of(value: object) -> str | None:
    """The id of a reference: a string, or an object's `id`."""
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def ids_of(value: object) -> list[str]:
    """Ids of one or many references, in order; others are left out."""
    return [found for item in as_list(value) if (found := id_of(item)) is not None]


def type_of(document: object) -> str:
    """The type, or the first of several; "" when there is none."""
    value = document.get("type") if isinstance(document, dict) else None
    for item in as_list(value):
        if isinstance(item, str):
            return item
    return ""


def text_of(document: dict[str, Any], name: str) -> str:
    """A natural-language value: the property, else the first of its `…Map`; "" when there is none."""
    value = document.get(name)
    if isinstance(value, str):
        return value
    values = document.get(f"{name}Map")
    if isinstance(values, dict):
        for item in values.values():
            if isinstance(item, str):
                return item
    return ""


def links_of(value: object) -> Iterator[dict[str, Any]]:
    """Links of a `url`: strings become {"href"}; only http(s)."""
    for item in as_list(value):
        link = {"href": item} if isinstance(item, str) else item
        if isinstance(link, dict) and isinstance(link.get("href"), str) and is_http(link["href"]):
            yield link


def url_of(value: object) -> str | None:
    """The first http(s) address of a `url` (string, Link, object with url, or list)."""
    for link in links_of(value):
        return str(link["href"])
    if isinstance(value, dict) and "url" in value:
        return url_of(value["url"])
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and "url" in item and (found := url_of(item["url"])):
                return found
    return None


def is_http(url: object) -> bool:
    """Whether this is an http(s) URL with a host, without user info, controls, spaces or backslashes."""
    if not isinstance(url, str) or len(url) > LIMITS.url or _UNSAFE.search(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def datetime_of(document: dict[str, Any], name: str) -> dt.datetime | None:
    """An aware UTC datetime, None for anything else."""
    value = document.get(name)
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = dt.datetime.fromisoformat(value)
        return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def int_of(document: dict[str, Any], name: str, *, most: int = 2**53) -> int | None:
    """A non-negative whole number (1280.0 counts), None for anything else or more than `most`."""
    value = document.get(name)
    if isinstance(value, float) and value.is_integer() and 0 <= value <= most:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        return None
    return value


def duration_seconds(value: object) -> float | None:
    """Seconds of an xsd:duration such as PT5.5S; None for anything else, or more than a week."""
    match = _DURATION.match(value) if isinstance(value, str) and len(value) < 40 else None
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    return total if total <= 7 * 86400 else None


def host_of(uri: str) -> str:
    """The host of an http(s) URI: lower case, IDNA 2008 (UTS 46), no trailing dot, a port only when not the scheme's.

    Raises:
        Malformed: another scheme, user info, or nothing that could be a host.
    """
    if not is_http(uri):
        raise Malformed("This is not an http(s) address.", cause=str(uri)[:200])
    parts = urlsplit(uri)
    host = (parts.hostname or "").lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except UnicodeError as error:  # idna.IDNAError is one
            raise Malformed("This is not the name of a host.", cause=error) from None
    host = host.removesuffix(".")
    if ":" in host and _IPV6.match(host):
        host = f"[{host}]"
    elif len(host) > 253 or _HOST.match(host) is None:
        raise Malformed("This is not the name of a host.", cause=host[:200])
    default = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in (None, default) else f"{host}:{parts.port}"


@functools.lru_cache(maxsize=8192)
def _plain_origin(uri: str) -> str:
    """`https://host/` of an id whose text is its origin's normal form already; "" for every other."""
    parts = urlsplit(uri)
    plain = f"{parts.scheme}://{host_of(uri)}/"
    return plain if uri.startswith(plain) else ""


def same_origin(first: str, second: str) -> bool:
    """Whether two ids have the same scheme, host and port (FEP-fe34); False when one is no http(s) address."""
    try:
        plain = _plain_origin(second)  # one of the two is an actor's id, which comes again and again
        if plain and first.startswith(plain):
            return is_http(first)
        return host_of(first) == host_of(second) and urlsplit(first).scheme == urlsplit(second).scheme
    except Malformed:
        return False
