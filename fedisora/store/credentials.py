"""Credentials that this instance gave its people, and the status lists that take them back.

An index of a list is drawn by lot, so that it says nothing about how many credentials there are or when one was given, and its
row stays for ever, so that none is given away twice. Whoever signs a list holds its row, so two revocations at once lose no bit.
"""
from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from typing import Final

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, HumanCredential, StatusIndex, StatusList, User
from ..provenance.credentials import LIST_BITS

FULLEST: Final = LIST_BITS // 2
"""A list gets no more than this: a free index is found at the second draw on average, at worst."""


def current(session: Session, actor_id: int) -> HumanCredential | None:
    """The credential of an account that was neither taken back nor replaced. Whether it has run out is the reader's question."""
    return session.scalar(select(HumanCredential).where(
        HumanCredential.actor_id == actor_id, HumanCredential.ended_at.is_(None)).order_by(HumanCredential.id.desc()).limit(1))


def history(session: Session, actor_id: int) -> Sequence[HumanCredential]:
    """Every credential of an account, the newest first."""
    return session.scalars(select(HumanCredential).where(HumanCredential.actor_id == actor_id)
                           .order_by(HumanCredential.id.desc())).all()


def served(session: Session, credential_id: int, now: dt.datetime) -> HumanCredential | None:
    """A credential that still counts: not ended, not run out, of an account that is active and not suspended."""
    return session.scalar(
        select(HumanCredential).join(Actor, Actor.id == HumanCredential.actor_id).join(User, User.actor_id == Actor.id)
        .where(HumanCredential.id == credential_id, HumanCredential.ended_at.is_(None), HumanCredential.valid_until > now,
               Actor.suspended_at.is_(None), User.state == "active"))


def listed(session: Session, *, ended: bool = False, after: int = 0, limit: int = 200) -> list[tuple[HumanCredential, Actor]]:
    """Credentials with their accounts, the newest first.

    Args:
        ended: those that ended, rather than those that count.
        after: only rows with a smaller id, for the next page; 0: from the newest.
    """
    query = (select(HumanCredential, Actor).join(Actor, Actor.id == HumanCredential.actor_id)
             .where(HumanCredential.ended_at.is_not(None) if ended else HumanCredential.ended_at.is_(None)))
    if after:
        query = query.where(HumanCredential.id < after)
    return [(row[0], row[1]) for row in session.execute(query.order_by(HumanCredential.id.desc()).limit(limit))]


def run_out(session: Session, now: dt.datetime, limit: int) -> list[int]:
    """Ids of credentials whose time is over and that nobody has ended yet."""
    return list(session.scalars(select(HumanCredential.id).where(
        HumanCredential.ended_at.is_(None), HumanCredential.valid_until <= now)
        .order_by(HumanCredential.valid_until).limit(limit)))


def to_remind(session: Session, now: dt.datetime, before: dt.timedelta, limit: int) -> Sequence[HumanCredential]:
    """Credentials that run out within `before` and whose people have not been told, and can renew them."""
    return session.scalars(select(HumanCredential).join(Actor, Actor.id == HumanCredential.actor_id).where(
        HumanCredential.ended_at.is_(None), HumanCredential.reminded_at.is_(None), HumanCredential.valid_until > now,
        HumanCredential.valid_until <= now + before, Actor.moved_to.is_(None))
        .order_by(HumanCredential.valid_until).limit(limit)).all()


def hold_people(session: Session) -> None:
    """Until the end of the transaction nobody else changes who is verified, or who vouches for whom (SQLite has one writer).

    One credential may rest on others: giving one and ending another at the same moment must not miss each other, and whoever
    ends several must not meet somebody who comes the other way. What is held is the instance actor's row, in a way that lets
    others write rows that only name it.
    """
    session.execute(select(Actor.id).where(Actor.type == "Application", Actor.domain == "").with_for_update(key_share=True))


def hold_account(session: Session, actor_id: int) -> None:
    """Until the end of the transaction nobody else gives or ends this account's credential; see `hold_people`."""
    hold_people(session)
    session.execute(select(Actor.id).where(Actor.id == actor_id).with_for_update())


