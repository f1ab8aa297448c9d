"""The audit log: what was done with sensitive things, and by whom. Entries are never changed, and hold no content."""
from __future__ import annotations

from typing import Any, Final

from ..db import UnitOfWork
from ..models import AuditEntry

ACTIONS: Final = {
    "case.started": "began a verification", "case.submitted": "handed in evidence", "case.assigned": "took the case",
    "case.approved": "approved the case", "case.rejected": "rejected the case",
    "case.expired": "closed the case, whose time was over", "case.withdrawn": "withdrew the case",
    "clip.viewed": "looked at the clip", "clip.deleted": "deleted the clip", "credential.issued": "gave a credential",
    "credential.renewed": "renewed the credential", "credential.revoked": "revoked the credential",
    "credential.expired": "let the credential run out",
    "credential.by_hand": "verified the account by hand", "credential.closed": "ended the verification by hand",
    "vouch.asked": "asked somebody to vouch", "vouch.given": "vouched", "vouch.revoked": "took a vouch back",
    "vouches.viewed": "looked at the vouches",
    "data.exported": "exported the data", "data.erased": "erased the data", "agent.stopped": "stopped the agent",
    "agent.started": "started the agent", "agent.transferred": "took over the agent",
    "agent.posted": "posted, or had a video made, as the agent", "likeness.enrolled": "enrolled a likeness",
    "likeness.viewed": "looked at a likeness", "likeness.withdrawn": "withdrew a likeness", "role.changed": "changed a role",
    "post.hidden": "hid a reported post", "post.deleted": "deleted a reported post",
}
"""Every action, in words that follow a name."""
BY_OPERATOR: Final = ("credential.by_hand", "credential.closed")
"""What only the operator does, at the command line: nobody's account stands beside it."""


def note(uow: UnitOfWork, action: str, *, subject: int | None, by: int | None = None, case: int | None = None,
         **detail: Any) -> AuditEntry:
    """Write down that something was done, in the transaction that does it.

    Args:
        subject: the account it is about.
        by: who did it; None: the server itself.
        detail: facts without content (a digest, a size, a method).

    Raises:
        ValueError: no such action.
    """
    if action not in ACTIONS:
        raise ValueError(f"{action} is not an action of the audit log")
    entry = AuditEntry(id=uow.new_id(), at=uow.now, actor_id=by, action=action, subject_id=subject, case_id=case, detail=detail)
    uow.session.add(entry)
    uow.session.flush()
    return entry
