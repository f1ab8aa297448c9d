"""Vouching: three verified people of this instance say that somebody is a person. Source: docs/decisions/0019.

Whose word counts goes by levels. Level 0 is verified by anything but vouching. Level 1 rests on three of level 0. Level 2 rests
on three of the levels 0 and 1, at least one of them of level 0. There is no level 3: a word passes at most two hands. Whoever is
on a level rests only on lower ones, so nothing can rest on itself; and each credential needs a vouch of level 0, of which each
such person has five a month: made-up people grow no faster than those who stand for them.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from ....db import UnitOfWork
from ....errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from ....models import Actor, VerificationCase, Vouch
from ....provenance import humanity
from ....store import actors, notifications, relations, verification, vouches
from ....store.credentials import hold_people
from ... import audit
from .. import credentials
from . import base

NEEDED: Final = 3
ROOTS: Final = 1
"""Of those needed, how many have to be of level 0."""
DEEPEST: Final = 2
PER_MONTH: Final = 5
MONTH: Final = dt.timedelta(days=30)
AGE: Final = dt.timedelta(days=7)
"""How old a voucher's account has to be, and for how long verified."""
ASKS_PER_DAY: Final = 20
NOBODY: Final = "Nobody of this name asks for vouches here."
NOT_CARRIED: Final = "Your word cannot carry this person's verification, because of how your own came about."
LOST: Final = "Fewer than three people whose word counts vouch for you now. You can ask others at any time."
_BUSY: Final = "vouching.settling"


@dataclass(frozen=True)
class Progress:
    """How far somebody is: whose vouches stand, and how many of them count now."""

    case: VerificationCase | None
    open: bool
    vouchers: list[tuple[Vouch, Actor]]
    counting: int
    needed: int = NEEDED


# ---- whose word counts
def levels(session: Session, people: Collection[int], now: dt.datetime, *, fresh: bool = False) -> dict[int, int]:
    """On which level some people would be by their vouches alone (1 or 2); those whose vouches do not suffice are left out.

    For each of them their own verification is taken away first: no word that rests on it counts.
    """
    own = vouches.vouchers_of(session, people)
    direct, vouched = vouches.verified(session, {voucher for named in own.values() for voucher in named}, now, fresh=fresh)
    above = vouches.vouchers_of(session, vouched)
    roots, _ = vouches.verified(session, {voucher for named in above.values() for voucher in named}, now, fresh=fresh)
    found = {}
    for person, named in own.items():
        first = {other for other in named & vouched if len((above[other] & roots) - {person}) >= NEEDED}
        if len(named & direct) >= NEEDED:
            found[person] = 1
        elif len(named & direct) >= ROOTS and len(named & direct) + len(first) >= NEEDED:
            found[person] = 2
    return found


def progress(session: Session, actor: Actor, now: dt.datetime) -> Progress:
    """How far a person is."""
    standing = vouches.about(session, actor.id)
    direct, vouched = vouches.verified(session, {voucher.id for _, voucher in standing}, now)
    first = {person for person, level in levels(session, vouched, now).items() if level < DEEPEST}
    return Progress(base.running(session, actor.id, "vouch"), open_to(session, actor, now), standing, len(direct) + len(first))


# ---- who is vouched for
def open_to(session: Session, actor: Actor, now: dt.datetime) -> bool:
    """Whether a person lets others vouch for them: they asked, or are verified in this way (a fourth word makes that safer)."""
    vouched = actor.human_method == humanity.METHODS["vouch"] and humanity.holds(actor.human, actor.human_until, now)
    return actor.local and actor.suspended_at is None and (vouched or base.running(session, actor.id, "vouch") is not None)


def ask(uow: UnitOfWork, actor: Actor) -> VerificationCase:
    """A person lets others vouch for them. Vouches that stand from before count at once.

    Raises:
        Forbidden: this account may not.
    """
    subject = _held(uow, actor.id)
    case = base.running(uow.session, actor.id, "vouch", lock=True) or base.begin(uow, subject, "vouch")
    _decide(uow, subject)
    return case


def stop(uow: UnitOfWork, actor: Actor) -> None:
    """A person does not want to be vouched for any more. Vouches that stand stay, and count when they ask again."""
    case = base.running(uow.session, actor.id, "vouch", lock=True)
    if case is not None:
        base.close(uow, case, "withdrawn")


