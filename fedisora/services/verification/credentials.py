"""HumanCredentials of our people: given, renewed, ended; and what that does to their actor.

Everything happens in one transaction: the row, the bit of the status list and its signature, the columns of the actor, the Update
to servers that know it, the notification and the entry of the audit log. A credential is signed once, when it is given.
"""
from __future__ import annotations

import datetime as dt
from typing import Final

import orjson
from sqlalchemy import delete, select

from ...activities import outbox, update
from ...activitypub import markup
from ...db import UnitOfWork
from ...errors import Invalid
from ...models import Actor, HumanCredential, Notification, User
from ...provenance import credentials as documents
from ...provenance import humanity
from ...store import acquainted, actors, notifications
from ...store import credentials as rows
from .. import audit
from ..agents import stopping
from . import status_lists

RENEW_WITHIN: Final = dt.timedelta(days=30)
"""So long before the end the person is reminded, and does a method once more."""
LONGEST_REASON: Final = 500
RESTORED: Final = ("This server was restored from a backup that is older than the end of this credential. Verify yourself again "
                   "if you had renewed it.")
TOLD: Final = ("human.approved", "human.renew", "human.ended", "human.revoked")
"""What people are told about their credential."""
current = rows.current


def issue(uow: UnitOfWork, actor: Actor, method: str, *, by: int | None = None) -> HumanCredential:
    """Give a local person a credential for six months; a former one ends as `renewed`.

    Args:
        method: a key of `provenance.humanity.METHODS`.
        by: the moderator who decided, for the audit log; None: a method that decides by itself.

    Raises:
        Invalid: an agent, or an unknown method.
    """
    if method not in humanity.METHODS:
        raise Invalid(f"Choose one of: {', '.join(humanity.METHODS)}.")
    rows.hold_account(uow.session, actor.id)
    if reason := may_not_hold(uow, actor):
        raise Invalid(reason)
    former = rows.current(uow.session, actor.id)
    start = uow.now.replace(microsecond=0)  # as the document says it
    row_id, until = uow.new_id(), start + documents.LASTS
    number, position = status_lists.draw(uow)
    issuer = actors.instance_actor(uow.session)
    document = documents.build_credential(
        credential_id=uow.uris.credential(row_id), issuer=issuer.uri, subject=actor.uri, method=humanity.METHODS[method],
        start=start, end=until, status_list=uow.uris.status_list(number), status_index=position)
    row = HumanCredential(id=row_id, uri=document["id"], actor_id=actor.id, method=method, list_number=number,
                          list_index=position, document=orjson.dumps(outbox.sign(uow, issuer, document)), valid_from=start,
                          valid_until=until, created_at=uow.now)
    uow.session.add(row)
    if former is not None:
        _end(uow, former, "renewed")
    actor.kind = actor.kind or "human"
    actor.attestation, actor.human, actor.human_issuer = [row.uri], humanity.OWN, ""
    actor.human_method, actor.human_until = humanity.METHODS[method], until
    audit.note(uow, "credential.renewed" if former is not None else "credential.issued", subject=actor.id, by=by, method=method)
    notifications.notify(uow, actor.id, issuer.id, "human.approved", about=row.id)
    _tell(uow, actor)
    return row


def may_not_hold(uow: UnitOfWork, actor: Actor) -> str:
    """Why an account cannot have a credential, in a sentence; "" when it can."""
    if not actor.local:
        return "Only the server of an account says who is behind it."
    if actor.kind == "agent" or actor.type == "Service":
        return "An agent is no person: the person who answers for it can be verified."
    if actor.type != "Person" or actor.owner_id is not None:
        return "Only the account of a person can be verified."
    if actor.moved_to:
        return "This account has moved to another address. Verify that one: a credential does not move along."
    if actor.suspended_at is not None or uow.session.scalar(
            select(User.state).where(User.actor_id == actor.id)) != "active":
        return "This account is not active."
    return ""


def revoke(uow: UnitOfWork, actor: Actor, reason: str, *, by: int | None = None,
           shown: str | None = humanity.REVOKED) -> None:
    """End a person's credential: bit set, 410, Update of the actor. Nothing when there is none.

    Whose own credential rests on this person's word may lose it as well (see `methods.vouching`).

    Args:
        reason: for the person and administrators; it is not published.
        by: who did it (the person or an administrator); None: the server itself.
        shown: the verdict from now on, unless the person did it.
    """
    rows.hold_account(uow.session, actor.id)
    row = rows.current(uow.session, actor.id)
    if row is None:
        return
    own = by == actor.id
    _end(uow, row, "revoked", " ".join(markup.clean_line(reason, LONGEST_REASON).split()))
    _clear(uow, actor, None if own else shown)
    audit.note(uow, "credential.revoked", subject=actor.id, by=by, method=row.method)
    if not own:
        notifications.notify(uow, actor.id, actors.instance_actor(uow.session).id, "human.revoked", about=row.id)
    _tell(uow, actor, ended=True)
    _others(uow, actor)


