"""QuoteRequest: somebody asks whether a post of ours may be quoted (FEP-044f)."""
from __future__ import annotations

from typing import Any

from ..activitypub.ownership import check_attribution
from ..activitypub.parse import id_of, ids_of, same_origin, type_of
from ..activitypub.vocabulary import OBJECT_TYPES
from ..db import UnitOfWork
from ..errors import Malformed, NotOwner
from ..models import Actor, QuoteAuthorization, Status
from ..serializers.activitypub import quote as quote_serializer
from ..store import quotes, relations, statuses
from . import outbox, remote_posts
from .received import Received


def build(uri: str, actor: Actor, quoted_uri: str, quoting: dict[str, Any] | str) -> dict[str, Any]:
    """The request; the quoting post goes along, because the quoted author's server may not have it."""
    return {"id": uri, "type": "QuoteRequest", "actor": actor.uri, "object": quoted_uri, "instrument": quoting}


def answer(uow: UnitOfWork, actor: Actor, request: dict[str, Any], requester: Actor, stamp: QuoteAuthorization | None) -> None:
    """Accept with the stamp, or Reject. The id is new each time: who asks again is answered again."""
    kind = "Accept" if stamp is not None else "Reject"
    activity: dict[str, Any] = {"id": f"{actor.uri}#{kind.lower()}s/quotes/{uow.new_id()}", "type": kind, "actor": actor.uri,
                                "to": [requester.uri], "object": request}
    if stamp is not None:
        activity["result"] = stamp.uri
    outbox.send(uow, actor, activity, outbox.inbox_of(requester, shared=False), object_uri=str(request["id"]))


def needs(activity: dict[str, Any]) -> list[str]:
    """The quoting post, when the request only names it: whose it is decides."""
    instrument = activity.get("instrument")
    uri = id_of(instrument)
    return [uri] if uri is not None and not isinstance(instrument, dict) else []


def may_quote(uow: UnitOfWork, quoted: Status, author: Actor, who: Actor) -> bool:
    """Whether a local author's policy lets somebody quote a post."""
    if who.id == author.id:
        return True
    if quoted.visibility not in statuses.PUBLIC or relations.blocked_either_way(uow.session, author.id, who.id):
        return False
    policy = quote_serializer.policy_of(quoted.interaction_policy, author.followers_uri or "", public=True)
    if policy == "followers":
        return relations.is_follower(uow.session, who.id, author.id)
    return policy == "public"


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    """Give or refuse the stamp.

    Raises:
        Malformed: no object, instrument or id.
        NotOwner: the quoting post is not the sender's, so nobody can use up or foil another's request.
    """
    session = uow.session
    uri, quoted_uri, instrument = id_of(activity), id_of(activity.get("object")), activity.get("instrument")
    quoting_uri = id_of(instrument)
    if uri is None or quoted_uri is None or quoting_uri is None:
        raise Malformed("This QuoteRequest lacks its object or instrument.")
    if not same_origin(quoting_uri, got.actor.uri):
        raise NotOwner(cause=f"{got.actor.uri} asks for {quoting_uri}")
    known = statuses.by_uri(session, quoting_uri)
    document = got.fetched.get(quoting_uri) or (instrument if isinstance(instrument, dict) else None)
    if known is not None:
        if known.actor_id != got.actor.id:
            raise NotOwner(cause=f"{got.actor.uri} asks for {quoting_uri}")
    elif document is None:
        return "ignored: the quoting post cannot be had"
    else:
        check_attribution(got.actor.uri, document)
    quoted = statuses.by_uri(session, quoted_uri)
    if quoted is None or not quoted.local or quoted.reblog_of_id is not None or not quoted.published:
        return "ignored: no such post of ours"
    author = session.get_one(Actor, quoted.actor_id)
    request = {"id": uri, "type": "QuoteRequest", "actor": got.actor.uri, "object": quoted_uri, "instrument": quoting_uri}
    before = quotes.stamp_for(session, quoted.uri, quoting_uri)
    if not may_quote(uow, quoted, author, got.actor) or (before is not None and before.revoked_at is not None):
        answer(uow, author, request, got.actor, None)
        return "rejected"
    stamp = quotes.grant(uow, author.id, author.uri, quoted.uri, quoting_uri, got.actor.uri)
    answer(uow, author, request, got.actor, stamp)
    if (known is None and document is not None and type_of(document) in OBJECT_TYPES
            and quoted_uri in ids_of(document.get("quote"))):
        known = remote_posts.store(uow, document, got.actor, asked=True)
    if known is not None and known.quote_of_uri == quoted.uri and known.quote_state != "accepted":
        known.quote_of_id, known.quote_authorization = quoted.id, stamp.uri
        quotes.decide(uow, known, "accepted")
    return "accepted"
