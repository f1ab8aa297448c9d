"""What all ways have in common: what there is to choose from, who may try and how often, and a case for each try."""
from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ....db import UnitOfWork
from ....errors import Conflict, Forbidden, TooManyRequests
from ....models import Actor, AuditEntry, HumanCredential, VerificationCase, VerificationIdentity
from ....provenance import humanity
from ....settings import Settings
from ....store import actors, notifications, verification
from ....vault import Vault
from ... import audit
from .. import credentials
from ..states import OPEN, STATES

OWN_WORD: Final = ("vouch", "oidc", "credential")
"""Ways that decide by themselves, without a moderator."""
TRIES: Final = 10
"""Cases of one way that an account may begin in 24 hours."""
EARLY: Final = dt.timedelta(days=30)
"""So long before its end a credential may be renewed."""
EXPIRED: Final = "That took too long, or was begun in another browser. Please start again."


@dataclass(frozen=True)
class Method:
    """A way to be verified: `name` as in the settings, words for people, the page on which it begins."""

    name: str
    title: str
    says: str
    path: str


METHODS: Final = {method.name: method for method in (
    Method("live-clip", "Live clip", "Record a few seconds with your camera. One moderator looks at it, then it is deleted.",
           "/settings/human#clip"),
    Method("vouch", "People who know you", "Three verified people of this server say that you are a person.",
           "/settings/human/vouch"),
    Method("oidc", "Sign in elsewhere", "An identity provider that this server trusts says that you are a person.",
           "/settings/human/oidc"),
    Method("credential", "A credential you have", "Show a credential that another server or an issuer has given you.",
           "/settings/human/credential"))}


def offered(settings: Settings) -> tuple[Method, ...]:
    """The ways of this instance, in the operator's order."""
    return tuple(METHODS[name] for name in settings.verification_methods)


def why_not(session: Session, settings: Settings, actor: Actor, method: str, now: dt.datetime) -> str:
    """Why a local account cannot begin a way now, in a sentence; "" when it can."""
    if method not in settings.verification_methods:
        return "This server does not verify people in this way."
    if actor.kind == "agent" or actor.type != "Person" or not actor.local:
        return "Only people can be verified: an agent has an operator who answers for it."
    if method in OWN_WORD and ended_by_moderator(session, actor.id):
        return ("A moderator ended your verification, so this way is closed to you. "
                "Ask them, or take a way on which a moderator decides.")
    until = actor.human_until
    if until is not None and humanity.holds(actor.human, until, now) and until - now > EARLY:
        return f"You are verified until {until:%-d %B %Y}. You can renew that from {until - EARLY:%-d %B %Y} on."
    return ""


def barred(uow: UnitOfWork, actor: Actor, method: str) -> str:
    """Why an account may neither begin nor finish a way, in a sentence; "" when it may."""
    return why_not(uow.session, uow.settings, actor, method, uow.now) or credentials.may_not_hold(uow, actor)


def require(uow: UnitOfWork, actor: Actor, method: str) -> None:
    """Raise unless an account may begin (or finish) a way.

    Raises:
        Forbidden: see `barred`.
    """
    if reason := barred(uow, actor, method):
        raise Forbidden(reason)


def ended_by_moderator(session: Session, actor_id: int) -> bool:
    """Whether the last word of a moderator (or of the operator, by hand) about an account was to end its credential."""
    last = session.scalars(select(AuditEntry.action).where(
        AuditEntry.subject_id == actor_id, or_(
            AuditEntry.action.in_(("credential.by_hand", "credential.closed")),
            and_(AuditEntry.actor_id != actor_id,
                 AuditEntry.action.in_(("credential.issued", "credential.renewed", "credential.revoked")))))
        .order_by(AuditEntry.id.desc()).limit(1)).first()
    return last in ("credential.revoked", "credential.closed")


def verified_since(session: Session, actor_id: int) -> dt.datetime | None:
    """Since when an account has been verified without a gap; None: it is not."""
    since = None
    for row in session.scalars(select(HumanCredential).where(HumanCredential.actor_id == actor_id)
                               .order_by(HumanCredential.id.desc())):
        if row.ended_at is not None and (since is None or row.end != "renewed"):
            break
        since = row.valid_from
    return since


# ---- cases
def latest(session: Session, actor_id: int, method: str) -> VerificationCase | None:
    """The newest case of a person in a way."""
    return session.scalars(select(VerificationCase).where(
        VerificationCase.actor_id == actor_id, VerificationCase.method == method)
        .order_by(VerificationCase.id.desc()).limit(1)).first()


def running(session: Session, actor_id: int, method: str, *, lock: bool = False) -> VerificationCase | None:
    """The open case of a person in a way.

    Args:
        lock: hold it to the end of the transaction: of two that finish it at a time the second finds it finished.
    """
    query = select(VerificationCase).where(VerificationCase.actor_id == actor_id, VerificationCase.method == method,
                                           VerificationCase.state.in_(OPEN)).order_by(VerificationCase.id.desc()).limit(1)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).first()


