"""The ways in which people become verified humans here, behind one interface.

A way is a `Method`: what it is called, what it asks, and the page on which it begins. Whoever satisfies one gets a credential
from `credentials.issue(uow, actor, method.name)`; each try is a `VerificationCase`, so that the person sees it and can take it
along.
"""
from __future__ import annotations

from typing import Any

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from ....db import UnitOfWork
from ....models import Actor, Vouch
from ....provenance.record import timestamp
from ....store import identities, vouches
from ....store.credentials import hold_people
from . import base, oidc, presented, vouching
from .base import Method, offered

__all__ = ["Method", "base", "erase", "export", "offered", "oidc", "presented", "vouching"]


def export(session: Session, actor_id: int) -> dict[str, Any]:
    """What these ways keep about a person, for their own export and nobody else's.

    Returns:
        {"vouches_for_me": [{"account", "given", "taken_back"}], "vouches_of_mine": [...], "identities": [{"method", "linked"}]}:
        times as RFC 3339, `taken_back` null while the vouch stands. Of an identity elsewhere there is only a keyed digest, which
        says nothing to anybody.
    """
    def entry(vouch: Vouch, other: Actor) -> dict[str, Any]:
        return {"account": other.acct, "given": timestamp(vouch.created_at),
                "taken_back": timestamp(vouch.revoked_at) if vouch.revoked_at else None}

    return {"vouches_for_me": [entry(*pair) for pair in vouches.about(session, actor_id, standing=False)],
            "vouches_of_mine": [entry(*pair) for pair in vouches.given(session, actor_id)],
            "identities": [{"method": row.method, "linked": timestamp(row.created_at)}
                           for row in identities.of(session, actor_id)]}


def erase(uow: UnitOfWork, actor_id: int) -> None:
    """Forget vouches and identities of a person, and end the credential that rests on them.

    Whom they vouched for loses that vouch at once. The identity elsewhere is free for another account afterwards: this one has no
    credential from it any more. Only when a moderator ended the verification its digest stays, or erasing would be the way to
    come back as somebody else.
    """
    hold_people(uow.session)
    base.end_resting(uow, actor_id)
    about = vouches.subjects_of(uow.session, [actor_id])
    uow.session.execute(delete(Vouch).where(or_(Vouch.subject_id == actor_id, Vouch.voucher_id == actor_id)),
                        execution_options={"synchronize_session": "fetch"})
    if not base.ended_by_moderator(uow.session, actor_id):
        identities.forget(uow, actor_id)
    vouching.settle(uow, about)
