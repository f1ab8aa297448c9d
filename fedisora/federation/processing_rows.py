"""The database's side of processing: which messages are due, applying a slice of them in one transaction, what came of each."""
from __future__ import annotations

import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from ..activities import HANDLERS, Received, relayed
from ..activitypub import parse
from ..db import UnitOfWork
from ..errors import FedisoraError, Refused
from ..models import Actor, InboxMessage
from ..store import actors, queue, relations, relays, statuses
from .heartbeat import LEASE
from .inbox import STILL_HEARD

log = structlog.get_logger()
BATCH = 100
WINDOW = 400
"""How many due rows are looked at to see whether one peer crowds out the others."""
ATTEMPTS = 8
SLICE, SHORT_SLICE = 0.03, 0.002
"""Seconds one transaction may take: while nobody else waits to write, and when somebody does."""
LATER = dt.timedelta(seconds=5)
UNASKED = frozenset({"Announce", "Add"})
"""Types about posts of others or from before, which are only fetched for who is followed from here."""


@dataclass
class Work:
    """One claimed message on its way through."""

    id: int
    attempt: int
    actor_uri: str
    host: str
    via_uri: str | None
    body: bytes
    activity: dict[str, Any] = field(default_factory=dict)
    kind: str = ""
    needs: list[str] = field(default_factory=list)
    fetched: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: Exception | None = None


class Careful(Exception):
    """A message failed in a transaction it shares with others."""

    def __init__(self, reached: int) -> None:
        self.reached = reached
        super().__init__(reached)


_DUE = select(InboxMessage.id, InboxMessage.host).where(
    InboxMessage.state == "pending", InboxMessage.run_at <= bindparam("now"),
    or_(InboxMessage.lease_until.is_(None), InboxMessage.lease_until < bindparam("now"))).order_by(
        InboxMessage.run_at, InboxMessage.id)


