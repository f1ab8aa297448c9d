"""What is known about an account being a person, for our API, for Mastodon's and for the actor document."""
from __future__ import annotations

import datetime as dt
import html
from typing import Any

from ..models import Actor
from ..provenance import humanity
from ..provenance.record import timestamp
from ..uris import Uris


def human(actor: Actor, uris: Uris, now: dt.datetime) -> dict[str, Any]:
    """By whom an account was checked, how, until when, as this server sees it now. Never a bare tick.

    Returns:
        `verdict` (one of `provenance.humanity.VERDICTS`), `verified`, `issuer` (host), `method` (`assuranceMethod`), `how` (the
        method in English words), `until` and `checked_at` (RFC 3339) and `credential` (its address); None where nothing is known.
    """
    verdict = actor.human or humanity.NONE
    verified = humanity.holds(verdict, actor.human_until, now)
    if verdict in humanity.CHECKED and not verified:
        verdict = humanity.EXPIRED  # the sweep has not come to it yet
    said = verdict in (*humanity.CHECKED, humanity.CLAIMED)
    return {
        "verdict": verdict, "verified": verified,
        "issuer": (actor.human_issuer or (uris.host if actor.local else None)) if said else None,
        "method": actor.human_method if said else None,
        "how": humanity.WORDS.get(actor.human_method or "") if said else None,
        "until": timestamp(actor.human_until) if said and actor.human_until is not None else None,
        "checked_at": timestamp(actor.human_checked_at) if actor.human_checked_at is not None else None,
        "credential": actor.attestation[0] if said and actor.attestation else None}


def field(actor: Actor, uris: Uris, now: dt.datetime | None) -> dict[str, str] | None:
    """The profile field `Verified human` that software without our vocabulary shows; None for who is not verified.

    Args:
        now: None: as the account was last left, whether it has run out meanwhile or not.
    """
    until = actor.human_until
    if until is None or not humanity.holds(actor.human, until, now or until - dt.timedelta(seconds=1)):
        return None
    value = humanity.field_value(actor.human_issuer or uris.host, actor.human_method, until)
    return {"name": humanity.FIELD, "value": html.escape(value)}


def own_fields(actor: Actor) -> list[dict[str, Any]]:
    """An account's own profile fields, without any that could be taken for a server's word (they are refused now)."""
    return [item for item in actor.fields if not humanity.reserved(str(item["name"]))]
