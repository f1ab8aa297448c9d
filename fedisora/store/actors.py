"""Actors by id, URI and handle; storing remote ones."""
from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from ..db import UnitOfWork
from ..errors import Forbidden
from ..models import Actor, Delivery, User
from ..provenance.record import maker
from ..provenance.verdict import origin
from . import attestations, jobs


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
    indexable: bool
    avatar_url: str | None
    header_url: str | None
    also_known_as: list[str]
    moved_to: str | None
    emojis: list[Any] = dataclasses.field(default_factory=list)
    attestation: list[str] = dataclasses.field(default_factory=list)
    interaction_policy: dict[str, Any] | None = None
    cameo_terms: str | None = None


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
    """A local account or channel that others may see: approved, not disabled, not suspended, nor is a channel's owner."""
    owner = aliased(Actor)
    return session.scalar(select(Actor).join(owner, owner.id == func.coalesce(Actor.owner_id, Actor.id))
                          .join(User, User.actor_id == owner.id).where(
        Actor.username_key == name.lower(), Actor.domain == "", User.state == "active", Actor.suspended_at.is_(None),
        owner.suspended_at.is_(None)))


def channel_of(session: Session, owner_id: int) -> Actor | None:
    """The channel (a local Group) of an account, switched off ones too."""
    return session.scalar(select(Actor).where(Actor.owner_id == owner_id, Actor.type == "Group", Actor.domain == "")
                          .order_by(Actor.id).limit(1))


def maker_of(session: Session, actor_id: int) -> dict[str, str]:
    """What an account is and who answers for it right now, for the record of a file that comes to be (`Media.record`)."""
    actor = session.get(Actor, actor_id)
    return maker(actor.kind, actor.operator_uri) if actor is not None else {}


def many(session: Session, ids: Iterable[int]) -> dict[int, Actor]:
    """Actors by row id."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {actor.id: actor for actor in session.scalars(select(Actor).where(Actor.id.in_(wanted)))}


def successor(session: Session, actor: Actor) -> Actor | None:
    """Where an account has moved, when the other one is known here and says so too."""
    other = by_uri(session, actor.moved_to) if actor.moved_to else None
    return other if other is not None and other.suspended_at is None and actor.uri in other.also_known_as else None


def instance_actor(session: Session) -> Actor:
    """The Application actor that signs this instance's fetches."""
    return session.scalars(select(Actor).where(Actor.type == "Application", Actor.domain == "")).one()


def upsert_remote(uow: UnitOfWork, data: ActorData, *, confirmed: bool = False) -> Actor:
    """Store what a remote actor's own document says.

    Args:
        confirmed: WebFinger says that the handle is this id's. Then another account that had it gives it up (it was deleted
            and made again); else whoever has it keeps it, and this one is found by its id only.

    Raises:
        Forbidden: the document claims the id of an account here.
    """
    session = uow.session
    values = {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}
    values.update(fetched_at=uow.now, updated_at=uow.now)
    actor = by_uri(session, data.uri)
    if uow.uris.is_local(data.uri) or (actor is not None and actor.local):
        raise Forbidden("An account here is not described by another server.", cause=data.uri)
    row_id = actor.id if actor is not None else uow.new_id()
    values["username_key"] = data.username.lower()
    holder = by_handle(session, data.username, data.domain)
    if holder is not None and holder.id != row_id:
        if confirmed:
            holder.username_key = f"{holder.username_key}~{holder.id}"
            session.flush()
        else:
            values["username_key"] += f"~{row_id}"
    if actor is None:
        actor = Actor(id=row_id, created_at=uow.now, **values)
        session.add(actor)
        session.flush()
        if actor.attestation:
            attestations.changed(uow, actor)
        confirm_operators(uow, actor)
        return actor
    attested, operates = list(actor.attestation), list(actor.operates)
    values["attestation"] = attestations.in_order(data.attestation, attested)
    before = [actor.inbox, actor.shared_inbox]
    keys, certificates = actor.assertion_keys, actor.signing_certificates
    for name, value in values.items():
        if getattr(actor, name) != value:
            setattr(actor, name, value)
    session.flush()
    if actor.signing_certificates != certificates or actor.assertion_keys != keys:
        _keys_changed(uow, actor, certificates=actor.signing_certificates != certificates)
    if actor.attestation or attested:
        attestations.changed(uow, actor)
    confirm_operators(uow, actor, operates)
    for old, new in zip(before, (actor.inbox, actor.shared_inbox or actor.inbox), strict=True):
        if old and old != new:
            _redirect(uow, old, new)
    return actor


