"""What relays answer and what they bring (FEP-ae0c).

A relay signs the transport of somebody else's activity. Nothing in that activity is believed, nor are LD signatures: it only
says that there is something to look at, and that is fetched from where it belongs (FEP-fe34).
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..activitypub.addressing import audience_of
from ..activitypub.ownership import check_actor_owns
from ..activitypub.parse import id_of, ids_of, type_of
from ..activitypub.vocabulary import OBJECT_TYPES, PUBLIC, PUBLIC_ALIASES, TOMBSTONE
from ..db import UnitOfWork
from ..errors import NotOwner
from ..models import Actor, Relay
from ..store import actors, domains, relations, relays, statuses
from . import remote_posts
from .received import Received

CARRIED = frozenset({"Announce", "Create", "Delete", "Update"})
"""What a relay passes on that concerns us."""


def answer(uow: UnitOfWork, activity: dict[str, Any], got: Received, state: str) -> str | None:
    """Note that a relay took us in (`accepted`) or does not want us (`rejected`); None when it is no answer to that.

    A LitePub relay's answer is noted here and is None too: it also answers an ordinary Follow.

    Raises:
        NotOwner: somebody else answers for the relay.
    """
    relay = _asked(uow, activity.get("object"), got.actor)
    if relay is None:
        return None
    if relay.actor_uri is None:
        check_actor_owns(got.actor.uri, relay.inbox)
        relay.actor_uri = got.actor.uri
    elif relay.actor_uri != got.actor.uri:
        raise NotOwner(cause=f"{got.actor.uri} answers for the relay {relay.actor_uri}")
    relay.state = state
    return f"relay {state}" if relay.style == relays.MASTODON else None


def _asked(uow: UnitOfWork, reference: object, sender: Actor) -> Relay | None:
    """The relay whose Follow is answered: by the Follow's id, or (some relays make up another) by what it says."""
    session, uri = uow.session, id_of(reference)
    relay = relays.by_follow(session, uri) if uri else None
    if relay is not None or not isinstance(reference, dict):
        return relay
    if (type_of(reference) == "Follow" and id_of(reference.get("object")) in PUBLIC_ALIASES
            and id_of(reference.get("actor")) == uow.uris.instance_actor):
        return relays.waiting_at(session, [inbox for inbox in (sender.inbox, sender.shared_inbox) if inbox])
    return None


def needs(activity: dict[str, Any]) -> list[str]:
    """What a forwarded activity is about, from its own origin: an embedded copy proves nothing."""
    uri = id_of(activity.get("object"))
    return [uri] if uri is not None and type_of(activity) in CARRIED else []


def receive(uow: UnitOfWork, activity: dict[str, Any], fetched: Mapping[str, dict[str, Any]], *, via: Actor) -> str:
    """Store, update or remove the public post that a relay's activity is about; never a boost. A short outcome.

    Args:
        activity: as forwarded, of anybody, or the relay's own Announce.
        fetched: documents by URI, each fetched from its own origin.
        via: the actor whose key signed the request.

    Raises:
        NotOwner, Malformed: the fetched document is not its author's, or no post.
    """
    session = uow.session
    from_relay = relays.accepted(session, via.uri)
    if not from_relay and not relations.has_local_follower(session, via.id):
        return "ignored: not a relay of ours"  # nor followed from here
    kind, uri = type_of(activity), id_of(activity.get("object"))
    if kind not in CARRIED or uri is None:
        return "ignored: not passed on by relays"
    if uow.uris.is_local(uri):
        return "ignored: our own"
    document = fetched.get(uri)
    known = statuses.by_uri(session, uri)
    if known is not None and kind in ("Announce", "Create"):
        return "ignored: known"
    if document is None:
        return "ignored: the post cannot be had"
    if id_of(document) != uri:
        return "ignored: another document"
    if type_of(document) == TOMBSTONE:
        return _gone(uow, uri)
    if kind == "Delete" or type_of(document) not in OBJECT_TYPES:
        return "ignored: not deleted where it belongs" if kind == "Delete" else "ignored: type not shown here"
    return _keep(uow, document, known is not None, asked=from_relay)


def _gone(uow: UnitOfWork, uri: str) -> str:
    """Its origin says that it is deleted."""
    status = statuses.by_uri(uow.session, uri)
    if status is None or status.local:
        return "ignored: unknown post"
    statuses.delete(uow, status)
    return "deleted"


def _keep(uow: UnitOfWork, document: dict[str, Any], is_known: bool, *, asked: bool) -> str:
    """A relay was asked for everything it brings; of what a followed account forwards, only what somebody here wants."""
    session = uow.session
    authors = ids_of(document.get("attributedTo"))
    author = actors.by_uri(session, authors[0]) if authors else None
    if author is None or author.local:
        return "ignored: the author cannot be had"
    if author.suspended_at is not None or domains.load(session, uow.settings, [author.uri]).refuses(author.uri):  # BI-185
        return "dropped: the author is not welcome here"
    if PUBLIC not in audience_of(document).to:
        return "ignored: not a public post"
    if is_known:
        return remote_posts.edit(uow, document, author)
    stored = remote_posts.store(uow, document, author, asked=asked)
    return "stored" if stored is not None else "ignored: nobody here asked for it, or it was deleted"
