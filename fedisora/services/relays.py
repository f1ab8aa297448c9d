"""Taking part in relays (FEP-ae0c): joining, leaving, and passing our public posts on to them."""
from __future__ import annotations

from typing import Any

from ..activities import outbox
from ..activitypub.parse import is_http
from ..activitypub.vocabulary import PUBLIC
from ..db import UnitOfWork
from ..errors import Invalid, NotFound
from ..models import Actor, Relay, Status
from ..provenance.record import timestamp
from ..store import actors, relations
from ..store import relays as rows
from . import follows


def add(uow: UnitOfWork, inbox: str) -> Relay:
    """Ask a relay of Mastodon's style to take us in: the instance actor follows everybody, at the relay's inbox.

    Raises:
        Invalid: not an address, ours, or asked already.
    """
    _check(uow, inbox)
    instance = actors.instance_actor(uow.session)
    row_id = uow.new_id()
    relay = Relay(id=row_id, inbox=inbox, style=rows.MASTODON, follow_uri=uow.uris.follow(instance.uri, row_id),
                  created_at=uow.now)
    uow.session.add(relay)
    uow.session.flush()
    outbox.send(uow, instance, _follow(relay, instance), [inbox], object_uri=relay.follow_uri)
    return relay


def add_actor(uow: UnitOfWork, target: Actor) -> Relay:
    """Ask a relay of LitePub's style: the instance actor follows the relay's actor, which follows back.

    Raises:
        Invalid: it is ours, or asked already.
    """
    _check(uow, target.uri)
    _check(uow, target.inbox)
    instance = actors.instance_actor(uow.session)
    follow = follows.follow(uow, instance, target)
    relay = Relay(id=uow.new_id(), inbox=target.inbox, actor_uri=target.uri, style=rows.LITEPUB, follow_uri=follow.uri,
                  state="accepted" if follow.state == "accepted" else "pending", created_at=uow.now)
    uow.session.add(relay)
    uow.session.flush()
    return relay


def _check(uow: UnitOfWork, url: str) -> None:
    if not is_http(url) or uow.uris.is_local(url):
        raise Invalid("Please give the address of a relay on another server, with https://.")
    if rows.by_address(uow.session, url) is not None:
        raise Invalid("This relay was asked already. Remove it first to ask again.")


def _follow(relay: Relay, instance: Actor) -> dict[str, Any]:
    return {"id": relay.follow_uri, "type": "Follow", "actor": instance.uri, "object": PUBLIC}


def remove(uow: UnitOfWork, url: str) -> None:
    """Leave a relay, named by its inbox or actor.

    Raises:
        NotFound: we take part in no such relay.
    """
    session = uow.session
    relay = rows.by_address(session, url)
    if relay is None:
        raise NotFound(f"There is no relay {url}. `fedisora relay list` shows them.")
    instance = actors.instance_actor(session)
    if relay.style == rows.LITEPUB:
        target = actors.by_uri(session, relay.actor_uri or "")
        if target is not None:
            follows.unfollow(uow, instance, target)
            back = relations.follow(session, target.id, instance.id)
            if back is not None:
                follows.remove_follower(uow, instance, target.id)
    else:
        undo = {"id": uow.uris.undo(relay.follow_uri), "type": "Undo", "actor": instance.uri, "object": _follow(relay, instance)}
        outbox.send(uow, instance, undo, [relay.inbox], object_uri=relay.follow_uri)
    session.delete(relay)
    session.flush()


def _announce(uow: UnitOfWork, instance: Actor, status: Status) -> dict[str, Any]:
    return {"id": f"{instance.uri}/announces/{status.id}", "type": "Announce", "actor": instance.uri, "to": [PUBLIC],
            "cc": [instance.followers_uri or ""], "published": timestamp(status.created_at), "object": status.uri}


def after_publish(uow: UnitOfWork, status: Status) -> None:
    """Announce a public post to the LitePub-style relays."""
    targets = rows.inboxes(uow.session, rows.LITEPUB) if status.visibility == "public" else []
    if targets:
        instance = actors.instance_actor(uow.session)
        outbox.send(uow, instance, _announce(uow, instance, status), targets, object_uri=status.uri)


def before_delete(uow: UnitOfWork, status: Status) -> None:
    """Take a post's Announce back from the LitePub-style relays."""
    targets = rows.inboxes(uow.session, rows.LITEPUB) if status.visibility == "public" else []
    if targets:
        instance = actors.instance_actor(uow.session)
        announce = _announce(uow, instance, status)
        outbox.send(uow, instance, {"id": uow.uris.undo(announce["id"]), "type": "Undo", "actor": instance.uri, "to": [PUBLIC],
                                    "object": announce}, targets, object_uri=status.uri)
