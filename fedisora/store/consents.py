"""Requests for consent, and the stamps that local people gave (vocabulary §4)."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from ..activitypub.parse import host_of
from ..db import UnitOfWork
from ..models import Actor, ConsentRequest, ConsentStamp, Delivery, Generation, LikenessPerson, Media, OutboxActivity, StampReader
from .paging import Page, newest_first, paginate

DRAFT, PENDING, ACCEPTED, REJECTED, WITHDRAWN = "draft", "pending", "accepted", "rejected", "withdrawn"
AGREED, OFFERED = "agreed", "offered"
TRANSITIONS: dict[str, frozenset[str]] = {
    DRAFT: frozenset({PENDING, WITHDRAWN}), PENDING: frozenset({AGREED, ACCEPTED, REJECTED, WITHDRAWN}),
    AGREED: frozenset({OFFERED, REJECTED, WITHDRAWN}), OFFERED: frozenset({ACCEPTED, REJECTED, WITHDRAWN}),
    ACCEPTED: frozenset(), REJECTED: frozenset({AGREED, ACCEPTED}), WITHDRAWN: frozenset(),
}
"""States of a request. `draft`: ours, its file is not signed yet, so nobody was asked. An owner may think better of a no.

A likeness is given in two steps (vocabulary §4): `agreed`, rendering may start on the owner's instance; `offered`, the owner saw
the rendered draft and let it go to whoever asked; `accepted`, the stamp over the finished file was given."""


def get(session: Session, request_id: int) -> ConsentRequest | None:
    """One request."""
    return session.get(ConsentRequest, request_id)


def by_uri(session: Session, uri: str) -> ConsentRequest | None:
    """The request with this activity id."""
    return session.scalar(select(ConsentRequest).where(ConsentRequest.uri == uri))


def of_status(session: Session, status_ids: Iterable[int]) -> dict[int, ConsentRequest]:
    """The newest request for each of some posts here."""
    wanted = list(set(status_ids))
    if not wanted:
        return {}
    return {row.status_id or 0: row for row in session.scalars(select(ConsentRequest).where(
        ConsentRequest.status_id.in_(wanted)).order_by(ConsentRequest.id))}


def same(session: Session, kind: str, target_uri: str, object_uri: str) -> Sequence[ConsentRequest]:
    """Requests for the same thing, newest first."""
    return session.scalars(select(ConsentRequest).where(
        ConsentRequest.object_uri == object_uri, ConsentRequest.target_uri == target_uri, ConsentRequest.kind == kind)
        .order_by(ConsentRequest.id.desc())).all()


def crowd(session: Session, owner_id: int, requester: Actor) -> tuple[int, int]:
    """How many requests wait for an owner: (of this account, of all accounts of its server). Those of people from whom the owner
    takes nothing count too, so that nobody can tell by counting."""
    own, all_of_them = session.execute(select(
        func.count(case((ConsentRequest.requester_id == requester.id, 1))), func.count()).select_from(ConsentRequest).join(
        Actor, Actor.id == ConsentRequest.requester_id).where(
        ConsentRequest.owner_id == owner_id, ConsentRequest.state.in_((PENDING, AGREED)),
        Actor.domain == requester.domain)).one()
    return own, all_of_them


def open_between(session: Session, owner_id: int, requester_id: int) -> Sequence[ConsentRequest]:
    """What somebody waits for from an owner of a likeness: requests that are neither stamped nor over."""
    return session.scalars(select(ConsentRequest).where(
        ConsentRequest.kind == "likeness", ConsentRequest.owner_id == owner_id, ConsentRequest.requester_id == requester_id,
        ConsentRequest.state.in_((PENDING, AGREED, OFFERED)))).all()


def _unheard() -> ColumnElement[bool]:
    """Whether whoever asked (`Actor`), or who answers for them, is somebody from whom the owner takes nothing any more."""
    person = aliased(Actor)
    return and_(ConsentRequest.kind == "likeness", ConsentRequest.state == PENDING, exists().where(
        LikenessPerson.owner_id == ConsentRequest.owner_id, LikenessPerson.decision == "blocked",
        person.id == LikenessPerson.person_id, or_(person.id == ConsentRequest.requester_id, person.uri == Actor.operator_uri)))


def waiting(session: Session, *owner_ids: int) -> int:
    """How many requests and rendered drafts wait for the answer of these owners; those of suspended and deleted accounts
    are not shown."""
    return session.scalar(select(func.count()).select_from(ConsentRequest).join(
        Actor, Actor.id == ConsentRequest.requester_id).where(
        ConsentRequest.owner_id.in_(owner_ids), Actor.suspended_at.is_(None), ~_unheard(),
        or_(ConsentRequest.state == PENDING, and_(ConsentRequest.state == AGREED,
                                                  ConsentRequest.content_digest.is_not(None))))) or 0


def inbox(session: Session, owner_id: int, page: Page, state: str | None = None) -> list[ConsentRequest]:
    """What an owner was asked, newest first: no drafts, which were not sent, nothing of suspended and deleted accounts, and no
    request of somebody from whom they take none."""
    query = select(ConsentRequest).join(Actor, Actor.id == ConsentRequest.requester_id).where(
        ConsentRequest.owner_id == owner_id, ConsentRequest.state != DRAFT, Actor.suspended_at.is_(None), ~_unheard())
    if state is not None:
        query = query.where(ConsentRequest.state == state)
    return newest_first(session.scalars(paginate(query, ConsentRequest.id, page)).all(), page)


def unanswered(session: Session, owner_id: int, *, target_uri: str | None = None,
               requester_id: int | None = None) -> Sequence[ConsentRequest]:
    """Requests an owner has not answered: those about one post, or of one account."""
    query = select(ConsentRequest).where(ConsentRequest.owner_id == owner_id, ConsentRequest.state == PENDING)
    if target_uri is not None:
        query = query.where(ConsentRequest.target_uri == target_uri)
    if requester_id is not None:
        query = query.where(ConsentRequest.requester_id == requester_id)
    return session.scalars(query).all()


def outbox(session: Session, requester_id: int, page: Page, state: str | None = None) -> list[ConsentRequest]:
    """What somebody asked for, newest first."""
    query = select(ConsentRequest).where(ConsentRequest.requester_id == requester_id)
    if state is not None:
        query = query.where(ConsentRequest.state == state)
    return newest_first(session.scalars(paginate(query, ConsentRequest.id, page)).all(), page)


def asked_by(session: Session, generation_id: int | None) -> set[int]:
    """Owners of likenesses who are asked for a generation, or for whom it is made: it goes to nobody without their consent."""
    if generation_id is None:
        return set()
    return set(session.scalars(select(ConsentRequest.owner_id).where(or_(
        ConsentRequest.generation_id == generation_id, ConsentRequest.render_id == generation_id))))


def offered(session: Session, target_uri: str, object_uri: str, requester_id: int) -> ConsentRequest | None:
    """The request of somebody whose rendered draft the owner let go, for a post to be."""
    return session.scalar(select(ConsentRequest).where(
        ConsentRequest.kind == "likeness", ConsentRequest.target_uri == target_uri, ConsentRequest.object_uri == object_uri,
        ConsentRequest.requester_id == requester_id, ConsentRequest.state == OFFERED).order_by(ConsentRequest.id.desc()).limit(1))


def close_offers(uow: UnitOfWork, request: ConsentRequest) -> None:
    """The stamp over the finished file was given: the request by which its draft was rendered is answered with it."""
    first = offered(uow.session, request.target_uri, request.object_uri, request.requester_id)
    if first is not None and first.id != request.id:
        first.state, first.stamp_uri, first.answered_at, first.reason = ACCEPTED, request.stamp_uri, uow.now, ""


def end_generation(uow: UnitOfWork, request: ConsentRequest) -> None:
    """The owner of a likeness said no: what waited for it here will not be made."""
    row = uow.session.get(Generation, request.generation_id) if request.generation_id is not None else None
    if row is not None and row.state == "asked":
        row.state, row.code, row.finished_at = "rejected", "consent-refused", uow.now
        row.error = request.reason or "The person who is to be shown did not agree."
        uow.session.flush()
        uow.ring(f"generation:{row.id}")
        uow.ring(f"generations:{row.actor_id}")


def offered_before(session: Session, moment: dt.datetime, limit: int) -> Sequence[ConsentRequest]:
    """Requests whose draft was let go before a moment and still lies here."""
    return session.scalars(select(ConsentRequest).join(Generation, Generation.id == ConsentRequest.render_id).where(
        ConsentRequest.state == OFFERED, ConsentRequest.seen_at < moment, Generation.state == "draft").limit(limit)).all()


def unanswered_since(session: Session, moment: dt.datetime, limit: int, *, here: bool) -> Sequence[ConsentRequest]:
    """Requests for a likeness, or renderings of it, that wait for an owner since before a moment, the oldest first.

    Args:
        here: of owners who live here; else of those who live elsewhere.
    """
    return session.scalars(select(ConsentRequest).join(Actor, Actor.id == ConsentRequest.owner_id).where(
        ConsentRequest.kind == "likeness", (Actor.domain == "").is_(here), or_(
            and_(ConsentRequest.state == PENDING, ConsentRequest.created_at < moment),
            and_(ConsentRequest.state == AGREED, ConsentRequest.answered_at < moment)))
        .order_by(ConsentRequest.id).limit(limit)).all()


def never_arrived(session: Session, moment: dt.datetime, limit: int) -> Sequence[ConsentRequest]:
    """Requests of ours whose draft was offered before a moment, and that wait for it still."""
    return session.scalars(select(ConsentRequest).join(Generation, Generation.id == ConsentRequest.generation_id).where(
        ConsentRequest.state == OFFERED, ConsentRequest.seen_at < moment, Generation.state == "asked").limit(limit)).all()


# ---- who fetched a stamp
READ_AGAIN = dt.timedelta(days=1)
"""How exactly it is kept when a server fetched a stamp last."""


def to_note(session: Session, stamp_id: int, reader: Actor, now: dt.datetime) -> bool:
    """Whether it is not known yet (or no longer) that a server fetches a stamp."""
    row = session.get(StampReader, (stamp_id, host_of(reader.uri)))
    return not reader.local and (row is None or row.last_at < now - READ_AGAIN)


def note_reader(uow: UnitOfWork, stamp_id: int, reader: Actor) -> None:
    """A server fetched a stamp, as its signature says: it will hear when the stamp is taken back."""
    key = (stamp_id, host_of(reader.uri))
    row = uow.session.get(StampReader, key)
    if row is None:
        try:
            with uow.session.begin_nested():
                uow.session.add(StampReader(stamp_id=key[0], host=key[1], inbox=reader.shared_inbox or reader.inbox or "",
                                            first_at=uow.now, last_at=uow.now))
            return
        except IntegrityError:  # another process has just noted it
            row = uow.session.get_one(StampReader, key)
    row.last_at, row.inbox = uow.now, reader.shared_inbox or reader.inbox or row.inbox
    uow.session.flush()


@dataclass(frozen=True)
class Arrival:
    """Whether one server has heard that a stamp was taken back.

    Attributes:
        state: `delivered`, `waiting` (tried again at `next`) or `failed` (given up; the server finds out at its daily look).
        status: the HTTP status that it answered last; None when it did not answer.
    """

    host: str
    state: str
    status: int | None = None
    reason: str = ""
    attempts: int = 0
    next: dt.datetime | None = None
    at: dt.datetime | None = None


_ARRIVAL = {"done": "delivered", "pending": "waiting", "failed": "failed"}


def arrivals(session: Session, stamp: ConsentStamp, delete_uri: str) -> list[Arrival]:
    """What became of the Delete of a stamp, by server. Deliveries that worked are forgotten after a week: of a server that
    fetched the stamp it is then still known that it has heard."""
    if stamp.revoked_at is None:
        return []
    rows = session.scalars(select(Delivery).join(OutboxActivity, OutboxActivity.id == Delivery.activity_id).where(
        OutboxActivity.uri == delete_uri).order_by(Delivery.id)).all()
    found: dict[str, Arrival] = {}
    for row in rows:
        worse = found.get(row.host)
        if worse is None or worse.state == "delivered":
            found[row.host] = Arrival(row.host, _ARRIVAL[row.state], row.status, row.last_error or "", row.attempt,
                                      row.run_at if row.state == "pending" else None, row.done_at)
    for reader in session.scalars(select(StampReader).where(StampReader.stamp_id == stamp.id)):
        if reader.inbox:
            found.setdefault(reader.host, Arrival(reader.host, "delivered", at=None))
    return sorted(found.values(), key=lambda item: ("failed", "waiting", "delivered").index(item.state))


def reader_inboxes(session: Session, stamp_id: int) -> list[str]:
    """Inboxes of the servers that fetched a stamp."""
    return list(session.scalars(select(StampReader.inbox).where(StampReader.stamp_id == stamp_id, StampReader.inbox != "")))


# ---- stamps
def stamp(session: Session, uri: str) -> ConsentStamp | None:
    """The stamp with this id, one that was taken back too."""
    return session.scalar(select(ConsentStamp).where(ConsentStamp.uri == uri))


def stamps_for(session: Session, target_uri: str, object_uri: str) -> Sequence[ConsentStamp]:
    """Stamps that a new post got for one parent, those that were taken back too."""
    return session.scalars(select(ConsentStamp).where(
        ConsentStamp.target_uri == target_uri, ConsentStamp.object_uri == object_uri)).all()


def likeness_given(session: Session, owner_uri: str, requester_uri: str, now: dt.datetime) -> bool:
    """Whether a person has given somebody their likeness, and neither took it back nor set an end that is over."""
    return session.scalar(select(ConsentStamp.id).where(
        ConsentStamp.kind == "likeness", ConsentStamp.target_uri == owner_uri, ConsentStamp.requester_uri == requester_uri,
        ConsentStamp.revoked_at.is_(None), or_(ConsentStamp.end_at.is_(None), ConsentStamp.end_at > now)).limit(1)) is not None


def stamps_of(session: Session, owner_id: int, page: Page) -> list[ConsentStamp]:
    """Stamps somebody gave, newest first, those that were taken back too."""
    query = select(ConsentStamp).where(ConsentStamp.actor_id == owner_id)
    return newest_first(session.scalars(paginate(query, ConsentStamp.id, page)).all(), page)


# ---- the file that is asked about
def preview(session: Session, request: ConsentRequest, viewer_id: int | None = None) -> Media | None:
    """The file a request is about: the finished one of the post here, or what another server sent to be looked at; for the owner
    of a likeness (`viewer_id`) the rendered draft, which nobody else sees before them."""
    draft = rendered(session, request) if viewer_id == request.owner_id else None
    if draft is not None:
        return draft
    if request.status_id is not None:
        return session.scalar(select(Media).where(Media.status_id == request.status_id).order_by(Media.position).limit(1))
    return session.scalar(select(Media).where(
        Media.digest == request.digest, Media.actor_id == request.requester_id, Media.status_id.is_(None),
        Media.state == "remote").limit(1)) if request.digest else None


def rendered(session: Session, request: ConsentRequest) -> Media | None:
    """The draft that was rendered here for a request and waits for its owner's look, or was let go. Not before
    it is known by which digest its finished file is compared with it."""
    if request.render_id is None or request.content_digest is None or request.state not in (AGREED, OFFERED):
        return None
    row = session.get(Generation, request.render_id)
    return session.get(Media, row.media_id) if row is not None and row.state == "draft" and row.media_id is not None else None


def drop_preview(uow: UnitOfWork, request: ConsentRequest) -> None:
    """A request is answered: the other server's file is not kept track of any longer."""
    if request.status_id is None and request.digest is not None:
        uow.session.execute(sql_delete(Media).where(
            Media.digest == request.digest, Media.actor_id == request.requester_id, Media.status_id.is_(None),
            Media.state == "remote"))