def hold_list(session: Session, number: int) -> StatusList:
    """A status list, which until the end of the transaction nobody else draws from or signs."""
    return session.scalars(select(StatusList).where(StatusList.number == number).with_for_update()
                           .execution_options(populate_existing=True)).one()


def newest_list(session: Session) -> StatusList | None:
    """The list that indexes are drawn from now, held; None before the first credential."""
    return session.scalar(select(StatusList).order_by(StatusList.number.desc()).limit(1).with_for_update()
                          .execution_options(populate_existing=True))


def add_list(uow: UnitOfWork, number: int, document: bytes) -> bool:
    """Begin a list; False when somebody else has begun it in this moment."""
    try:
        with uow.session.begin_nested():
            uow.session.execute(insert(StatusList).values(number=number, used=0, document=document, signed_at=uow.now))
    except IntegrityError:
        return False
    return True


def draw(uow: UnitOfWork, found: StatusList) -> int:
    """A random index of a held list that was never given away; it is taken from now on."""
    while True:
        position = secrets.randbelow(LIST_BITS)
        try:
            with uow.session.begin_nested():
                uow.session.execute(insert(StatusIndex).values(list_number=found.number, position=position))
        except IntegrityError:
            continue
        found.used += 1
        uow.session.flush()
        return position


def give(uow: UnitOfWork, found: StatusList, position: int) -> None:
    """An index of a held list that was given away before the database was restored."""
    uow.session.execute(insert(StatusIndex).values(list_number=found.number, position=position))
    found.used += 1


def given(session: Session, number: int) -> dict[int, bool]:
    """Every index of a list that was given away, and whether it is revoked."""
    return {row[0]: row[1] is not None for row in session.execute(
        select(StatusIndex.position, StatusIndex.revoked_at).where(StatusIndex.list_number == number))}


def knows(session: Session, number: int, position: int, *, revoked: bool) -> bool:
    """Whether an index is written down as given away, and (`revoked`) as taken back."""
    row = session.execute(select(StatusIndex.revoked_at).where(
        StatusIndex.list_number == number, StatusIndex.position == position)).one_or_none()
    return row is not None and (row[0] is not None or not revoked)


def taken_back(session: Session, limit: int) -> list[int]:
    """Accounts whose credential counts although its index is revoked: a restored database has forgotten its end."""
    return list(session.scalars(select(HumanCredential.actor_id).join(StatusIndex, and_(
        StatusIndex.list_number == HumanCredential.list_number, StatusIndex.position == HumanCredential.list_index)).where(
        HumanCredential.ended_at.is_(None), StatusIndex.revoked_at.is_not(None)).limit(limit)))


def set_bit(uow: UnitOfWork, number: int, position: int) -> None:
    """Revoke an index for good. The list has to be signed again in this transaction."""
    uow.session.execute(update(StatusIndex).where(
        StatusIndex.list_number == number, StatusIndex.position == position, StatusIndex.revoked_at.is_(None))
        .values(revoked_at=uow.now), execution_options={"synchronize_session": False})


def bits(session: Session, number: int) -> list[int]:
    """The revoked indexes of a list."""
    return list(session.scalars(select(StatusIndex.position).where(
        StatusIndex.list_number == number, StatusIndex.revoked_at.is_not(None))))


def stale_lists(session: Session, before: dt.datetime) -> list[int]:
    """Numbers of the lists that were signed last before a moment, in the order in which they are held: newest first."""
    return list(session.scalars(select(StatusList.number).where(StatusList.signed_at < before)
                                .order_by(StatusList.number.desc())))


def status_list(session: Session, number: int) -> StatusList | None:
    """A status list as it was signed last."""
    return session.get(StatusList, number)


def unclaimed(session: Session, limit: int) -> list[tuple[int, int]]:
    """(list, index) of what was given away, is not revoked, and belongs to no credential that counts: its account was removed."""
    counts = and_(HumanCredential.list_number == StatusIndex.list_number, HumanCredential.list_index == StatusIndex.position)
    return [(row[0], row[1]) for row in session.execute(
        select(StatusIndex.list_number, StatusIndex.position).outerjoin(HumanCredential, counts)
        .where(StatusIndex.revoked_at.is_(None), or_(HumanCredential.id.is_(None), HumanCredential.ended_at.is_not(None)))
        .limit(limit))]
