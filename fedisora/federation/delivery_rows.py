"""The database's side of delivering: which rows are due and may be tried, and what came of them. All plain functions."""
from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from ..db import UnitOfWork
from ..ids import time_of
from ..models import Actor, Delivery, Follow, OutboxActivity
from ..store import actors
from .heartbeat import LEASE

CANDIDATES = 1000
ATTEMPTS = 16
OLDEST = dt.timedelta(days=7)


@dataclass(frozen=True)
class Item:
    """One claimed delivery."""

    id: int
    attempt: int
    activity_id: int
    inbox: str
    host: str
    actor_id: int
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt. `state`: `done`, `retry`, `failed` or `gone` (410)."""

    item: Item
    owner: str
    state: str
    status: int | None
    error: str = ""
    retry_after: float | None = None


_earlier = aliased(Delivery)
_TABLE: Any = Delivery.__table__
# Of one lane, an inbox gets the oldest first: a Create before its Update, an Announce before its Undo.
_DUE = select(Delivery.id, Delivery.host).where(
    Delivery.state == "pending", Delivery.run_at <= bindparam("now"),
    or_(Delivery.lease_until.is_(None), Delivery.lease_until < bindparam("now")),
    or_(Delivery.lane == 0, ~exists().where(and_(
        _earlier.lane == Delivery.lane, _earlier.inbox == Delivery.inbox, _earlier.state == "pending",
        _earlier.id < Delivery.id)))).order_by(Delivery.run_at, Delivery.id).limit(CANDIDATES)
_CLAIM = update(_TABLE).where(
    _TABLE.c.id.in_(bindparam("ids", expanding=True)), _TABLE.c.state == "pending",
    or_(_TABLE.c.lease_until.is_(None), _TABLE.c.lease_until < bindparam("now"))).values(
    lease_owner=bindparam("owner"), lease_until=bindparam("until"), attempt=_TABLE.c.attempt + 1)
_ROWS = select(Delivery.id, Delivery.attempt, Delivery.activity_id, Delivery.inbox, Delivery.host).where(
    Delivery.id.in_(bindparam("ids", expanding=True)), Delivery.lease_owner == bindparam("owner"),
    Delivery.lease_until == bindparam("until"))
_DOCUMENTS = select(OutboxActivity.id, OutboxActivity.actor_id, OutboxActivity.document).where(
    OutboxActivity.id.in_(bindparam("ids", expanding=True)))
_DONE = update(_TABLE).where(
    _TABLE.c.id.in_(bindparam("ids", expanding=True)), _TABLE.c.lease_owner == bindparam("owner"),
    _TABLE.c.attempt == bindparam("try_no")).values(
        state="done", status=bindparam("answer"), done_at=bindparam("at"), last_error=None, lease_owner=None, lease_until=None)
_FINISH = update(_TABLE).where(
    _TABLE.c.id == bindparam("row_id"), _TABLE.c.lease_owner == bindparam("owner"),
    _TABLE.c.attempt == bindparam("try_no")).values(
        state=bindparam("new_state"), status=bindparam("answer"), done_at=bindparam("at"), last_error=bindparam("why"),
        run_at=bindparam("again"), lease_owner=None, lease_until=None)


def due(session: Session, now: dt.datetime, full: Iterable[str]) -> list[tuple[int, str]]:
    """(row id, host) of deliveries that may be tried, oldest first, without the hosts that have enough."""
    busy = list(full)
    query = _DUE.where(Delivery.host.not_in(busy)) if busy else _DUE
    return [(row[0], row[1]) for row in session.execute(query, {"now": now})]


def claim(uow: UnitOfWork, ids: Sequence[int], owner: str) -> list[Item]:
    """Take these rows, as far as nobody else was faster."""
    session = uow.session
    if session.get_bind().dialect.name == "postgresql":
        locked = select(Delivery.id).where(
            Delivery.id.in_(ids), Delivery.state == "pending",
            or_(Delivery.lease_until.is_(None), Delivery.lease_until < uow.now)).with_for_update(skip_locked=True)
        ids = list(session.scalars(locked))
    if not ids:
        return []
    connection = session.connection()
    until = uow.now + LEASE
    connection.execute(_CLAIM, {"ids": ids, "owner": owner, "until": until, "now": uow.now})
    rows = connection.execute(_ROWS, {"ids": ids, "owner": owner, "until": until}).all()
    documents = {row[0]: (row[1], row[2]) for row in connection.execute(_DOCUMENTS, {"ids": list({row[2] for row in rows})})}
    found = [Item(row[0], row[1], row[2], row[3], row[4], *documents[row[2]]) for row in rows]
    return sorted(found, key=lambda item: item.id)


def postpone(session: Session, ids: Sequence[int], now: dt.datetime,
             blocked_until: Callable[[str, dt.datetime], dt.datetime | None]) -> None:
    """Everything due is for hosts whose circuit is open: look at it again when the circuit may close."""
    for row in session.scalars(select(Delivery).where(Delivery.id.in_(ids))):
        until = blocked_until(row.host, now)
        if until is None:
            continue
        if time_of(row.id) < now - OLDEST:
            row.state, row.done_at, row.last_error = "failed", now, "the server was away for a week"
        else:
            row.run_at = until + dt.timedelta(seconds=random.uniform(0, 30))  # noqa: S311


def record(uow: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
    """Write many outcomes, each only if its lease still holds."""
    rows = []
    done: dict[tuple[str, int, int | None], list[int]] = defaultdict(list)  # nearly all: one statement for many
    for outcome in outcomes:
        item, state = outcome.item, outcome.state
        if state == "done":
            done[outcome.owner, item.attempt, outcome.status].append(item.id)
            continue
        if state == "gone":
            drop_followers(uow, item.inbox)
            state = "failed"
        if state == "retry" and (item.attempt >= ATTEMPTS or uow.now - time_of(item.id) > OLDEST):
            state = "failed"
        again, at = uow.now, uow.now
        if state == "retry":
            scale = uow.settings.retry_seconds / 15
            pause = max(scale * (item.attempt ** 4 + 15 + random.uniform(0, 10 * item.attempt)),  # noqa: S311
                        min(outcome.retry_after or 0.0, 86_400.0))
            again, at, state = uow.now + dt.timedelta(seconds=pause), None, "pending"  # type: ignore[assignment]
        rows.append({"row_id": item.id, "owner": outcome.owner, "try_no": item.attempt, "new_state": state,
                     "answer": outcome.status, "at": at, "why": outcome.error[:500] or None, "again": again})
    uow.session.flush()
    connection = uow.session.connection()
    for (owner, attempt, status), ids in done.items():
        connection.execute(_DONE, {"ids": ids, "owner": owner, "try_no": attempt, "answer": status, "at": uow.now})
    if rows:
        connection.execute(_FINISH, rows)


def drop_followers(uow: UnitOfWork, inbox: str) -> None:
    """410: nobody is behind this inbox any more, so nobody follows from there."""
    session = uow.session
    gone = select(Actor.id).where(Actor.domain != "", or_(Actor.inbox == inbox, Actor.shared_inbox == inbox))
    for follow in session.scalars(select(Follow).where(Follow.actor_id.in_(gone))).all():
        if follow.state == "accepted":
            actors.adjust_counts(uow, follow.target_id, followers=-1)
            actors.adjust_counts(uow, follow.actor_id, following=-1)
        session.delete(follow)
