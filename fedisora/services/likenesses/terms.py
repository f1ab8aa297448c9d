"""What others may read about asking for a cameo: the terms of a person, and the policy in their actor document.

Source: vocabulary.md "Terms" (`canCameo`); the document is described in docs/federate. Whom somebody approved or blocked is
never in it.
"""
from __future__ import annotations

import datetime as dt
from typing import Any, Final

from sqlalchemy.orm import Session

from ...models import Actor, Likeness
from ...provenance import policy
from ...provenance.record import timestamp
from ...store import likenesses
from ...uris import Uris
from .permission import CLOSED, Decision, decide

SAYS: Final = {
    likenesses.NOBODY: "Nobody may ask.", likenesses.APPROVED_ONLY: "People whom they approved may ask.",
    likenesses.MUTUALS: "People may ask who follow them and whom they follow.",
    likenesses.VERIFIED: "Verified humans may ask.", likenesses.EVERYONE: "Everyone may ask.",
}


def terms(session: Session, uris: Uris, owner: Actor, asker: Actor | None, now: dt.datetime) -> dict[str, Any]:
    """The document at `/users/NAME/cameo`, for one asker or (None) for everybody.

    Returns:
        {"id", "owner", "mayAsk": true | false | null (nobody in particular asks), "reason", "audience": a sentence,
        "forbidden", "agents", "until"?, "characters": [{"id", "name", "summary", "mayAsk", "reason", "audience", "forbidden",
        "agents", "until"?}]}. Whom the owner hears no more reads what they would read otherwise.
    """
    own = likenesses.active(session, owner.id)
    characters = []
    for row in likenesses.characters(session, owner.id):
        about = _about(session, owner, asker, row, now)
        if about["audience"] != SAYS[likenesses.NOBODY]:
            characters.append({"id": uris.character(owner.uri, row.id), "name": row.name, "summary": row.summary, **about})
    return {"id": uris.cameo_terms(owner.uri), "owner": owner.uri, **_about(session, owner, asker, own, now),
            "characters": characters}


def _about(session: Session, owner: Actor, asker: Actor | None, row: Likeness | None, now: dt.datetime) -> dict[str, Any]:
    decision = decide(session, owner, asker, row, now) if asker is not None else None
    if not open_to_somebody(row, now) or row is None or (
            decision is not None and decision.reason == CLOSED and not decision.unheard):
        return {"mayAsk": False, "reason": CLOSED, "audience": SAYS[likenesses.NOBODY], "forbidden": "", "agents": False}
    said = Decision(True) if decision is None or decision.unheard else decision
    return {"mayAsk": said.allowed if decision is not None else None, "reason": said.reason, "audience": SAYS[row.audience],
            "forbidden": row.forbidden, "agents": row.agents, **({"until": timestamp(row.until)} if row.until else {})}


def open_to_somebody(row: Likeness | None, now: dt.datetime | None = None) -> bool:
    """Whether there is anybody who may ask; without a moment its end is not looked at."""
    return (row is not None and row.state == likenesses.ACTIVE and row.audience in likenesses.AUDIENCES
            and row.audience != likenesses.NOBODY and (row.until is None or now is None or row.until > now))


def policy_of(session: Session, actor: Actor, now: dt.datetime | None = None) -> dict[str, Any]:
    """The `interactionPolicy` of a local actor: requests for a cameo are taken, or not at all. Never without asking.

    Characters count as well: the terms say which are open, and to whom.
    """
    rows = [likenesses.active(session, actor.id), *likenesses.characters(session, actor.id)]
    preset = "ask" if any(open_to_somebody(row, now) for row in rows) else "nobody"
    return {"canCameo": policy.rule(preset, actor.followers_uri or "", right="canCameo")}