def invite(uow: UnitOfWork, actor: Actor, handle: str) -> Actor:
    """Ask somebody for a vouch: it appears on their page and in their inbox, once.

    Raises:
        Conflict: this person does not let others vouch for them yet.
        NotFound: nobody of this name here.
        Invalid: oneself, or somebody who is not a verified human of this instance.
        TooManyRequests: too many were asked today.
    """
    session = uow.session
    if not open_to(session, actor, uow.now):
        raise Conflict("Begin first: press “Let people vouch for me”.")
    name, _, host = handle.strip().lstrip("@").partition("@")
    voucher = actors.local_active(session, name) if name and host.lower() in ("", uow.uris.host) else None
    if voucher is None:
        raise NotFound("There is no account of this name on this server. Only people of this server can vouch.")
    if voucher.id == actor.id:
        raise Invalid("You cannot vouch for yourself.")
    if not any(vouches.verified(session, [voucher.id], uow.now)):
        raise Invalid("This account is not a verified human, so it cannot vouch.")
    if vouches.was_asked(session, voucher.id, actor.id):
        return voucher
    # by the log: whoever declines, or clears their inbox, gives nobody another try
    if verification.done_since(session, actor.id, "vouch.asked", uow.now - dt.timedelta(days=1)) >= ASKS_PER_DAY:
        raise TooManyRequests(f"You asked {ASKS_PER_DAY} people within a day. Please wait until tomorrow.", retry_after=86_400)
    audit.note(uow, "vouch.asked", subject=actor.id, by=actor.id)
    base.tell(uow, voucher.id, vouches.ASKED, by=actor.id)
    return voucher


def asking(session: Session, name: str, now: dt.datetime) -> Actor:
    """The local person of that name who lets others vouch for them.

    Raises:
        NotFound: nobody, or they do not (which is nobody's business).
    """
    actor = actors.local_active(session, name)
    if actor is None or not open_to(session, actor, now):
        raise NotFound(NOBODY)
    return actor


# ---- who vouches
def why_not(session: Session, voucher: Actor, now: dt.datetime) -> str:
    """Why a person cannot vouch for anybody now, in a sentence; "" when they can."""
    direct, vouched = vouches.verified(session, [voucher.id], now)
    if not direct | vouched:
        return "Only verified humans of this server can vouch for others."
    since = base.verified_since(session, voucher.id)
    ready = max(voucher.created_at, since or now) + AGE
    if ready > now:
        return f"You can vouch for others from {ready:%-d %B %Y} on: your account and its verification have to be a week old."
    if vouched and levels(session, vouched, now).get(voucher.id, DEEPEST) >= DEEPEST:
        return "You were verified by people who had been vouched for themselves. A word passes no further hands than that."
    return ""


def offers(session: Session, voucher: Actor | None, subject: Actor, now: dt.datetime) -> bool:
    """Whether the page of a person shows somebody that they could vouch for them."""
    if voucher is None or voucher.id == subject.id or not open_to(session, subject, now):
        return False
    known = vouches.between(session, voucher.id, subject.id)
    return (known is None or known.revoked_at is not None) and any(vouches.verified(session, [voucher.id], now))


def give(uow: UnitOfWork, voucher: Actor, subject_id: int) -> Vouch:
    """Say that somebody who asks for it is a person. With the third word that counts they are verified.

    Raises:
        NotFound: nobody who asks.
        Invalid: oneself.
        Forbidden: an agent, not (long enough) verified, or one's own verification rests on that person.
        TooManyRequests: five in 30 days were given.
    """
    session = uow.session
    if voucher.id == subject_id:
        raise Invalid("You cannot vouch for yourself.")
    subject, voucher = _held(uow, subject_id), _held(uow, voucher.id)
    if reason := why_not(session, voucher, uow.now):
        raise Forbidden(reason)
    if not open_to(session, subject, uow.now) or relations.blocked_either_way(session, voucher.id, subject_id):
        raise NotFound(NOBODY)
    known = vouches.between(session, voucher.id, subject_id)
    if known is not None and known.revoked_at is None:
        return known
    if voucher.human_method == humanity.METHODS["vouch"] and subject_id in vouches.chain(session, voucher.id):
        raise Forbidden(NOT_CARRIED)
    times = vouches.given_since(session, voucher.id, uow.now - MONTH)
    if len(times) >= PER_MONTH:
        free = times[-PER_MONTH] + MONTH
        raise TooManyRequests(f"You vouched for {PER_MONTH} people within 30 days. You can go on from {free:%-d %B %Y}.",
                              retry_after=(free - uow.now).total_seconds())
    if known is None:
        known = Vouch(id=uow.new_id(), voucher_id=voucher.id, subject_id=subject_id, created_at=uow.now)
        session.add(known)
    known.created_at, known.revoked_at = uow.now, None
    session.flush()
    audit.note(uow, "vouch.given", subject=subject_id, by=voucher.id)
    notifications.remove(uow, voucher.id, subject_id, vouches.ASKED)
    base.tell(uow, subject_id, "human.vouched", by=voucher.id)
    _decide(uow, subject)
    return known


