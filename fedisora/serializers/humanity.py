"""What is known about an account being a person, for our API, for Mastodon's and for the actor document."""
from __future__ import annotations

import datetime as dt
import html
from typing import Any

from ..models import Actor
from ..provenance import badge as badges
from ..provenance import humanity
from ..provenance.badge import PLAIN, Badge, Narrowing
from ..provenance.record import timestamp
from ..uris import Uris

RUN_BY = "Run by"
"""Name of the profile field by which other software shows who answers for an agent."""


def human(actor: Actor, uris: Uris, now: dt.datetime, narrowing: Narrowing = PLAIN) -> dict[str, Any]:
    """By whom an account was checked, how, until when, as this server sees it now. Never a bare tick.

    Args:
        narrowing: whose word the viewer takes (`store.verifiers.narrowing`).

    Returns:
        `verdict` (one of `provenance.humanity.VERDICTS`), `verified`, `issuer` (host), `method` (`assuranceMethod`), `how` (the
        method in English words), `until` and `checked_at` (RFC 3339) and `credential` (its address); None where nothing is known.
    """
    shown = badge(actor, uris, now, narrowing)
    verdict, verified = shown.verdict, shown.checked
    said = verdict in (*humanity.CHECKED, humanity.CLAIMED)
    return {
        "verdict": verdict, "verified": verified,
        "issuer": (actor.human_issuer or (uris.host if actor.local else None)) if said else None,
        "method": actor.human_method if said else None,
        "how": humanity.WORDS.get(actor.human_method or "") if said else None,
        "until": timestamp(actor.human_until) if said and actor.human_until is not None else None,
        "checked_at": timestamp(actor.human_checked_at) if actor.human_checked_at is not None else None,
        "credential": actor.attestation[0] if said and actor.attestation else None}


def badge(actor: Actor, uris: Uris, now: dt.datetime | None = None, narrowing: Narrowing = PLAIN) -> Badge:
    """What is shown of who is behind an account.

    Args:
        now: None: this very moment.
        narrowing: whose word the viewer takes (`store.verifiers.narrowing`).
    """
    kind = badges.SERVER if actor.kind is None and actor.type == "Application" else actor.kind
    return badges.badge(kind=kind, human=actor.human, issuer=actor.human_issuer, method=actor.human_method,
                        until=actor.human_until, own=uris.host, now=now or dt.datetime.now(dt.UTC), narrowing=narrowing)


def in_short(actor: Actor, shown: Badge) -> dict[str, Any]:
    """An account's badge as it stands in every account of Mastodon's API (`fedisora.human`).

    Returns:
        `verdict` (one of `provenance.humanity.VERDICTS`), `checked_by` (host of who vouches or vouched), `method`
        (`assuranceMethod`), `method_text`, `until` (RFC 3339), `credential` (its address) and `text`, all of it in a sentence;
        None where there is nothing to say.
    """
    return {"verdict": shown.verdict, "checked_by": shown.by or None, "method": shown.method or None,
            "method_text": shown.how or None, "until": timestamp(shown.until) if shown.until is not None else None,
            "credential": actor.attestation[0] if shown.by and actor.attestation else None, "text": shown.sentence}


def shown_fields(actor: Actor, uris: Uris, shown: Badge) -> list[dict[str, Any]]:
    """An account's profile fields as they are shown here: what another server wrote into one that could be taken for this
    server's word is left out, and this server's own word stands in its place."""
    fields = own_fields(actor)
    said = field(actor, uris, None) if shown.checked else None
    return [said, *fields] if said is not None else fields


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


def run_by(actor: Actor, uris: Uris) -> dict[str, str] | None:
    """The profile field `Run by` of a local agent, for software without our vocabulary; None for anybody else."""
    name = uris.actor_name(actor.operator_uri) if actor.kind == "agent" and actor.operator_uri else None
    if name is None:
        return None
    return {"name": RUN_BY, "value": f'<a href="{html.escape(uris.profile(name))}">@{html.escape(name)}@{uris.host}</a>'}


def own_fields(actor: Actor) -> list[dict[str, Any]]:
    """An account's own profile fields, without any that could be taken for a server's word (they are refused now)."""
    return [item for item in actor.fields if not humanity.reserved(str(item["name"]))]
