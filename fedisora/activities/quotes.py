"""The state of quotes (FEP-044f). A quote is shown inside a post only when the quoted author agreed.

The consent counts only when its stamp comes from the quoted author's own origin and names exactly these two posts;
a quote of oneself needs none. Whatever a quoting post claims is looked up, never believed.
"""
from __future__ import annotations

from typing import Any

from ..activitypub.parse import id_of, same_origin, type_of
from ..db import UnitOfWork
from ..errors import NotOwner
from ..models import Actor, Status
from ..serializers.activitypub import quote as quote_serializer
from ..serializers.activitypub.quote import QuoteData
from ..store import jobs, quotes, statuses
from . import local_posts
from .received import Received


def attach(uow: UnitOfWork, status: Status, quote: QuoteData, author: Actor, *, quiet: bool = False,
           deep: bool = True) -> None:
    """A stored remote post quotes something: decide at once what needs no network, else plan the look-up.

    Args:
        quiet: tell nobody.
        deep: plan the look-up (see `remote_posts.store`).
    """
    session = uow.session
    quoted = statuses.by_uri(session, quote.uri)
    if status.quote_of_uri not in (None, quote.uri):
        quotes.forget(uow, status)
    unchanged = status.quote_of_uri == quote.uri and quote.authorization in (None, status.quote_authorization)
    if unchanged and status.quote_state in ("accepted", "revoked"):
        return
    status.quote_of_uri, status.quote_of_id = quote.uri, quoted.id if quoted is not None else None
    if status.quote_state != "accepted":
        status.quote_state = "pending"
    if quote.authorization is not None and status.quote_state != "accepted":
        status.quote_authorization = quote.authorization
    session.flush()
    if quoted is not None and quoted.actor_id == author.id:
        quotes.decide(uow, status, "accepted", quiet=quiet)
    elif quoted is not None and quoted.local:
        if _local_stamp_holds(uow, status, quoted):
            quotes.decide(uow, status, "accepted", quiet=quiet)
    elif deep and (quote.authorization is not None or (quoted is None and same_origin(quote.uri, author.uri))):
        # Also without a stamp: it may be the author's own post, which we do not know yet.
        check_later(uow, status)


def check_later(uow: UnitOfWork, status: Status) -> None:
    """Fetch the quoted post and the stamp in a job."""
    jobs.enqueue(uow, "check_quote", {"status_id": status.id}, key=f"{status.id}:{status.quote_authorization or ''}"[:200])


def _local_stamp_holds(uow: UnitOfWork, status: Status, quoted: Status) -> bool:
    row = quotes.stamp(uow.session, status.quote_authorization or "")
    return (row is not None and row.revoked_at is None and row.actor_id == quoted.actor_id
            and row.target_uri == quoted.uri and row.quote_uri == status.uri)


def settle(uow: UnitOfWork, status_id: int, quoted_id: int, stamp: dict[str, Any] | None) -> str:
    """Decide on a quote whose post and stamp were fetched, each from its own origin.

    Args:
        stamp: the document at `status.quote_authorization`; None when there is none (any more).
    """
    session = uow.session
    status, quoted = statuses.get(session, status_id), statuses.get(session, quoted_id)
    if status is None or quoted is None or status.quote_of_uri != quoted.uri or quoted.reblog_of_id is not None:
        return "ignored: changed meanwhile"
    status.quote_of_id = quoted.id
    session.flush()
    author = session.get_one(Actor, quoted.actor_id)
    agreed = status.actor_id == quoted.actor_id or (
        stamp is not None and status.quote_authorization is not None and quote_serializer.stamp_holds(
            stamp, uri=status.quote_authorization, quoting=status.uri, quoted=quoted.uri, author=author.uri))
    if not agreed or status.quote_state == "accepted":
        return f"still {status.quote_state}"
    quotes.decide(uow, status, "accepted")
    if status.local and status.published:
        local_posts.send_update(uow, status, session.get_one(Actor, status.actor_id))
    return "accepted"


def is_request(activity: dict[str, Any]) -> bool:
    """Whether an Accept or Reject is about a QuoteRequest."""
    reference = activity.get("object")
    return type_of(reference) == "QuoteRequest" or (id_of(reference) or "").endswith("#quote-request")


def answered(uow: UnitOfWork, activity: dict[str, Any], got: Received, *, accepted: bool) -> str:
    """An Accept or Reject of a QuoteRequest of ours.

    Raises:
        NotOwner: not by the quoted author.
    """
    reference, session = activity.get("object"), uow.session
    uri = uow.uris.quote_requested(id_of(reference) or "") or (
        id_of(reference.get("instrument")) if isinstance(reference, dict) else None)
    status = statuses.by_uri(session, uri) if uri else None
    if status is None or not status.local or status.quote_of_id is None:
        return "ignored: no such request of ours"
    quoted = session.get_one(Status, status.quote_of_id)
    if quoted.actor_id != got.actor.id:
        raise NotOwner(cause=f"{got.actor.uri} answers for {quoted.uri}")
    if not accepted:
        quotes.decide(uow, status, "rejected")
        return "quote rejected"
    stamp = id_of(activity.get("result"))
    if stamp is None or not same_origin(stamp, got.actor.uri):
        return "ignored: no stamp of the quoted author's"
    if status.quote_state == "accepted" and status.quote_authorization == stamp:
        return "ignored: known"
    status.quote_authorization = stamp
    check_later(uow, status)
    return "stamp to be checked"


def stamp_deleted(uow: UnitOfWork, uri: str, got: Received) -> str | None:
    """A quoted author takes consent back: Delete of a stamp. None when no quote of the sender's posts rests on it."""
    found = quotes.by_authorization(uow.session, uri, got.actor.id)
    for status in found:
        quotes.decide(uow, status, "revoked")
        if status.local and status.published:
            local_posts.send_update(uow, status, uow.session.get_one(Actor, status.actor_id))
    return "quote revoked" if found else None
