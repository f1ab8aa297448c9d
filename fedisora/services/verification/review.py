"""What moderators see of a case, and the log that says that they saw it."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Forbidden, Gone, NotFound
from ...models import Actor, VerificationCase
from ...store import verification
from ...vault import Vault
from .. import audit
from . import cases, challenges

SHOWN: Final = 100


@dataclass(frozen=True)
class SealedClip:
    """Where a clip lies in the private storage, and what opens it."""

    key: str
    secret: bytes
    mime: str


def waiting(session: Session, moderator: Actor) -> list[VerificationCase]:
    """What a moderator may look at, the oldest first: everything that waits but their own."""
    return [row for row in verification.waiting(session, cases.REVIEWED, SHOWN) if row.actor_id != moderator.id]


def inside(vault: Vault, case: VerificationCase, moderator: Actor) -> dict[str, Any]:
    """What is sealed in a case (phrase and turn, or a question) for the moderator who has it; {} for everybody else."""
    if case.reviewer_id != moderator.id or case.actor_id == moderator.id or case.state != "submitted":
        return {}
    found = challenges.unseal(vault, case)
    return {name: found[name] for name in ("phrase", "turn", "language", "note") if name in found}


def open_to(session: Session, case_id: int, moderator: Actor, now: dt.datetime) -> SealedClip:
    """Where the clip lies that a moderator may look at. It is shown only after `look`.

    Raises:
        NotFound: no such case, or not a moderator.
        Forbidden: one's own case, or another moderator has it.
        Gone: there is no clip (any more).
    """
    case = verification.case(session, case_id)
    if case is None or case.method not in cases.REVIEWED or not verification.moderates(session, moderator.id):
        raise NotFound("There is no such case.")
    if case.actor_id == moderator.id or case.reviewer_id != moderator.id:
        raise Forbidden("Only the moderator who has taken this case sees its clip.")
    over = case.clip_purge_at is not None and case.clip_purge_at <= now  # on its way out, whatever still lies there
    if case.state != "submitted" or case.clip_key is None or case.clip_secret is None or over:
        raise Gone("This clip is gone.")
    return SealedClip(case.clip_key, case.clip_secret, case.clip_mime)


def look(uow: UnitOfWork, case_id: int, moderator: Actor) -> SealedClip:
    """Write down that a moderator looks at a clip, which is at hand to be shown: a yes needs a look, and there is none at a file
    that the storage does not give.

    Raises:
        NotFound, Forbidden, Gone: see `open_to`.
    """
    found = open_to(uow.session, case_id, moderator, uow.now)
    case = uow.session.get_one(VerificationCase, case_id)
    audit.note(uow, "clip.viewed", subject=case.actor_id, by=moderator.id, case=case.id)
    return found
