"""What other servers say of their people: the verdict in the actor's columns, its reasons and its next look in a row beside it.

The verdict rests on stored facts (who issued, until when), so that another list of trusted verifiers needs no network.
"""
from __future__ import annotations

import datetime as dt
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, Attestation, RemoteStatusList
from ..provenance.humanity import CHECKED, CLAIMED, EXPIRED, NONE, OWN, REVOKED, TRUSTED
from . import jobs

DAY: Final = dt.timedelta(days=1)
FIRST_PAUSE: Final = dt.timedelta(hours=1)
MOST_FETCHES: Final = 4
"""Credentials fetched for one actor in 24 hours, whatever it names."""
LONGEST_LIST: Final = dt.timedelta(days=7)
"""For so long a status list is believed at most, whatever it says (vocabulary §3)."""
_BATCH: Final = 500


@dataclass(frozen=True)
class Finding:
    """What a look at an actor's credentials brought.

    Attributes:
        verdict: one of `humanity.VERDICTS`.
        reason: why it does not count, in a sentence; "" when it does.
        url: address of the credential that the verdict rests on.
        issuer: host of who issued it; with `method` and `until` what the badge says.
        list_url: its status list, with `index` in it.
        believed: how long that list is believed.
        silent: a server did not answer: it is asked again after a pause that doubles.
        again: when to look again at the latest; None: in a day.
    """

    verdict: str
    reason: str = ""
    url: str = ""
    issuer: str = ""
    method: str = ""
    until: dt.datetime | None = None
    list_url: str = ""
    index: int | None = None
    believed: dt.datetime | None = None
    silent: bool = False
    again: dt.datetime | None = None


def may_be_human(actor: Actor) -> bool:
    """Whether an actor can be a verified human at all: agents, services, groups and applications cannot."""
    return actor.type == "Person" and actor.kind != "agent"


def get(session: Session, actor_id: int) -> Attestation | None:
    """What is known of an actor's credentials."""
    return session.get(Attestation, actor_id)


def _row(uow: UnitOfWork, actor_id: int) -> Attestation:
    row = get(uow.session, actor_id)
    if row is None:
        row = Attestation(actor_id=actor_id, url="")
        uow.session.add(row)
        uow.session.flush()
    return row


def verdict_of(own: bool, issuer: str, trusted: Collection[str]) -> str:
    """What a valid credential is worth.

    Args:
        own: its issuer is on the actor's own origin.
        issuer: host of the issuer.
        trusted: hosts whose word the administrator takes.
    """
    return OWN if own else TRUSTED if issuer in trusted else CLAIMED


def in_order(named: Sequence[str], known: Sequence[str]) -> list[str]:
    """What an actor names now; in our order (the best one first) when it is the same as before."""
    return list(known) if len(named) == len(known) and set(named) == set(known) else list(named)


# ---- what changes at once
def changed(uow: UnitOfWork, actor: Actor) -> None:
    """A remote actor's document came anew and names credentials, or did before: what it names no more counts no more."""
    if actor.human in (*CHECKED, CLAIMED) and not (actor.attestation and may_be_human(actor)):
        actor.human, actor.human_checked_at = NONE, uow.now
    check_soon(uow, actor)


def check_soon(uow: UnitOfWork, actor: Actor) -> None:
    """Plan the look at the credentials that a remote actor names."""
    jobs.enqueue(uow, "check_attestation", {"actor_id": actor.id}, key=str(actor.id))


def check_again(uow: UnitOfWork, actor: Actor) -> None:
    """Plan another look, after one during which the actor changed."""
    jobs.enqueue(uow, "check_attestation", {"actor_id": actor.id}, key=f"{actor.id}:again")


# ---- the budget
def recent(row: Attestation | None, now: dt.datetime) -> list[dt.datetime]:
    """When credentials were fetched for an actor within the last 24 hours, the oldest first."""
    moments = [dt.datetime.fromisoformat(item) for item in row.fetches] if row is not None else []
    return sorted(moment for moment in moments if moment > now - DAY)


def spend(uow: UnitOfWork, actor_id: int, count: int) -> None:
    """Note that credentials are about to be fetched for an actor; before the fetch, so that a crash forgets none."""
    row = _row(uow, actor_id)
    row.fetches = [moment.isoformat() for moment in recent(row, uow.now)] + [uow.now.isoformat()] * count


# ---- the verdict
def settle(uow: UnitOfWork, actor: Actor, found: Finding) -> None:
    """Keep what a look brought, and when the next one is due."""
    row = _row(uow, actor.id)
    known = found.verdict != NONE
    actor.human, actor.human_checked_at = found.verdict, uow.now
    uow.ring(f"actor:{actor.id}")
    actor.human_issuer = found.issuer if known else None
    actor.human_method = found.method if known else None
    actor.human_until = found.until if known else None
    if found.url in actor.attestation[1:]:
        actor.attestation = [found.url, *(item for item in actor.attestation if item != found.url)]
    row.url, row.issuer, row.list_url, row.list_index = found.url, found.issuer, found.list_url, found.index
    row.reason, row.named, row.checked_at = found.reason, list(actor.attestation), uow.now
    row.failures = row.failures + 1 if found.silent else 0
    row.recheck_at = _next(row, found, uow.now) if may_be_human(actor) else None