def claim(uow: UnitOfWork, owner: str) -> list[Work]:
    """The oldest due messages; when a few peers fill the window, the others come first."""
    session = uow.session
    window = session.execute(_DUE.limit(WINDOW), {"now": uow.now}).all()
    if not window:
        return []
    chosen = [row[0] for row in window[:BATCH]]
    if len(window) > BATCH:
        counts = Counter(row[1] for row in window)
        loud = [host for host, count in counts.items() if count > BATCH // 4]
        quiet = [row[0] for row in session.execute(
            _DUE.where(InboxMessage.host.not_in(loud)).limit(BATCH * 3 // 4), {"now": uow.now})] if loud else []
        if quiet:
            known = set(quiet)
            chosen = quiet + [row[0] for row in window if row[0] not in known][:BATCH - len(quiet)]
    rows = queue.claim(session, InboxMessage, InboxMessage.state == "pending", InboxMessage.id.in_(chosen), owner=owner,
                       now=uow.now, lease=LEASE, limit=BATCH)
    return [Work(row.id, row.attempt, row.actor_uri, row.host, row.via_uri, row.body) for row in rows]


def waiting(session: Session, batch: Sequence[Work], is_local: Callable[[str], bool]) -> set[int]:
    """Which of these cannot be applied before something is fetched."""
    wanted = {uri for work in batch for uri in work.needs}
    senders = actors.by_uris(session, {work.actor_uri for work in batch if work.via_uri is None})
    followed = {uri for uri, actor in senders.items() if _heard(session, actor)} if wanted else set()
    missing = wanted - set(statuses.by_uris(session, wanted)) - set(actors.by_uris(session, wanted)) if wanted else set()
    found = set()
    for work in batch:
        if work.via_uri is not None or work.actor_uri not in senders:
            found.add(work.id)
            continue
        asked = work.kind not in UNASKED or work.actor_uri in followed
        if asked and any(uri in missing and not is_local(uri) for uri in work.needs):
            found.add(work.id)
    return found


def missing(session: Session, batch: Sequence[Work]) -> tuple[set[str], bool, bool]:
    """(documents not stored, whether somebody here follows the lane's actor, whether that actor is stored)"""
    wanted = {uri for work in batch for uri in work.needs}
    missing = wanted - set(statuses.by_uris(session, wanted)) - set(actors.by_uris(session, wanted))
    sender = actors.by_uri(session, batch[0].actor_uri)
    return missing, sender is not None and _heard(session, sender), sender is not None


def _heard(session: Session, actor: Actor) -> bool:
    """Whether what this actor boosts is worth a fetch."""
    return relations.has_local_follower(session, actor.id) or relays.accepted(session, actor.uri)


def postpone(uow: UnitOfWork, batch: Sequence[Work], owner: str) -> None:
    """They were not tried: the attempt does not count."""
    for work in batch:
        uow.session.execute(update(InboxMessage).where(*queue.held(InboxMessage, work.id, owner, work.attempt)).values(
            run_at=uow.now + LATER, attempt=work.attempt - 1, lease_owner=None, lease_until=None,
            last_error="waits for its own server"), execution_options={"synchronize_session": False})


def apply_slice(uow: UnitOfWork, batch: Sequence[Work], owner: str, *, careful: bool) -> int:
    """Apply as many as fit into one short transaction; how many those were.

    Raises:
        Careful: one failed, and what the others did is undone with it.
    """
    session = uow.session
    start = time.perf_counter()
    held = _held(session, batch, owner)
    senders = actors.by_uris(session, {work.actor_uri for work in batch})
    session.info[relations.FOLLOWED] = {}
    if not careful:
        uow.absent = statuses.unheard_of(session, (
            uri for work in batch if work.kind == "Create" and (uri := parse.id_of(work.activity.get("object")))))
    outcomes: list[dict[str, Any]] = []
    done = 0
    for work in batch:
        done += 1
        if work.id not in held:
            continue  # the lease was lost: somebody else has it
        outcome = ""
        error = work.error
        if error is None:
            try:
                if careful:
                    with session.begin_nested():
                        outcome = _receive(uow, work, senders)
                else:
                    outcome = _receive(uow, work, senders)
            except Exception as caught:
                if not careful:
                    raise Careful(done) from caught
                error = caught
        if work.kind != "Create":
            session.info[relations.FOLLOWED].clear()
        outcomes.append(_conclusion(uow, work, outcome, error))
        spent = time.perf_counter() - start
        if not careful and (spent > SLICE or (spent > SHORT_SLICE and uow.wanted())):
            break
    try:
        session.flush()
    except Exception as error:
        if careful:
            raise
        raise Careful(done) from error
    if outcomes:
        session.connection().execute(_FINISH, outcomes)
    return done


_HELD = select(InboxMessage.id, InboxMessage.attempt).where(
    InboxMessage.id.in_(bindparam("ids", expanding=True)), InboxMessage.lease_owner == bindparam("owner"))
_TABLE: Any = InboxMessage.__table__
_FINISH = update(_TABLE).where(_TABLE.c.id == bindparam("row_id")).values(
    state=bindparam("new_state"), done_at=bindparam("at"), outcome=bindparam("result"), last_error=bindparam("why"),
    run_at=bindparam("again"), lease_owner=None, lease_until=None)


def _held(session: Session, batch: Sequence[Work], owner: str) -> set[int]:
    """The fence: which of these this worker still holds."""
    query = _HELD.with_for_update() if session.get_bind().dialect.name == "postgresql" else _HELD
    attempts = {row[0]: row[1] for row in session.execute(query, {"ids": [work.id for work in batch], "owner": owner})}
    return {work.id for work in batch if attempts.get(work.id) == work.attempt}


def _receive(uow: UnitOfWork, work: Work, senders: dict[str, Any]) -> str:
    actor = senders.get(work.actor_uri)
    if actor is None:  # fetched since
        actor = actors.by_uri(uow.session, work.actor_uri)
    if work.via_uri is not None:
        via = actors.by_uri(uow.session, work.via_uri)
        if via is None or via.suspended_at is not None:
            raise Refused("Who passed it on is not known, or suspended.")
        return relayed.receive(uow, work.activity, work.fetched, via=via)
    if actor is None or (actor.suspended_at is not None and work.kind not in STILL_HEARD):
        raise Refused("The sender is not known, or suspended.")
    if work.kind != "Delete":
        actors.refresh_when_stale(uow, actor)
    return HANDLERS[work.kind].receive(uow, work.activity, Received(actor, work.fetched, work.body))


def _conclusion(uow: UnitOfWork, work: Work, outcome: str, error: Exception | None) -> dict[str, Any]:
    """The row's next state: `done`, `refused`, `dead` (quarantined), or `pending` again after a pause."""
    found: dict[str, Any] = {"row_id": work.id, "new_state": "done", "at": uow.now, "result": outcome or None, "why": None,
                             "again": uow.now}
    if error is None:
        log.debug("inbox", type=work.kind, actor=work.actor_uri, outcome=outcome)
        return found
    found["why"] = str(error)[:500]
    if isinstance(error, FedisoraError) and not error.retryable and error.status < 500:
        log.info("inbox refused", type=work.kind, actor=work.actor_uri, reason=found["why"])
        return found | {"new_state": "refused"}
    if not isinstance(error, FedisoraError):
        log.error("inbox handler failed", type=work.kind, actor=work.actor_uri, exc_info=error)
        found["why"] = f"{type(error).__name__}: {error}"[:500]
    if work.attempt >= ATTEMPTS:
        log.error("inbox message quarantined", type=work.kind, actor=work.actor_uri, reason=found["why"])
        return found | {"new_state": "dead"}
    scale = uow.settings.retry_seconds / 15
    pause = scale * (work.attempt ** 4 + 15 + random.uniform(0, 10 * work.attempt))  # noqa: S311
    return found | {"new_state": "pending", "at": None, "again": uow.now + dt.timedelta(seconds=pause)}
