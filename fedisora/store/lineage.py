"""Lineage: which post's video was made from which, and what is known of the consent. One row per parent.

`consent` is what the owner's own server said when it was last asked, never what the remix says about itself.
"""
from __future__ import annotations

import datetime as dt
import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from ..db import UnitOfWork
from ..models import Lineage, Status

REMIX, CAMEO = "remix", "cameo"
GIVEN = ("own", "valid")
"""Nothing stands in the way: one's own parent, or the owner's stamp."""
TAKEN_BACK = ("revoked", "expired")
"""There was a consent and it is over: the video is not shown any more."""
HELD_ON = "unreachable"
"""The owner's server is silent: what was known before stands in `Lineage.reason`."""
MOST_PARENTS = 8
"""Rows kept of one post."""


def get(session: Session, lineage_id: int) -> Lineage | None:
    """One row."""
    return session.get(Lineage, lineage_id)


def parents_of(session: Session, status_ids: Iterable[int]) -> dict[int, list[Lineage]]:
    """What some posts were made from, by the post's row id; posts without parents are left out."""
    wanted, found = list(set(status_ids)), defaultdict(list)
    if wanted:
        for row in session.scalars(select(Lineage).where(Lineage.child_id.in_(wanted)).order_by(Lineage.id)):
            found[row.child_id].append(row)
    return found


def by_stamp(session: Session, uri: str) -> Sequence[Lineage]:
    """The rows that rest on a stamp."""
    return session.scalars(select(Lineage).where(Lineage.stamp_uri == uri).limit(500)).all()


def showing(session: Session, actor_uri: str) -> Sequence[Lineage]:
    """The posts that show somebody, as far as their consent was not taken back or ran out."""
    return session.scalars(select(Lineage).where(
        Lineage.parent_uri == actor_uri, Lineage.kind == CAMEO, Lineage.consent.not_in((*TAKEN_BACK, "own")))).all()


def add(uow: UnitOfWork, child: Status, parent_uri: str, parent: Status | None, *, kind: str = REMIX,
        consent: str = "pending", stamp_uri: str | None = None) -> Lineage:
    """A parent of a stored post; the row that is there already when it is."""
    known = uow.session.scalar(select(Lineage).where(
        Lineage.child_id == child.id, Lineage.parent_uri == parent_uri, Lineage.kind == kind))
    if known is not None:
        return known
    row = Lineage(id=uow.new_id(), child_id=child.id, child_uri=child.uri, parent_uri=parent_uri,
                  parent_id=parent.id if parent is not None else None, kind=kind, stamp_uri=stamp_uri, consent=consent,
                  created_at=uow.now)
    uow.session.add(row)
    uow.session.flush()
    return row


def holds(row: Lineage) -> bool:
    """Whether the consent stands as far as is known; a server that is silent now changes nothing (`reason` has what was)."""
    return row.consent in GIVEN or (row.consent == HELD_ON and row.reason in GIVEN)


def hides(row: Lineage) -> bool:
    """Whether a post is not shown for the sake of this row: a consent that was taken back or ran out; for a cameo anything but
    a consent that stands, because a face is not shown until its owner's stamp was seen."""
    return row.consent in TAKEN_BACK or (row.kind == CAMEO and not holds(row))


def _hiding(of: type[Lineage]) -> ColumnElement[bool]:
    """`hides` as a condition."""
    return or_(of.consent.in_(TAKEN_BACK), and_(
        of.kind == CAMEO, of.consent.not_in(GIVEN), or_(of.consent != HELD_ON, of.reason.not_in(GIVEN))))


def due(session: Session, now: dt.datetime, limit: int) -> list[int]:
    """Rows whose stamp is to be looked at again, the longest waiting first."""
    return list(session.scalars(select(Lineage.id).where(Lineage.recheck_at <= now).order_by(Lineage.recheck_at).limit(limit)))


def postpone(uow: UnitOfWork, ids: Sequence[int], until: dt.datetime) -> None:
    """Some rows are being looked at: not again before `until`."""
    uow.session.execute(update(Lineage).where(Lineage.id.in_(ids)).values(recheck_at=until),
                        execution_options={"synchronize_session": False})


@functools.cache
def shown() -> ColumnElement[bool]:
    """Whether nothing hides a post (or what it boosts), as a condition on Status; see `hides`."""
    own, boosted = aliased(Lineage), aliased(Lineage)  # apart, so that PostgreSQL can join each instead of asking row by row
    return and_(~exists().where(own.child_id == Status.id, _hiding(own)),
                ~exists().where(boosted.child_id == Status.reblog_of_id, _hiding(boosted)))


def hidden(session: Session, status_ids: Iterable[int]) -> set[int]:
    """Those of some posts that are not shown, because a consent was taken back or is not there; see `hides`."""
    wanted = list(set(status_ids))
    if not wanted:
        return set()
    return set(session.scalars(select(Lineage.child_id).where(Lineage.child_id.in_(wanted), _hiding(Lineage))))


def forget_parent(uow: UnitOfWork, status_id: int) -> None:
    """A post is deleted: what was made from it keeps its id, as of something missing."""
    uow.session.execute(update(Lineage).where(Lineage.parent_id == status_id).values(parent_id=None),
                        execution_options={"synchronize_session": False})
