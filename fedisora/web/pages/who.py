"""Who is behind an account, in full: what is known, by whom, how, until when; and for a machine, who answers for it."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ...models import Actor
from ...provenance.badge import Badge, Narrowing, day
from ...provenance.humanity import NONE
from ...store import actors, attestations
from ...uris import Uris
from . import views


@dataclass(frozen=True)
class Behind:
    """The panel "Who is behind it" of a profile.

    Attributes:
        facts: (what, words).
        credential: address of the credential that it rests on, "" for none.
        why: why a credential that the account names does not count; "" when it does, or it names none.
        operator: who answers for an agent; None when the account is not known here.
        confirmed: whether that account says so as well.
    """

    badge: Badge
    facts: list[tuple[str, str]]
    credential: str
    why: str
    operator: views.AccountView | None
    confirmed: bool


def behind(session: Session, actor: Actor, uris: Uris, narrowing: Narrowing) -> Behind:
    """What is known of who is behind an account, for a viewer."""
    shown = views.account(actor, uris, narrowing).badge
    row = attestations.get(session, actor.id) if actor.attestation and not actor.local else None
    operator = actors.by_uri(session, actor.operator_uri) if actor.kind == "agent" and actor.operator_uri else None
    if operator is not None and operator.suspended_at is not None:
        operator = None
    return Behind(
        shown, _facts(shown, actor.human_checked_at), actor.attestation[0] if shown.by and actor.attestation else "",
        row.reason if row is not None and shown.verdict == NONE and actor.kind != "agent" else "",
        views.account(operator, uris, narrowing) if operator is not None else None,
        operator is not None and actor.uri in operator.operates)


def _facts(badge: Badge, looked: dt.datetime | None) -> list[tuple[str, str]]:
    if not badge.by:
        return []
    facts = [("By", badge.by), ("How", f"{badge.how[:1].upper()}{badge.how[1:]}")]
    if badge.until is not None:
        facts.append(("Until", day(badge.until)))
    if looked is not None:
        facts.append(("Looked at", day(looked)))
    return facts