def decline(uow: UnitOfWork, voucher: Actor, subject_id: int) -> None:
    """Take somebody's request off one's page. They are not told."""
    notifications.remove(uow, voucher.id, subject_id, vouches.ASKED)


def take_back(uow: UnitOfWork, voucher: Actor, subject_id: int) -> None:
    """Take a vouch back. When too few are left, the credential ends at once; others that rest on it as well.

    Raises:
        NotFound: there is no such vouch.
    """
    session = uow.session
    hold_people(session)
    found = vouches.between(session, voucher.id, subject_id)
    if found is None or found.revoked_at is not None:
        raise NotFound("You do not vouch for this account.")
    found.revoked_at = uow.now
    session.flush()
    audit.note(uow, "vouch.revoked", subject=subject_id, by=voucher.id)
    settle(uow, {subject_id})


def _held(uow: UnitOfWork, actor_id: int) -> Actor:
    """The row of a person as it is now; until the end of the transaction nobody else changes whose word counts.

    Raises:
        NotFound: there is none.
    """
    hold_people(uow.session)
    found = uow.session.get(Actor, actor_id, populate_existing=True)
    if found is None:
        raise NotFound(NOBODY)
    return found


def _decide(uow: UnitOfWork, subject: Actor) -> None:
    """Approve the open case of a person when enough words count; nothing otherwise."""
    case = base.running(uow.session, subject.id, "vouch", lock=True)
    if case is None or subject.id not in levels(uow.session, [subject.id], uow.now, fresh=True):
        return
    if base.barred(uow, subject, "vouch"):
        return  # a moderator closed this way to them meanwhile, they moved away, or were verified in another
    base.satisfied(uow, subject, case.id)
    reconsider(uow, subject.id)  # a renewal may stand on less than what it renews


# ---- what ends
def reconsider(uow: UnitOfWork, actor_id: int) -> None:
    """Something about a person changed (their credential ended, say): look at everybody who rests on their word."""
    settle(uow, vouches.subjects_of(uow.session, [actor_id]))


def look_through(uow: UnitOfWork, after: int, limit: int) -> int | None:
    """Look at some of those whom vouches verified: whose vouchers' accounts were deleted, suspended or disabled loses it.

    Whom the operator verified by hand in the name of this way has no such case, and is left alone.

    Args:
        after: row id of the last account that was looked at.

    Returns:
        The same for the next call; None when all were looked at.
    """
    people = vouches.verified_so(uow.session, after, limit)
    settle(uow, people)
    return people[-1] if len(people) == limit else None


def settle(uow: UnitOfWork, people: Iterable[int]) -> None:
    """End the credentials of those whose vouches do not suffice any more, and of those who rest on them.

    Two rounds are enough: nobody rests on level 2, and nobody on level 1 but level 2. `credentials.revoke` calls `reconsider`
    again; within a round it finds this one at work, which goes on with exactly those people.
    """
    info = uow.session.info
    if info.get(_BUSY):
        return
    hold_people(uow.session)
    info[_BUSY] = True
    try:
        front = set(people)
        for _ in range(DEEPEST):
            _, resting = vouches.verified(uow.session, front, uow.now, fresh=True)
            standing = levels(uow.session, resting, uow.now, fresh=True)
            for person in sorted(resting - set(standing)):
                credentials.revoke(uow, actors.get(uow.session, person), LOST)
            front = vouches.subjects_of(uow.session, resting)
            if not front:
                break
    finally:
        info.pop(_BUSY, None)
