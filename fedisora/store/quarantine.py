"""What did not work and was put aside: activities that were refused or failed too often, jobs that failed too often."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from ..models import Delivery, InboxMessage, Job, RemoteHost

ASIDE = ("dead", "refused")


@dataclass(frozen=True)
class Item:
    """One row that was put aside. `id` names its queue too: `inbox:1234` or `job:1234`."""

    id: str
    queue: str
    type: str
    sender: str
    """The actor an activity came from; for a job what it was about."""
    state: str
    reason: str
    attempts: int
    when: dt.datetime


def inbox_rows() -> ColumnElement[bool]:
    """Which activities are put aside."""
    return InboxMessage.state.in_(ASIDE)


def job_rows() -> ColumnElement[bool]:
    """Which jobs are."""
    return Job.state == "dead"


def items(session: Session, *, limit: int = 200) -> list[Item]:
    """What is put aside, newest first."""
    found = [Item(f"inbox:{row.id}", "inbox", row.type, row.actor_uri, row.state, row.last_error or "", row.attempt,
                  row.done_at or row.received_at)
             for row in session.scalars(select(InboxMessage).where(inbox_rows()).order_by(InboxMessage.id.desc()).limit(limit))]
    found += [Item(f"job:{row.id}", row.queue, row.kind, _about(row.payload), row.state, row.last_error or "", row.attempt,
                   row.created_at)
              for row in session.scalars(select(Job).where(job_rows()).order_by(Job.id.desc()).limit(limit))]
    return sorted(found, key=lambda item: item.when, reverse=True)[:limit]


def _about(payload: dict[str, Any]) -> str:
    for name in ("uri", "host"):
        if isinstance(payload.get(name), str):
            return str(payload[name])
    return orjson.dumps(payload).decode()[:200]


def waiting(session: Session) -> dict[str, int]:
    """How much waits in each queue, and how much is put aside or was given up."""
    counts = {
        "inbox": _count(session, InboxMessage, InboxMessage.state == "pending"),
        "deliveries": _count(session, Delivery, Delivery.state == "pending"),
        "failed deliveries": _count(session, Delivery, Delivery.state == "failed"),
        "put aside": _count(session, InboxMessage, inbox_rows()) + _count(session, Job, job_rows()),
    }
    for queue, count in session.execute(select(Job.queue, func.count()).where(Job.state == "pending").group_by(Job.queue)
                                        .order_by(Job.queue)):
        counts[f"{queue} jobs"] = count
    return counts


def _count(session: Session, table: type[Any], where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(table).where(where)) or 0


def closed_hosts(session: Session, now: dt.datetime, *, limit: int = 100) -> list[tuple[RemoteHost, int]]:
    """(host, deliveries waiting for it) of servers that are left alone for a while because they did not answer."""
    waiting_for = select(func.count()).where(Delivery.host == RemoteHost.host, Delivery.state == "pending").scalar_subquery()
    rows = session.execute(select(RemoteHost, waiting_for).where(and_(
        RemoteHost.blocked_until.is_not(None), RemoteHost.blocked_until > now))
        .order_by(RemoteHost.blocked_until.desc()).limit(limit))
    return [(row[0], int(row[1])) for row in rows]
