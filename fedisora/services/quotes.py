"""Quoting by local people, and saying no to being quoted (FEP-044f)."""
from __future__ import annotations

from typing import Any

from ..activities import local_posts, outbox, quote_request
from ..activitypub.vocabulary import PUBLIC
from ..db import UnitOfWork
from ..errors import Forbidden, Invalid, NotFound
from ..models import Actor, Status
from ..serializers.activitypub import quote as quote_serializer
from ..store import actors, quotes, relations, statuses


def quotable(uow: UnitOfWork, actor: Actor, quoted_id: int, visibility: str) -> Status:
    """The post somebody wants to quote; a boost stands for what it boosts.

    Raises:
        NotFound: not there, or not for this person.
        Forbidden: its author does not want that.
        Invalid: a private post quoted in public.
    """
    session = uow.session
    quoted = statuses.get(session, quoted_id)
    if quoted is not None and quoted.reblog_of_id is not None:
        quoted = statuses.get(session, quoted.reblog_of_id)
    if quoted is None or not quoted.published or not statuses.visible(session, quoted, actor.id):
        raise NotFound("The post you quote is not there any more.")
    if quoted.visibility not in statuses.PUBLIC:
        if quoted.actor_id != actor.id or quoted.visibility == "direct":
            raise Forbidden("Only public posts can be quoted.")
        if visibility in statuses.PUBLIC:
            raise Invalid("A post for followers can be quoted for followers only.")
    if approval(uow, quoted, actor) == "denied":
        raise Forbidden("The author of this post does not want it to be quoted.")
    return quoted


def approval(uow: UnitOfWork, quoted: Status, actor: Actor) -> str:
    """What a post's policy says to somebody: `automatic`, `manual`, `denied`, or `unknown` when it says nothing."""
    author = actors.get(uow.session, quoted.actor_id)
    if relations.blocked_either_way(uow.session, actor.id, author.id):
        return "denied"
    if author.local or author.id == actor.id:
        return "automatic" if quote_request.may_quote(uow, quoted, author, actor) else "denied"
    return quote_serializer.approval_for(
        quoted.interaction_policy, actor.uri, followers=author.followers_uri or "",
        is_follower=relations.is_follower(uow.session, actor.id, author.id))


def attach(uow: UnitOfWork, status: Status, quoted: Status) -> None:
    """Make a new local post a quote. What needs no asking is accepted at once."""
    status.quote_of_uri, status.quote_of_id, status.quote_state = quoted.uri, quoted.id, "pending"
    author = actors.get(uow.session, quoted.actor_id)
    if author.id == status.actor_id:
        quotes.decide(uow, status, "accepted")
    elif author.local:
        writer = actors.get(uow.session, status.actor_id)
        stamp = quotes.grant(uow, author.id, author.uri, quoted.uri, status.uri, writer.uri)
        status.quote_authorization = stamp.uri
        quotes.decide(uow, status, "accepted")


def sent(uow: UnitOfWork, status: Status, actor: Actor, note: dict[str, Any]) -> None:
    """A quoting post went out: ask the quoted author elsewhere, or tell the one here."""
    if status.quote_of_id is None:
        return
    quoted = statuses.get(uow.session, status.quote_of_id)
    author = actors.get(uow.session, quoted.actor_id) if quoted is not None else None
    if quoted is None or author is None:
        return
    if status.quote_state == "accepted":
        quotes.tell(uow, status, quoted)
    elif not author.local:
        # Who may not read the quoting post is only told its id.
        shown: dict[str, Any] | str = note if statuses.visible(uow.session, status, author.id) else status.uri
        request = quote_request.build(uow.uris.quote_request(status.uri), actor, quoted.uri, shown)
        outbox.send(uow, actor, request, outbox.inbox_of(author, shared=False), object_uri=status.uri)


def revoke(uow: UnitOfWork, actor: Actor, quoted_id: int, quoting_id: int) -> Status:
    """Take back the consent to one quote of one's own post, here and everywhere; the quoting post.

    Raises:
        NotFound: there is no such quote.
        Forbidden: the quoted post is somebody else's.
    """
    session = uow.session
    quoted, quoting = statuses.get(session, quoted_id), statuses.get(session, quoting_id)
    if quoted is None or quoting is None or quoting.quote_of_id != quoted.id:
        raise NotFound
    if quoted.actor_id != actor.id:
        raise Forbidden("This is not your post.")
    row = quotes.stamp_for(session, quoted.uri, quoting.uri)
    if row is not None and row.revoked_at is None:
        row.revoked_at = uow.now
        writer = actors.get(session, quoting.actor_id)
        activity = {"id": uow.uris.delete(row.uri), "type": "Delete", "actor": actor.uri, "to": [PUBLIC],
                    "cc": [writer.uri], "object": quote_serializer.stamp(row, actor.uri)}
        inboxes = [*outbox.inbox_of(writer), *relations.follower_inboxes(session, actor.id)]
        outbox.send(uow, actor, activity, inboxes, object_uri=row.uri)
    quotes.decide(uow, quoting, "revoked")
    if quoting.local and quoting.published:
        local_posts.send_update(uow, quoting, actors.get(session, quoting.actor_id))
    return quoting


def set_policy(uow: UnitOfWork, actor: Actor, status: Status, kind: str) -> None:
    """Who may quote a post: `public`, `followers` or `nobody`; a post that is not public nobody may.

    Raises:
        Invalid: another word.
    """
    if kind not in quote_serializer.POLICIES:
        raise Invalid(f"The quote policy is one of {', '.join(quote_serializer.POLICIES)}.")
    effective = kind if status.visibility in statuses.PUBLIC else "nobody"
    status.interaction_policy = {**(status.interaction_policy or {}),
                                 "canQuote": quote_serializer.policy(effective, actor.uri, actor.followers_uri or "")}
