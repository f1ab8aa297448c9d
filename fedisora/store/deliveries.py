"""How far a post got: which servers have it, which are still tried, which could not be reached and why."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ..models import Delivery, OutboxActivity, Status

MAX_FAILURES = 50
CARRIERS = ("Create", "Update")
"""Activities that bring a post to an inbox."""


@dataclass(frozen=True)
class Failure:
    """An inbox that does not have the post (or its newest version): given up, or tried again at `next`."""

    host: str
    status: int | None
    """The HTTP status that it answered last; None when it did not answer."""
    reason: str
    attempts: int
    next: dt.datetime | None


@dataclass(frozen=True)
class DeliveryState:
    """What is known about a post's deliveries. `inboxes` = `reached` + `pending` + `failed`.

    Deliveries that worked are kept for a week, so the numbers of an old post only say what did not work.
    """

    inboxes: int
    reached: int
    pending: int
    failed: int
    servers: int
    """How many servers the inboxes are on."""
    failures: tuple[Failure, ...] = ()


def state_of(session: Session, object_uri: str) -> DeliveryState:
    """The deliveries of a local post or boost: the newest of each inbox counts."""
    author = select(Status.actor_id).where(Status.uri == object_uri).scalar_subquery()
    rows = session.scalars(
        select(Delivery).join(OutboxActivity, OutboxActivity.id == Delivery.activity_id).where(
            OutboxActivity.actor_id == author,  # others announce it under the same object
            or_(OutboxActivity.uri == object_uri,
                and_(OutboxActivity.object_uri == object_uri, OutboxActivity.type.in_(CARRIERS))))
        .order_by(Delivery.id))
    return _summary({row.inbox: row for row in rows}.values())


def _summary(rows: Iterable[Delivery]) -> DeliveryState:
    newest = list(rows)
    counts = {state: sum(row.state == state for row in newest) for state in ("done", "pending", "failed")}
    trouble = sorted((row for row in newest if row.state == "failed" or (row.state == "pending" and row.last_error)),
                     key=lambda row: (row.state != "failed", row.host))
    return DeliveryState(
        len(newest), counts["done"], counts["pending"], counts["failed"], len({row.host for row in newest}),
        tuple(Failure(row.host, row.status, row.last_error or "", row.attempt, row.run_at if row.state == "pending" else None)
              for row in trouble[:MAX_FAILURES]))
