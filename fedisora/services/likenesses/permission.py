"""Who may ask for somebody's likeness or character. The home instance alone decides; what others read of it is a courtesy."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from ...models import Actor, Likeness
from ...provenance import humanity
from ...store import actors, likenesses, relations

CLOSED: Final = "They take no requests for this."
"""Said whenever nobody may ask."""
NO_AGENTS: Final = "They let no AI agents ask."
WHO: Final = {
    likenesses.APPROVED_ONLY: "Only people whom they approved may ask.",
    likenesses.MUTUALS: "Only people may ask who follow them and whom they follow.",
    likenesses.VERIFIED: "Only verified humans may ask.",
}


@dataclass(frozen=True)
class Decision:
    """Whether somebody may ask.

    Attributes:
        reason: why not, fit for whoever asks.
        automatic: the owner is not asked each time.
        unheard: not, because the owner takes nothing from them any more. They read what they would read otherwise, their
            requests are put before nobody, and run out unanswered: as if the owner did not look.
    """

    allowed: bool
    reason: str = ""
    automatic: bool = False
    unheard: bool = False


def is_agent(actor: Actor) -> bool:
    """Whether an account is a machine by what it says or by its type."""
    return actor.kind == "agent" or actor.type in ("Service", "Application")


def decide(session: Session, owner: Actor, asker: Actor, likeness: Likeness | None, now: dt.datetime) -> Decision:
    """Whether `asker` may ask `owner`, who lives here, for a likeness or character of theirs.

    In this order: it is there and has not ended; no account blocked the other; the owner's account is in use; agents; the
    audience; whether the owner takes nothing from them any more, which comes last so that it shows in nothing before.
    Whom the owner approved may ask at every level but `nobody`. An agent stands and falls with its operator: it is blocked when
    the operator is, and counts as verified when the operator, confirmed by both sides, is.
    """
    if (likeness is None or likeness.actor_id != owner.id or likeness.state != likenesses.ACTIVE
            or (likeness.until is not None and likeness.until <= now)):
        return Decision(False, CLOSED)
    if owner.id == asker.id:
        return Decision(True, automatic=True)
    operator = _operator(session, asker)
    both = [one for one in (asker, operator) if one is not None]
    if any(relations.blocked_either_way(session, owner.id, one.id) for one in both):
        return Decision(False, CLOSED)
    if owner.suspended_at is not None or asker.suspended_at is not None or actors.local_active(session, owner.username) is None:
        return Decision(False, CLOSED)
    if likeness.audience not in likenesses.AUDIENCES or likeness.audience == likenesses.NOBODY:
        return Decision(False, CLOSED)
    if is_agent(asker) and not likeness.agents:
        return Decision(False, NO_AGENTS)
    decided = likenesses.decided_about(session, owner.id, asker.id)
    known = decided in (likenesses.APPROVED, likenesses.ALWAYS)
    if not known and likeness.audience != likenesses.EVERYONE and not _belongs(
            session, owner, asker, operator, likeness.audience, now):
        return Decision(False, WHO[likeness.audience])
    if any(likenesses.decided_about(session, owner.id, one.id) == likenesses.BLOCKED for one in both):
        return Decision(False, CLOSED, unheard=True)
    return Decision(True, automatic=decided == likenesses.ALWAYS)


def _operator(session: Session, asker: Actor) -> Actor | None:
    """Who answers for an agent, as far as it is known here; whether they say so too is another question."""
    return actors.by_uri(session, asker.operator_uri) if is_agent(asker) and asker.operator_uri else None


def _belongs(session: Session, owner: Actor, asker: Actor, operator: Actor | None, audience: str, now: dt.datetime) -> bool:
    if audience == likenesses.MUTUALS:
        return relations.is_follower(session, asker.id, owner.id) and relations.is_follower(session, owner.id, asker.id)
    if audience == likenesses.VERIFIED:
        person = asker
        if is_agent(asker):
            if operator is None or asker.uri not in operator.operates:
                return False
            person = operator
        return humanity.holds(person.human, person.human_until, now)
    return False
