"""A person's own verification data: all of it to take away, and all of it erased.

An export names nobody but the person, and those whom the person vouched for or who vouched for the person: both sides know of
that already. Moderators are left out: who looked is the instance, in a role (ADR 0014).
"""
from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from ...db import UnitOfWork
from ...models import (
    AuditEntry,
    HumanCredential,
    Notification,
    OneTimeToken,
    Passkey,
    User,
    VerificationCase,
)
from ...provenance.record import timestamp
from ...store import actors, verification
from .. import audit
from . import cases, clips, credentials, methods, passkeys, states


def export(uow: UnitOfWork, user: User, *, by: int) -> dict[str, Any]:
    """Everything that is kept about a person's verification, as JSON. That it was taken is written down."""
    session, actor = uow.session, actors.get(uow.session, user.actor_id)
    audit.note(uow, "data.exported", subject=actor.id, by=by)
    return {
        "account": actor.uri, "exported": timestamp(uow.now),
        "verified": {"verdict": actor.human, "method": actor.human_method, "until": _when(actor.human_until)},
        "cases": [_case(row) for row in verification.cases_of(session, actor.id)],
        "passkeys": [{"name": row.name, "added": _when(row.created_at), "used": _when(row.used_at), "transports": row.transports}
                     for row in verification.passkeys_of(session, user.id)],
        "credentials": [{"id": row.uri, "method": row.method, "from": _when(row.valid_from), "until": _when(row.valid_until),
                         "ended": _when(row.ended_at), "end": row.end, "reason": row.reason}
                        for row in session.scalars(select(HumanCredential).where(HumanCredential.actor_id == actor.id)
                                                   .order_by(HumanCredential.id))],
        **methods.export(session, actor.id),
        "log": [{"at": _when(row.at), "who": _role(row, actor.id), "what": audit.ACTIONS[row.action], "detail": _facts(row)}
                for row in verification.entries_about(session, actor.id)],
    }


def erase(uow: UnitOfWork, user: User, *, by: int) -> None:
    """Delete everything about a person's verification; a credential is revoked, and clips go like after a decision.

    What stays, besides what `methods.erase` says: the index of the revoked credential in its status list, which names nobody, and
    the log's entries with ids. Pictures of a likeness are erased with the likeness.
    """
    session, actor = uow.session, actors.get(uow.session, user.actor_id)
    methods.erase(uow, actor.id)
    credentials.erase(uow, actor)
    for row in verification.cases_of(session, actor.id):
        if row.method == "likeness" and row.state in states.OPEN:
            cases.withdraw(uow, actor, row.id)
        clips.drop(uow, row, "erased")
    session.flush()
    gone = [row.id for row in verification.cases_of(session, actor.id)]
    session.execute(delete(Notification).where(Notification.type == "human.review", Notification.about_id.in_(gone)))
    for table, where in (
            (VerificationCase, VerificationCase.actor_id == actor.id), (Passkey, Passkey.user_id == user.id),
            (HumanCredential, HumanCredential.actor_id == actor.id)):
        session.execute(delete(table).where(where))
    session.execute(delete(OneTimeToken).where(OneTimeToken.user_id == user.id, OneTimeToken.purpose == passkeys.PURPOSE))
    audit.note(uow, "data.erased", subject=actor.id, by=by)


def _case(row: VerificationCase) -> dict[str, Any]:
    return {"method": row.method, "state": row.state, "begun": _when(row.created_at), "tries": row.tries,
            "clip": {"received": _when(row.clip_at), "bytes": row.clip_size, "sha256 of the sealed file": row.clip_digest,
                     "deleted": _when(row.clip_deleted_at), "deleted at the latest": _when(row.clip_purge_at)}
            if row.clip_at is not None else None,
            "decided": _when(row.decided_at), "reason": row.reason, "about": row.about}


def _role(row: AuditEntry, actor_id: int) -> str:
    if row.actor_id is None:
        return "the operator" if row.action in audit.BY_OPERATOR else "the server"
    if row.actor_id == actor_id:
        return "you"
    return "somebody" if row.action.startswith("vouch.") else "a moderator"


def _facts(row: AuditEntry) -> dict[str, Any]:
    """Details without ids of accounts: they are others'."""
    return {name: value for name, value in row.detail.items() if name in ("cause", "digest", "size", "method")}


def _when(moment: Any) -> str | None:
    return timestamp(moment) if moment is not None else None


