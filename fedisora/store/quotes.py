"""Quotes: who quotes whom, and the stamps of local authors (FEP-044f)."""
from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from ..db import UnitOfWork
from ..models import QuoteAuthorization, Status
from . import notifications, statuses
from .paging import Page, newest_first, paginate


def stamp(session: Session, uri: str) -> QuoteAuthorization | None:
    """The authorisation with this id, revoked ones too."""
    return session.scalar(select(QuoteAuthorization).where(QuoteAuthorization.uri == uri))


def stamp_for(session: Session, target_uri: str, quote_uri: str) -> QuoteAuthorization | None:
    """The authorisation by which one post may quote another, revoked ones too."""
    return session.scalar(select(QuoteAuthorization).where(QuoteAuthorization.target_uri == target_uri,
                                                           QuoteAuthorization.quote_uri == quote_uri))


def grant(uow: UnitOfWork, actor_id: int, actor_uri: str, target_uri: str, quote_uri: str, requester_uri: str,
          ) -> QuoteAuthorization:
    """The stamp for a quote, made when it is not there. The caller checked that the requester wrote the quoting post."""
    row = stamp_for(uow.session, target_uri, quote_uri)
    if row is None:
        row_id = uow.new_id()
        row = QuoteAuthorization(id=row_id, uri=uow.uris.quote_authorization(actor_uri, row_id), actor_id=actor_id,
                                 target_uri=target_uri, quote_uri=quote_uri, requester_uri=requester_uri, created_at=uow.now)
        uow.session.add(row)
    row.requester_uri = requester_uri
    uow.session.flush()
    return row


def decide(uow: UnitOfWork, quoting: Status, state: str, *, quiet: bool = False) -> None:
    """Set the state of a quote; the quoted post's counter and its author's notification follow."""
    before, quoting.quote_state = quoting.quote_state, state
    uow.session.flush()
    if quoting.quote_of_id is None or before == state or not (quoting.local or quoting.published):
        return  # what the inbound policy holds back counts once it is shown
    if state == "accepted":
        statuses.count(uow, quoting.quote_of_id, quotes=1)
        quoted = statuses.get(uow.session, quoting.quote_of_id)
        if quoted is not None and quoting.published and not quiet:
            tell(uow, quoting, quoted)
    elif before == "accepted":
        statuses.count(uow, quoting.quote_of_id, quotes=-1)


def tell(uow: UnitOfWork, quoting: Status, quoted: Status) -> None:
    """Tell a quoted author who lives here."""
    notifications.notify(uow, quoted.actor_id, quoting.actor_id, "quote", quoting.id)


def forget(uow: UnitOfWork, quoting: Status) -> None:
    """A post quotes nothing any more (it was edited)."""
    if quoting.quote_state == "accepted" and quoting.quote_of_id is not None:
        statuses.count(uow, quoting.quote_of_id, quotes=-1)
    quoting.quote_of_uri = quoting.quote_of_id = quoting.quote_state = quoting.quote_authorization = None


def by_authorization(session: Session, uri: str, author_id: int) -> list[Status]:
    """Accepted quotes of one author's posts that rest on a stamp."""
    quoted = aliased(Status)
    return list(session.scalars(select(Status).join(quoted, Status.quote_of_id == quoted.id).where(
        quoted.actor_id == author_id, Status.quote_authorization == uri, Status.quote_state == "accepted")))


def of(session: Session, quoted_id: int, viewer_id: int | None, page: Page) -> list[Status]:
    """Accepted quotes of a post that a viewer may see, newest first."""
    query = select(Status).where(Status.quote_of_id == quoted_id, Status.quote_state == "accepted",
                                 statuses.readable(viewer_id))
    return newest_first(session.scalars(paginate(query, Status.id, page)).all(), page)


def shown(session: Session, ids: Iterable[int], viewer_id: int | None) -> dict[int, Status]:
    """Quoted posts that a viewer may see, by row id."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {row.id: row for row in session.scalars(select(Status).where(
        Status.id.in_(wanted), Status.reblog_of_id.is_(None), statuses.readable(viewer_id)))}
