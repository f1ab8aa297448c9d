"""Who vouches for whom: a directed graph of local people. A vouch that was taken back is kept as such, and leads nowhere."""
from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ..models import Actor, Notification, User, VerificationCase, Vouch
from ..provenance import humanity

ASKED: Final = "human.vouch"
"""Type of the notification by which somebody is asked to vouch: it is also the record of having been asked."""
MOST_WALKED: Final = 20_000
"""People looked at in one walk through the graph."""


def between(session: Session, voucher_id: int, subject_id: int) -> Vouch | None:
    """The vouch of one person for another, also one that was taken back."""
    return session.scalar(select(Vouch).where(Vouch.voucher_id == voucher_id, Vouch.subject_id == subject_id))


def about(session: Session, subject_id: int, *, standing: bool = True) -> list[tuple[Vouch, Actor]]:
    """Vouches for a person with their vouchers, oldest first."""
    query = select(Vouch, Actor).join(Actor, Actor.id == Vouch.voucher_id).where(Vouch.subject_id == subject_id)
    if standing:
        query = query.where(Vouch.revoked_at.is_(None))
    return [(vouch, actor) for vouch, actor in session.execute(query.order_by(Vouch.created_at, Vouch.id))]


def given(session: Session, voucher_id: int) -> list[tuple[Vouch, Actor]]:
    """Vouches by a person with whom they are for, newest first, those taken back too."""
    return [(vouch, actor) for vouch, actor in session.execute(
        select(Vouch, Actor).join(Actor, Actor.id == Vouch.subject_id).where(Vouch.voucher_id == voucher_id)
        .order_by(Vouch.created_at.desc(), Vouch.id.desc()))]


def given_since(session: Session, voucher_id: int, since: dt.datetime) -> list[dt.datetime]:
    """When a person vouched since a moment, oldest first; what was taken back counts."""
    return list(session.scalars(select(Vouch.created_at).where(Vouch.voucher_id == voucher_id, Vouch.created_at > since)
                                .order_by(Vouch.created_at)))


def vouchers_of(session: Session, subjects: Iterable[int]) -> dict[int, set[int]]:
    """Whose vouches stand for some people: subject → vouchers."""
    found: dict[int, set[int]] = defaultdict(set)
    for subject, voucher in session.execute(select(Vouch.subject_id, Vouch.voucher_id).where(
            Vouch.subject_id.in_(list(subjects)), Vouch.revoked_at.is_(None))):
        found[subject].add(voucher)
    return found


def subjects_of(session: Session, vouchers: Iterable[int]) -> set[int]:
    """For whom the vouches of some people stand."""
    return set(session.scalars(select(Vouch.subject_id).where(Vouch.voucher_id.in_(list(vouchers)), Vouch.revoked_at.is_(None))))


def verified(session: Session, ids: Collection[int], now: dt.datetime, *, fresh: bool = False) -> tuple[set[int], set[int]]:
    """Of some people, those who are verified humans of this instance now: (not by vouching, by vouching).

    Accounts of other servers, agents, and accounts that are disabled or suspended are neither.

    Args:
        fresh: as they are now, also those that were read before in this transaction.
    """
    query = select(Actor).join(User, User.actor_id == Actor.id).where(
        Actor.id.in_(list(ids)), Actor.domain == "", Actor.type == "Person", Actor.suspended_at.is_(None), User.state == "active")
    if fresh:
        query = query.execution_options(populate_existing=True)
    people = [actor for actor in session.scalars(query)
              if actor.kind != "agent" and humanity.holds(actor.human, actor.human_until, now)]
    vouched = {actor.id for actor in people if actor.human_method == humanity.METHODS["vouch"]}
    return {actor.id for actor in people} - vouched, vouched


def verified_so(session: Session, after: int, limit: int) -> list[int]:
    """Accounts that hold a credential since enough people vouched for them, by row id."""
    return list(session.scalars(select(Actor.id).where(
        Actor.id > after, Actor.domain == "", Actor.human_method == humanity.METHODS["vouch"], exists().where(
            VerificationCase.actor_id == Actor.id, VerificationCase.method == "vouch", VerificationCase.state == "approved"))
        .order_by(Actor.id).limit(limit)))


def chain(session: Session, actor_id: int) -> set[int]:
    """Everybody on whose word, at any depth, a person's vouches rest; the walk goes on through those verified by vouching."""
    seen: set[int] = set()
    front = {actor_id}
    while front and len(seen) < MOST_WALKED:
        above = {voucher for vouchers in vouchers_of(session, front).values() for voucher in vouchers} - seen
        seen |= above
        front = set(session.scalars(select(Actor.id).where(Actor.id.in_(above), Actor.human_method == humanity.METHODS["vouch"])))
    return seen


def asked(session: Session, voucher_id: int) -> list[tuple[Notification, Actor]]:
    """Who asks a person to vouch for them, newest first."""
    return [(row, actor) for row, actor in session.execute(
        select(Notification, Actor).join(Actor, Actor.id == Notification.from_actor_id)
        .where(Notification.actor_id == voucher_id, Notification.type == ASKED).order_by(Notification.id.desc()).limit(100))]


def was_asked(session: Session, voucher_id: int, subject_id: int) -> bool:
    """Whether somebody's question to a person still stands on their page."""
    return session.scalar(select(exists().where(
        Notification.actor_id == voucher_id, Notification.from_actor_id == subject_id, Notification.type == ASKED))) or False