def begin(uow: UnitOfWork, actor: Actor, method: str, *, secret: dict[str, Any] | None = None,
          lasts: dt.timedelta | None = None, about: dict[str, Any] | None = None) -> VerificationCase:
    """A new case; one that is open in this way ends as withdrawn.

    Args:
        secret: what has to be remembered until the person comes back: sealed, and given out once (`take`).
        lasts: how long it is good for.
        about: facts that say nothing about the person.

    Raises:
        Forbidden: this account may not.
        TooManyRequests: too many tries.
    """
    require(uow, actor, method)
    session = uow.session
    if uow.settings.rate_limits:
        tries = verification.begun_since(session, actor.id, method, uow.now - dt.timedelta(days=1))
        if tries >= TRIES:
            raise TooManyRequests(f"You tried this {TRIES} times within a day. Please wait until tomorrow.", retry_after=86_400)
    former = running(session, actor.id, method, lock=True)
    if former is not None:
        close(uow, former, "withdrawn")
    case = VerificationCase(id=uow.new_id(), actor_id=actor.id, method=method, state="started", about=about or {},
                            created_at=uow.now, updated_at=uow.now)
    if secret is not None:
        case.challenge = uow.vault.seal(json.dumps(secret).encode(), purpose(case.id))
        case.challenge_until = uow.now + lasts if lasts else None
    session.add(case)
    session.flush()
    audit.note(uow, "case.started", subject=actor.id, by=actor.id, case=case.id, method=method)
    return case


def purpose(case_id: int) -> str:
    """What the sealed part of a case is bound to: it does not open in another row."""
    return f"verification case {case_id}"


def secret_of(case: VerificationCase, vault: Vault, now: dt.datetime) -> dict[str, Any] | None:
    """What a case remembers; None when it was used, or is too old."""
    if case.challenge is None or (case.challenge_until is not None and case.challenge_until <= now):
        return None
    found: dict[str, Any] = json.loads(vault.unseal(case.challenge, purpose(case.id)))
    return found


def take(uow: UnitOfWork, case: VerificationCase) -> dict[str, Any] | None:
    """What a (locked) case remembers, for the only time."""
    found = secret_of(case, uow.vault, uow.now)
    case.challenge = case.challenge_until = None
    case.tries += 1
    case.updated_at = uow.now
    uow.session.flush()
    return found


def close(uow: UnitOfWork, case: VerificationCase, state: str, reason: str = "") -> None:
    """End a case.

    Args:
        state: see `states.STATES`.
        reason: what the person is told.

    Raises:
        Conflict: it has ended already.
    """
    if state not in STATES[case.state]:
        raise Conflict("This was finished already. Reload the page.")
    case.state, case.reason, case.updated_at = state, reason, uow.now
    case.challenge = case.challenge_until = None
    if state in ("approved", "rejected"):
        case.decided_at = uow.now
    uow.session.flush()
    audit.note(uow, f"case.{state}", subject=case.actor_id, case=case.id, method=case.method,
               by=case.actor_id if state == "withdrawn" else None)


def refuse(uow: UnitOfWork, case_id: int, reason: str) -> None:
    """The evidence does not hold: the person reads why, and may try again."""
    case = uow.session.get_one(VerificationCase, case_id, with_for_update=True, populate_existing=True)
    if case.state in OPEN:
        close(uow, case, "rejected", reason)


def satisfied(uow: UnitOfWork, actor: Actor, case_id: int, identity: str | None = None) -> None:
    """The evidence holds: the case is approved and the person gets a credential.

    Args:
        identity: keyed digest of an identity elsewhere, which stands for one account here.

    Raises:
        Forbidden: this account may not (any more).
        Conflict: the case is over, or the identity stands for another account.
    """
    case = uow.session.get_one(VerificationCase, case_id, with_for_update=True, populate_existing=True)
    require(uow, actor, case.method)
    if identity is not None:
        _bind(uow, actor, case.method, identity)
    close(uow, case, "approved")
    credentials.issue(uow, actor, case.method)


def _bind(uow: UnitOfWork, actor: Actor, method: str, identity: str) -> None:
    taken = Conflict("This identity already stands for another account here. One person is verified once: "
                     "use that account, or erase its verification data there first.")
    known = uow.session.get(VerificationIdentity, identity)
    if known is None:
        try:
            with uow.session.begin_nested():
                uow.session.add(VerificationIdentity(key=identity, method=method, actor_id=actor.id, created_at=uow.now))
        except IntegrityError as error:  # another account was a moment faster
            raise taken from error
    elif known.actor_id != actor.id:
        raise taken


def end_resting(uow: UnitOfWork, actor_id: int) -> None:
    """End a person's credential when it rests on one of `OWN_WORD`."""
    actor = uow.session.get_one(Actor, actor_id)
    if actor.human_method in {humanity.METHODS[name] for name in OWN_WORD}:
        credentials.revoke(uow, actor, "You erased what it rests on.", by=actor_id)


def tell(uow: UnitOfWork, actor_id: int, kind: str, *, by: int | None = None, about: int = 0) -> None:
    """Tell a person; the instance speaks, unless somebody else does."""
    notifications.notify(uow, actor_id, by or actors.instance_actor(uow.session).id, kind, about=about)