def kept(uow: UnitOfWork, actor: Actor, found: Finding) -> None:
    """A server was silent and what is known of an actor still holds: only the next look is planned."""
    row = get(uow.session, actor.id)
    if row is not None:
        row.failures, row.checked_at, row.named = row.failures + 1, uow.now, list(actor.attestation)
        row.recheck_at = _next(row, replace(found, silent=True, until=actor.human_until,
                                            believed=believed(uow.session, row.list_url, uow.now)), uow.now)


def forget(uow: UnitOfWork, actor: Actor) -> None:
    """An actor names no credential and there is nothing to say about former ones; its budget stays for the day."""
    actor.human = actor.human_issuer = actor.human_method = actor.human_until = None
    actor.human_checked_at = uow.now
    uow.ring(f"actor:{actor.id}")
    row = get(uow.session, actor.id)
    if row is not None:
        row.url = row.issuer = row.list_url = row.reason = ""
        row.list_index, row.named, row.failures, row.checked_at, row.recheck_at = None, [], 0, uow.now, None


def _next(row: Attestation, found: Finding, now: dt.datetime) -> dt.datetime:
    """A day from now, or after a pause that doubles while a server is silent; never after what is known runs out."""
    pause = min(FIRST_PAUSE * 2 ** min(row.failures - 1, 10), DAY) if found.silent else DAY
    pause *= random.uniform(0.9, 1.1)  # noqa: S311 - so that not everybody asks a server in the same minute
    ends = (found.until, found.believed, found.again)
    return min([now + pause, *(end for end in ends if end is not None and end > now)])


def postpone(uow: UnitOfWork, actor_id: int, until: dt.datetime) -> None:
    """No look before a moment: the day's fetches are spent."""
    row = get(uow.session, actor_id)
    if row is not None:
        row.recheck_at = until


def plan_due(uow: UnitOfWork, limit: int, spread: dt.timedelta) -> int:
    """Plan looks that are due, spread over a while; how many."""
    rows = uow.session.scalars(select(Attestation).where(
        Attestation.recheck_at.is_not(None), Attestation.recheck_at <= uow.now)
        .order_by(Attestation.recheck_at).limit(limit)).all()
    for number, row in enumerate(rows):
        row.recheck_at = uow.now + DAY  # the look itself says when the next one is
        # under another key than a look that news asks for: that one must not wait for this one's turn
        jobs.enqueue(uow, "check_attestation", {"actor_id": row.actor_id, "due": True}, key=f"{row.actor_id}:due",
                     delay=spread * number / len(rows))
    return len(rows)


def judge(uow: UnitOfWork, host: str, trusted: bool, after: int) -> int | None:
    """Weigh what one server says of other servers' people again, by stored facts; the last id of a full batch, else None."""
    rows = uow.session.scalars(select(Actor).where(
        Actor.human_issuer == host, Actor.human == (CLAIMED if trusted else TRUSTED), Actor.domain != "", Actor.id > after)
        .order_by(Actor.id).limit(_BATCH)).all()
    for actor in rows:
        actor.human = TRUSTED if trusted else CLAIMED
    return rows[-1].id if len(rows) == _BATCH else None


def claimants(session: Session, limit: int) -> list[tuple[str, int]]:
    """Hosts that vouch for people of other servers and are not trusted here, with for how many; most first."""
    count = func.count()
    rows = session.execute(select(Actor.human_issuer, count).where(
        Actor.human == CLAIMED, Actor.domain != "", Actor.human_issuer.is_not(None)).group_by(Actor.human_issuer)
        .order_by(count.desc(), Actor.human_issuer).limit(limit))
    return [(str(host), int(number)) for host, number in rows]


# ---- status lists of others
def status_list(session: Session, url: str, issuer: str, now: dt.datetime) -> RemoteStatusList | None:
    """A kept status list that is still believed."""
    row = session.get(RemoteStatusList, url)
    return row if row is not None and row.issuer == issuer and row.valid_until > now else None


def believed(session: Session, url: str, now: dt.datetime) -> dt.datetime | None:
    """How long a kept status list is still believed; None when there is none that is."""
    row = session.get(RemoteStatusList, url)
    return row.valid_until if row is not None and row.valid_until > now else None


def keep_list(uow: UnitOfWork, url: str, issuer: str, document: Mapping[str, Any], valid_until: dt.datetime) -> None:
    """Keep a status list whose proof was checked, in place of the one before."""
    row = uow.session.get(RemoteStatusList, url)
    until = min(valid_until, uow.now + LONGEST_LIST)
    if row is None:
        try:
            with uow.session.begin_nested():
                uow.session.add(RemoteStatusList(url=url, issuer=issuer, document=orjson.dumps(document), fetched_at=uow.now,
                                                 valid_until=until))
            return
        except IntegrityError:  # another worker has just fetched it too
            row = uow.session.get_one(RemoteStatusList, url)
    row.issuer, row.document, row.fetched_at, row.valid_until = issuer, orjson.dumps(document), uow.now, until


def sweep_lists(uow: UnitOfWork) -> None:
    """Remove status lists that nobody believes any more."""
    uow.session.execute(delete(RemoteStatusList).where(RemoteStatusList.valid_until < uow.now))


def ended(actor: Actor, now: dt.datetime) -> str:
    """What a credential that its server has removed (410) says now of the actor it vouched for: run out, or taken back."""
    return EXPIRED if actor.human_until is None or actor.human_until <= now else REVOKED
