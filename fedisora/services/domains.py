"""Deciding about other domains: block, silence or allow one, and take that back."""
from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import idna
from sqlalchemy import delete as sql_delete
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import Invalid, Malformed, NotFound
from ..models import Actor, Delivery, DomainRule, Follow
from ..store import actors, domains

BLOCKED = "blocked here"
"""Why a delivery that was waiting for a blocked domain is given up."""


@dataclass(frozen=True)
class Effect:
    """What a changed rule did: accounts suspended and let in again, follows ended, deliveries given up."""

    domain: str
    suspended: int = 0
    lifted: int = 0
    follows: int = 0
    deliveries: int = 0


def set_rule(uow: UnitOfWork, domain: str, severity: str, *, reject_media: bool = False, comment: str = "",
             public_comment: str = "") -> Effect:
    """Make or change the rule of a domain; it counts for everything below it too.

    A new block suspends the accounts there (their posts are no longer shown), ends follows both ways and gives up what
    waits to be delivered. A block that becomes something else lets those accounts in again; follows stay ended.

    Raises:
        Invalid: not a domain, our own, or no such severity.
    """
    name = _named(uow, domain)
    if severity not in domains.SEVERITIES:
        raise Invalid(f"A rule is one of: {', '.join(domains.SEVERITIES)}.")
    session = uow.session
    before = _snapshot(session)
    row = session.get(DomainRule, name)
    if row is None:
        row = DomainRule(domain=name, severity=severity, created_at=uow.now)
        session.add(row)
    elif row.severity != severity:
        row.severity, row.created_at = severity, uow.now
    row.reject_media, row.private_comment, row.public_comment = reject_media, comment.strip(), public_comment.strip()
    session.flush()
    return _apply(uow, name, before)


def remove_rule(uow: UnitOfWork, domain: str) -> Effect:
    """Take the rule of a domain back.

    Raises:
        Invalid: not a domain.
        NotFound: it has no rule of its own.
    """
    name = _named(uow, domain)
    row = uow.session.get(DomainRule, name)
    if row is None:
        raise NotFound(f"There is no rule for {name}.")
    before = _snapshot(uow.session)
    uow.session.delete(row)
    uow.session.flush()
    return _apply(uow, name, before)


def _named(uow: UnitOfWork, domain: str) -> str:
    try:
        name = domains.domain_of(domain.strip().removeprefix("*."))
    except Malformed as error:
        raise Invalid("Please write a domain such as example.org.", cause=error) from error
    own = domains.domain_of(uow.settings.base_url)
    if name == own:
        raise Invalid("This is the domain of this server.")
    return name


def _snapshot(session: Session) -> dict[str, tuple[str, dt.datetime]]:
    return {row.domain: (row.severity, row.created_at) for row in domains.every(session)}


def _blocked_since(rules: Mapping[str, tuple[str, dt.datetime]], actor: Actor) -> dt.datetime | None:
    """Since when an actor's server, or the domain of its handle, is blocked."""
    for address in (actor.uri, actor.domain):
        try:
            names = domains.candidates(domains.domain_of(address))
        except Malformed:
            continue
        rule = next((rules[name] for name in names if name in rules), None)
        if rule is not None and rule[0] == "block":
            return rule[1]
    return None


def _apply(uow: UnitOfWork, domain: str, before: Mapping[str, tuple[str, dt.datetime]]) -> Effect:
    """Bring accounts, follows and deliveries in line with the rules as they are now.

    An account that a rule suspended carries the moment of that rule, so that taking the rule back lifts those and not the
    accounts that were suspended, or deleted themselves, for reasons of their own.
    """
    session, after = uow.session, _snapshot(uow.session)
    suspended, lifted = [], 0
    for actor in _actors_below(session, domain):
        was, now = _blocked_since(before, actor), _blocked_since(after, actor)
        if actor.suspended_at is None and now is not None:
            actor.suspended_at = now
            suspended.append(actor.id)
        elif was is not None and actor.suspended_at == was and now != was:
            actor.suspended_at = now
            lifted += now is None
    session.flush()
    return Effect(domain, len(suspended), lifted, _end_follows(uow, suspended), _give_up_deliveries(uow))


def _actors_below(session: Session, domain: str) -> list[Actor]:
    """Remote actors whose id or handle may be below a domain: too many rather than too few, the rules decide."""
    spellings = {domain}
    with contextlib.suppress(UnicodeError):  # ids may be written with the letters that IDNA encodes
        spellings.add(idna.decode(domain))
    return list(session.scalars(select(Actor).where(Actor.domain != "", or_(*(
        func.lower(column).contains(name, autoescape=True) for name in spellings for column in (Actor.uri, Actor.domain))))))


def _end_follows(uow: UnitOfWork, actor_ids: list[int]) -> int:
    session, ended = uow.session, 0
    for start in range(0, len(actor_ids), 500):
        part = actor_ids[start:start + 500]
        rows = session.scalars(select(Follow).where(or_(Follow.actor_id.in_(part), Follow.target_id.in_(part)))).all()
        for row in rows:
            if row.state == "accepted":
                actors.adjust_counts(uow, row.target_id, followers=-1)
                actors.adjust_counts(uow, row.actor_id, following=-1)
        if rows:
            session.execute(sql_delete(Follow).where(Follow.id.in_([row.id for row in rows])))
        ended += len(rows)
    session.flush()
    return ended


def _give_up_deliveries(uow: UnitOfWork) -> int:
    """Deliveries that wait for a server we no longer talk to become failed, with the reason."""
    session, given_up = uow.session, 0
    rules = domains.load(session, uow.settings)
    hosts = [host for host in session.scalars(select(Delivery.host).where(Delivery.state == "pending").distinct())
             if rules.refuses(host)]
    for host in hosts:
        found = session.execute(update(Delivery).where(Delivery.state == "pending", Delivery.host == host).values(
            state="failed", done_at=uow.now, last_error=BLOCKED, lease_owner=None, lease_until=None).returning(Delivery.id),
            execution_options={"synchronize_session": False})
        given_up += len(found.all())
    return given_up
