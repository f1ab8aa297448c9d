"""What an author says about people in a file that a video starts from. It is asked before anything is queued; nobody looks."""
from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...errors import Invalid
from ...models import Actor, ConsentRequest, ConsentStamp, Media
from ...provenance import humanity
from ...store import consents, likenesses
from .permission import is_agent

NOBODY, ME, AGREED = "nobody", "me", "agreed"
PEOPLE: Final = (NOBODY, ME, AGREED)
ASK: Final = ("Say whether it shows a person: `nobody`, `me` (it shows you) or `agreed` (somebody who agreed to a cameo of "
              "yours).")


def check(session: Session, actor: Actor, people: str, media: Media, now: dt.datetime, *, needed: bool = True) -> str:
    """Whether a file may be started from, by what its author says about people in it; what is to be kept of that.

    What was generated here is not asked about: it was asked when it was made.

    Args:
        people: one of `PEOPLE`, or "" (nothing was said).
        needed: refuse when nothing was said.

    Raises:
        Invalid: nothing was said, or it shows somebody who may not be shown; the text says what to do.
    """
    if media.generation_id is not None:
        return ""
    if people not in PEOPLE:
        if people or needed:
            raise Invalid(ASK, code="people")
        return ""
    if people == ME and (is_agent(actor) or not (
            likenesses.active(session, actor.id) is not None or humanity.holds(actor.human, actor.human_until, now))):
        raise Invalid("To start from a picture of yourself, be a verified human (Settings, Verified human) or enrol your "
                      "likeness (Settings, Likeness): else anybody could say that they are you.", code="people-me")
    if people == AGREED and not _agreed(session, actor):
        raise Invalid("Nobody has agreed to a cameo of yours yet. Ask the person for a cameo instead of using a picture of them: "
                      "it is then made on their server, from a picture that they chose.", code="people-agreed")
    return people


def _agreed(session: Session, actor: Actor) -> bool:
    """Whether somebody has agreed to a cameo that this account asked for, and has not taken it back."""
    taken_back = select(ConsentStamp.uri).where(ConsentStamp.revoked_at.is_not(None))
    return session.scalar(select(ConsentRequest.id).where(
        ConsentRequest.requester_id == actor.id, ConsentRequest.kind == "likeness",
        ConsentRequest.state.in_((consents.AGREED, consents.OFFERED, consents.ACCEPTED)),
        (ConsentRequest.stamp_uri.is_(None)) | (ConsentRequest.stamp_uri.not_in(taken_back))).limit(1)) is not None