def expire(uow: UnitOfWork, credential_id: int) -> bool:
    """End a credential whose time is over; False when somebody else has ended it, or it was not over."""
    actor_id = uow.session.scalar(select(HumanCredential.actor_id).where(HumanCredential.id == credential_id))
    if actor_id is None:
        return False
    rows.hold_account(uow.session, actor_id)
    row = uow.session.get_one(HumanCredential, credential_id, populate_existing=True)
    if row.ended_at is not None or row.valid_until > uow.now:
        return False
    actor = actors.get(uow.session, actor_id)
    _end(uow, row, "expired")
    _clear(uow, actor, humanity.EXPIRED)
    audit.note(uow, "credential.expired", subject=actor.id, method=row.method)
    notifications.notify(uow, actor.id, actors.instance_actor(uow.session).id, "human.ended", about=row.id)
    _tell(uow, actor, ended=True)
    _others(uow, actor)
    return True


def end_forgotten(uow: UnitOfWork, limit: int = 100) -> int:
    """End what was renewed, given back or taken back before an older database was restored: a bit is set for good. How many.

    Nobody knows any more which of these it was, so nothing is shown of it.
    """
    found = rows.taken_back(uow.session, limit)
    for actor_id in found:
        revoke(uow, actors.get(uow.session, actor_id), RESTORED, shown=None)
    return len(found)


def remind(uow: UnitOfWork, limit: int = 200) -> int:
    """Tell people whose credential runs out within 30 days, once each; how many."""
    found = rows.to_remind(uow.session, uow.now, RENEW_WITHIN, limit)
    issuer = actors.instance_actor(uow.session)
    for row in found:
        row.reminded_at = uow.now
        notifications.notify(uow, row.actor_id, issuer.id, "human.renew", about=row.id)
    uow.session.flush()
    return len(found)


def erase(uow: UnitOfWork, actor: Actor) -> None:
    """Forget that an account was ever verified: what counts is taken back first; the indexes stay, they name nobody."""
    revoke(uow, actor, "erased", by=actor.id)
    uow.session.execute(delete(Notification).where(Notification.actor_id == actor.id, Notification.type.in_(TOLD)))
    uow.session.execute(delete(HumanCredential).where(HumanCredential.actor_id == actor.id),
                        execution_options={"synchronize_session": "fetch"})
    actor.human = actor.human_checked_at = None
    uow.session.flush()


def renewable(row: HumanCredential, now: dt.datetime) -> bool:
    """Whether it is time to do a method once more."""
    return row.valid_until - RENEW_WITHIN <= now


def sign_again(uow: UnitOfWork, after: int = 0, limit: int = 100) -> int:
    """Sign the lists and what counts of the credentials anew: the key of the instance that signed them is worthless.

    Args:
        after: credentials up to this row id are done.

    Returns:
        The last row id that was done; 0 when nothing is left.
    """
    session = uow.session
    if not after:
        for number in rows.stale_lists(session, uow.now + dt.timedelta(days=1)):
            status_lists.sign(uow, number)
    found = session.scalars(select(HumanCredential).where(HumanCredential.ended_at.is_(None), HumanCredential.id > after)
                            .order_by(HumanCredential.id).limit(limit)).all()
    issuer = actors.instance_actor(session)
    for row in found:
        plain = {name: value for name, value in orjson.loads(row.document).items() if name != "proof"}
        row.document = orjson.dumps(outbox.sign(uow, issuer, plain))
    session.flush()
    return found[-1].id if len(found) == limit else 0


def _end(uow: UnitOfWork, row: HumanCredential, how: str, reason: str = "") -> None:
    row.ended_at, row.end, row.reason = uow.now, how, reason or row.reason
    uow.session.flush()
    status_lists.revoke(uow, row.list_number, row.list_index)


def _clear(uow: UnitOfWork, actor: Actor, verdict: str | None) -> None:
    actor.attestation, actor.human = [], verdict
    actor.human_issuer = actor.human_method = actor.human_until = None


def _others(uow: UnitOfWork, actor: Actor) -> None:
    """Somebody is no longer verified: their vouches count no more."""
    from .methods import vouching  # which gives and ends credentials itself: a circle that only a late import opens

    vouching.reconsider(uow, actor.id)


def _tell(uow: UnitOfWork, actor: Actor, *, ended: bool = False) -> None:
    """What is no longer so is said to more servers than to those of followers: they may show the badge, too."""
    actor.human_checked_at = actor.updated_at = uow.now
    uow.session.flush()
    update.send_actor(uow, actor, acquainted.inboxes(uow.session, actor.id) if ended else ())
    if actor.operates:  # its agents stop, or may go on
        stopping.look_after(uow, actor)
