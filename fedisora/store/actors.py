"""Actors by id, URI and handle; storing remote ones."""
from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Any

from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, User


@dataclasses.dataclass(frozen=True)
class ActorData:
    """What a remote actor's own document says: the columns of `Actor` that come from there."""

    uri: str
    username: str
    domain: str
    type: str
    kind: str | None
    operator_uri: str | None
    operates: list[str]
    name: str
    summary: str
    fields: list[Any]
    url: str
    inbox: str
    shared_inbox: str | None
    outbox: str | None
    followers_uri: str | None
    following_uri: str | None
    featured_uri: str | None
    key_id: str | None
    public_key_pem: str | None
    assertion_keys: list[Any]
    signing_certificates: str | None
    locked: bool
    discoverable: bool
    avatar_url: str | None
    header_url: str | None
    also_known_as: list[str]
    moved_to: str | None


# Asked for every activity that arrives: building a statement costs more than running it, so these are built once.
_BY_URI = select(Actor).where(Actor.uri == bindparam("uri"))


def get(session: Session, actor_id: int) -> Actor:
    """The actor of a row id that must exist."""
    return session.get_one(Actor, actor_id)


def by_uri(session: Session, uri: str) -> Actor | None:
    """The actor with this id, suspended ones too."""
    return session.scalar(_BY_URI, {"uri": uri})


def by_uris(session: Session, uris: Iterable[str]) -> dict[str, Actor]:
    """Known actors among these ids."""
    wanted = list(set(uris))
    if not wanted:
        return {}
    return {actor.uri: actor for actor in session.scalars(select(Actor).where(Actor.uri.in_(wanted)))}


def by_handle(session: Session, name: str, domain: str = "") -> Actor | None:
    """The actor of a handle, whatever its case; "" is this instance."""
    return session.scalar(select(Actor).where(Actor.username_key == name.lower(), Actor.domain == domain.lower()))


def local_active(session: Session, name: str) -> Actor | None:
    """A local account that others may see: approved, not disabled, not suspended."""
    return session.scalar(select(Actor).join(User, User.actor_id == Actor.id).where(
        Actor.username_key == name.lower(), Actor.domain == "", User.state == "active", Actor.suspended_at.is_(None)))


def many(session: Session, ids: Iterable[int]) -> dict[int, Actor]:
    """Actors by row id."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {actor.id: actor for actor in session.scalars(select(Actor).where(Actor.id.in_(wanted)))}


def instance_actor(session: Session) -> Actor:
    """The Application actor that signs this instance's fetches."""
    return session.scalars(select(Actor).where(Actor.type == "Application", Actor.domain == "")).one()


def upsert_remote(uow: UnitOfWork, data: ActorData) -> Actor:
    """Store what a remote actor's own document says."""
    session = uow.session
    values = {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}
    values.update(username_key=data.username.lower(), fetched_at=uow.now, updated_at=uow.now)
    actor = by_uri(session, data.uri)
    if actor is None:
        # The handle moved to another id (the account was deleted and made again there): the old row gives it up.
        other = by_handle(session, data.username, data.domain)
        if other is not None:
            other.username_key = f"{other.username_key}~{other.id}"
            session.flush()
        actor = Actor(id=uow.new_id(), created_at=uow.now, **values)
        session.add(actor)
    else:
        for name, value in values.items():
            if getattr(actor, name) != value:
                setattr(actor, name, value)
    session.flush()
    return actor


def stale(actor: Actor, now: dt.datetime, age: dt.timedelta = dt.timedelta(days=1)) -> bool:
    """Whether a remote actor should be fetched again."""
    return not actor.local and (actor.fetched_at is None or actor.fetched_at < now - age)


def search(session: Session, text: str, limit: int = 20) -> list[Actor]:
    """Known accounts whose handle or name begins with a text; local and followed ones first."""
    plain = text.strip().lstrip("@").lower()
    if not plain:
        return []
    name, _, domain = plain.partition("@")
    pattern = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    named = Actor.username_key.like(pattern, escape="\\")
    where = (and_(named, Actor.domain.like(f"{domain}%")) if domain
             else or_(named, Actor.name.ilike(pattern, escape="\\")))
    return list(session.scalars(select(Actor).where(
        where, Actor.suspended_at.is_(None), Actor.type != "Application",
        or_(Actor.domain != "", Actor.id.in_(select(User.actor_id).where(User.state == "active"))))
        .order_by(Actor.domain != "", Actor.followers_count.desc(), Actor.id).limit(limit)))


def adjust_counts(uow: UnitOfWork, actor_id: int, *, followers: int = 0, following: int = 0, statuses: int = 0) -> None:
    """Add to an actor's counters, in the database (no lost update)."""
    uow.session.execute(update(Actor).where(Actor.id == actor_id).values(
        followers_count=Actor.followers_count + followers, following_count=Actor.following_count + following,
        statuses_count=Actor.statuses_count + statuses), execution_options={"synchronize_session": "fetch"})
