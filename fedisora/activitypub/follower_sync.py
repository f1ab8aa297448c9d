"""FEP-8fcf: comparing who follows whom between two servers, by one digest in the `Collection-Synchronization` header."""
from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import Malformed
from .parse import is_http

HEADER = "Collection-Synchronization"
MAX_HEADER = 4096
_PARAMETER = re.compile(r'[ \t]*(collectionId|url|digest)[ \t]*=[ \t]*"([^"\\]*)"[ \t]*(?:,(?=[ \t]*[a-zA-Z])|\Z)')
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Synchronization:
    """What the header says: whose followers, where the reader's part of them is listed, and the digest of that part."""

    collection_id: str
    url: str
    digest: str


def digest(ids: Iterable[str]) -> str:
    """XOR of the SHA-256 of each id, once each, in lower-case hex; zeros for nobody."""
    total = 0
    for uri in set(ids):
        total ^= int.from_bytes(hashlib.sha256(uri.encode()).digest())
    return f"{total:064x}"


def build(collection_id: str, url: str, value: str) -> str:
    """The header's value."""
    return f'collectionId="{collection_id}", url="{url}", digest="{value}"'


def parse(text: str) -> Synchronization:
    """The header's value, read strictly: its three parameters, quoted, once each.

    Raises:
        Malformed: anything else.
    """
    if len(text) > MAX_HEADER:
        raise Malformed("The Collection-Synchronization header is too long.")
    values: dict[str, str] = {}
    at, text = 0, text.strip()
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None or match[1] in values:
            raise Malformed("The Collection-Synchronization header cannot be read.")
        values[match[1]] = match[2]
        at = match.end()
    if len(values) != 3 or not is_http(values["collectionId"]) or not is_http(values["url"]) \
            or _DIGEST.match(values["digest"]) is None:
        raise Malformed("The Collection-Synchronization header is not complete.")
    return Synchronization(values["collectionId"], values["url"], values["digest"])