def confirm_operators(uow: UnitOfWork, actor: Actor, before: Iterable[str] = ()) -> None:
    """Compare what an agent says of its operator with what that account says, whichever of the two was just stored. An operator
    that does not confirm is looked up once more on its own server.

    Args:
        before: agents that the account named until now.
    """
    session = uow.session
    for agent in by_uris(session, {*actor.operates, *before}).values():
        if not agent.local and agent.operator_uri == actor.uri:
            agent.operator_confirmed = _operates(actor, agent.uri)
    if actor.kind != "agent" or actor.local:
        return
    operator = by_uri(session, actor.operator_uri) if actor.operator_uri else None
    actor.operator_confirmed = operator is not None and _operates(operator, actor.uri)
    if actor.operator_uri and not actor.operator_confirmed and not uow.uris.is_local(actor.operator_uri):
        jobs.enqueue(uow, "confirm_operator", {"actor_id": actor.id}, key=str(actor.id))
    session.flush()


def _operates(operator: Actor, agent_uri: str) -> bool:
    """Whether an account says that it answers for an agent. An agent answers for nobody."""
    return operator.kind != "agent" and operator.suspended_at is None and agent_uri in operator.operates


def _keys_changed(uow: UnitOfWork, actor: Actor, *, certificates: bool) -> None:
    """An account signs with other keys, or names other anchors of its origin: verdicts that rest on them are looked at again."""
    home = origin(actor.uri)
    if home is not None:
        payload: dict[str, Any] = {"origin": home, "files": True} if certificates else {"origin": home, "actor": actor.uri}
        jobs.enqueue(uow, "recheck_origin", payload, key=(home if certificates else actor.uri)[:200])


def _redirect(uow: UnitOfWork, old: str, new: str) -> None:
    """An inbox moved: what waits for the old one goes to the new one, once nobody has the old one any more."""
    session = uow.session
    if uow.uris.is_local(new) or session.scalar(
            select(Actor.id).where(or_(Actor.shared_inbox == old, Actor.inbox == old)).limit(1)) is not None:
        return
    there = select(Delivery.activity_id).where(Delivery.inbox == new)
    session.execute(update(Delivery).where(Delivery.inbox == old, Delivery.state == "pending", Delivery.activity_id.not_in(there))
                    .values(inbox=new, host=urlsplit(new).netloc.lower()), execution_options={"synchronize_session": False})


def stale(actor: Actor, now: dt.datetime, age: dt.timedelta = dt.timedelta(days=1)) -> bool:
    """Whether a remote actor should be fetched again."""
    return not actor.local and (actor.fetched_at is None or actor.fetched_at < now - age)


def refresh_when_stale(uow: UnitOfWork, actor: Actor) -> None:
    """A remote actor does something: have its document fetched again when that was not done for a day."""
    if stale(actor, uow.now):
        jobs.enqueue(uow, "refresh_actor", {"uri": actor.uri}, key=actor.uri[:200])


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
        or_(Actor.domain != "", func.coalesce(Actor.owner_id, Actor.id).in_(select(User.actor_id).where(User.state == "active"))))
        .order_by(Actor.domain != "", Actor.followers_count.desc(), Actor.id).limit(limit)))


def adjust_counts(uow: UnitOfWork, actor_id: int, *, followers: int = 0, following: int = 0, statuses: int = 0) -> None:
    """Add to an actor's counters, in the database (no lost update)."""
    uow.session.execute(update(Actor).where(Actor.id == actor_id).values(
        followers_count=Actor.followers_count + followers, following_count=Actor.following_count + following,
        statuses_count=Actor.statuses_count + statuses), execution_options={"synchronize_session": "fetch"})
