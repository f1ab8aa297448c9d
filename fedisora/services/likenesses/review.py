"""A moderator's look at a picture that is to be enrolled, beside the live clip."""
from __future__ import annotations

from sqlalchemy import select

from ...db import UnitOfWork
from ...errors import Forbidden, Gone, NotFound
from ...models import Actor, AuditEntry, Likeness
from ...store import likenesses, verification
from .. import audit


def look(uow: UnitOfWork, case_id: int, moderator: Actor) -> Likeness:
    """Write down that a moderator looks at an enrolled picture (once for each case and moderator), and give its row.

    Raises:
        NotFound: no such case, or not a moderator.
        Forbidden: one's own case, or another moderator has it.
        Gone: the case is closed, or the picture was withdrawn.
    """
    case = verification.case(uow.session, case_id)
    if case is None or case.method != "likeness" or not verification.moderates(uow.session, moderator.id):
        raise NotFound("There is no such case.")
    if case.actor_id == moderator.id or case.reviewer_id != moderator.id:
        raise Forbidden("Only the moderator who has taken this case sees its picture.")
    row = likenesses.get(uow.session, case.likeness_id) if case.likeness_id is not None else None
    if case.state != "submitted" or row is None or row.state != likenesses.CHECKING or row.picture_key is None:
        raise Gone("This picture is gone.")
    if uow.session.scalar(select(AuditEntry.id).where(
            AuditEntry.case_id == case.id, AuditEntry.actor_id == moderator.id,
            AuditEntry.action == "likeness.viewed").limit(1)) is None:
        audit.note(uow, "likeness.viewed", subject=case.actor_id, by=moderator.id, case=case.id)
    return row
