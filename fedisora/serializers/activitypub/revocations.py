"""`/.well-known/fedisora-revoked`: certificates of an instance that count no more (vocabulary §2)."""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ...activitypub import parse
from ...models import RevokedCertificate
from ...provenance.record import timestamp

LIFE = dt.timedelta(days=7)
MOST = 20_000
"""Entries of another instance's list that are read."""
_LONGEST_SERIAL = 64


def to_activitypub(rows: Sequence[RevokedCertificate], issuer: str, now: dt.datetime) -> dict[str, Any]:
    """Our list, to be signed by the instance actor; without `@context`."""
    return {"issuer": issuer, "updated": timestamp(now), "validUntil": timestamp(now + LIFE), "revoked": [
        {"serial": row.serial, "since": timestamp(row.since), **({"reason": row.reason} if row.reason else {})} for row in rows]}


def serials(document: Mapping[str, Any], now: dt.datetime) -> list[str] | None:
    """Serials (lower-case hex without leading zeros) of another instance's list; None when it has run out.

    A list that says no `validUntil` is read as it is. Entries that make no sense are left out.
    """
    if "validUntil" in document:
        until = parse.datetime_of(dict(document), "validUntil")
        if until is None or until < now:
            return None
    found: set[str] = set()
    for entry in parse.as_list(document.get("revoked"))[:MOST]:
        serial = entry.get("serial") if isinstance(entry, dict) else None
        if isinstance(serial, str) and len(serial) <= _LONGEST_SERIAL:
            found.add(serial.lower().lstrip("0"))
    return sorted(found - {""})
