"""RemixRequest: somebody asks whether a video may be made from a post of ours (vocabulary §4)."""
from __future__ import annotations

from typing import Any

from ..activitypub import markup
from ..activitypub.ownership import check_attribution
from ..activitypub.parse import id_of, is_http, same_origin, text_of, type_of, url_of
from ..db import UnitOfWork
from ..errors import Malformed, NotOwner
from ..models import Actor, ConsentRequest, Media
from ..serializers.activitypub.attachment import picture_of
from ..store import consents, statuses
from . import consents as rules
from .received import Received

MOST_USE = 1000
ANSWERED = (consents.ACCEPTED, consents.REJECTED, consents.AGREED, consents.OFFERED)


def needs(activity: dict[str, Any]) -> list[str]:
    """Nothing: the new video is not published yet, so the request says what it is."""
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    """Answer at once what the post's policy decides, else put it before the owner.

    Raises:
        Malformed: no id, object or instrument.
        NotOwner: the video to be is not the sender's, so nobody can use up or foil another's request.
    """
    parent = statuses.by_uri(uow.session, id_of(activity.get("object")) or "")
    if (parent is None or not parent.local or parent.reblog_of_id is not None or not parent.published
            or not statuses.visible(uow.session, parent, got.actor.id)):
        _read(uow, activity, got.actor)  # a malformed one is named so, whatever it is about
        return "ignored: no such post of ours"
    owner = uow.session.get_one(Actor, parent.actor_id)
    return take(uow, activity, got, "remix", owner, parent.uri, parent.id)


def take(uow: UnitOfWork, activity: dict[str, Any], got: Received, kind: str, owner: Actor, target_uri: str,
         target_id: int | None, **details: Any) -> str:
    """Keep a request for something of a local owner's, and answer it; asked again, it is answered again.

    Args:
        details: further columns of the request.

    Raises:
        Malformed, NotOwner: as `receive`.
    """
    uri, instrument, object_uri, digest = _read(uow, activity, got.actor)
    for before in consents.same(uow.session, kind, target_uri, object_uri):
        if before.requester_id != got.actor.id:
            raise NotOwner(cause=f"{got.actor.uri} asks for {object_uri}")
        if before.digest == digest and before.state in ANSWERED:
            rules.send_answer(uow, owner, got.actor, before)
            return f"{before.state} before"
        if before.state == consents.PENDING:
            if before.digest == digest:
                return "ignored: known"
            rules.withdraw(uow, before, owner, got.actor)  # another render of it: the former is not asked about any more
            consents.drop_preview(uow, before)
    if consents.by_uri(uow.session, uri) is not None or statuses.is_tombstoned(uow.session, uri, got.actor.uri) is not None:
        return "ignored: withdrawn before"
    request = ConsentRequest(
        id=uow.new_id(), uri=uri, kind=kind, owner_id=owner.id, requester_id=got.actor.id, target_uri=target_uri,
        target_id=target_id, object_uri=object_uri, **details, name=markup.clean_line(text_of(instrument, "name"), 200),
        use=markup.clean_line(text_of(instrument, "summary"), MOST_USE), digest=digest, state=consents.PENDING,
        created_at=uow.now)
    uow.session.add(request)
    uow.session.flush()
    parent = statuses.get(uow.session, target_id) if target_id is not None else None
    outcome = rules.consider(uow, request, owner, got.actor, parent)
    if request.state == consents.PENDING:
        _keep_preview(uow, request, instrument)
    return outcome


def _read(uow: UnitOfWork, activity: dict[str, Any], sender: Actor) -> tuple[str, dict[str, Any], str, str | None]:
    """(id, instrument, id of the post to be, digest of its file)"""
    uri, instrument = id_of(activity), activity.get("instrument")
    object_uri = id_of(instrument)
    if uri is None or object_uri is None or id_of(activity.get("object")) is None or not isinstance(instrument, dict):
        raise Malformed("This request lacks its object or its instrument.")
    if not same_origin(uri, sender.uri) or not same_origin(object_uri, sender.uri):
        raise NotOwner(cause=f"{sender.uri} asks for {object_uri} as {uri}")
    other = consents.by_uri(uow.session, uri)
    if other is not None and other.requester_id != sender.id:
        raise NotOwner(cause=f"{sender.uri} asks as {uri}")
    if "attributedTo" in instrument:
        check_attribution(sender.uri, instrument)
    known = statuses.by_uri(uow.session, object_uri)
    if known is not None and known.actor_id != sender.id:
        raise NotOwner(cause=f"{sender.uri} asks for {object_uri}")
    digest = instrument.get("digestMultibase")
    if digest is not None and (not isinstance(digest, str) or not 0 < len(digest) <= 64):
        raise Malformed("This request's digest is none.")
    if other is not None and (other.object_uri, other.digest) != (object_uri, digest):
        raise Malformed("A request with this id was about another video.")
    return uri, instrument, object_uri, digest


def _keep_preview(uow: UnitOfWork, request: ConsentRequest, instrument: dict[str, Any]) -> None:
    """Where the owner can look at the file: shown only when its bytes are those of the digest."""
    url, mime = url_of(instrument.get("url")), instrument.get("mediaType")
    if request.digest is None or url is None or not is_http(url) or not same_origin(url, request.object_uri):
        return
    kind = "image" if isinstance(mime, str) and mime.startswith("image/") else "video"
    uow.session.add(Media(
        id=uow.new_id(), actor_id=request.requester_id, status_id=None, kind=kind, state="remote",
        mime=mime[:80] if isinstance(mime, str) else "video/mp4", remote_url=url,
        remote_poster_url=picture_of(instrument.get("icon")), digest=request.digest, description=request.name, declared=True,
        created_at=uow.now))
    uow.session.flush()


def undone(uow: UnitOfWork, actor: Actor, uri: str | None, embedded: dict[str, Any]) -> str:
    """Undo of a request: it leaves the owner's inbox. "" when there is no such request. One that overtakes its request is
    remembered, so that nobody is asked for what nobody waits for.

    Raises:
        NotOwner: somebody else's.
    """
    request = consents.by_uri(uow.session, uri) if uri is not None else None
    if request is None and type_of(embedded) in rules.KIND_OF and uri is not None and same_origin(uri, actor.uri):
        statuses.tombstone(uow, uri, actor.uri)
        return "remembered"
    if request is None:
        return ""
    if request.requester_id != actor.id:
        raise NotOwner(cause=f"{actor.uri} undoes {uri}")
    if request.state not in (consents.PENDING, consents.AGREED, consents.OFFERED):
        return "ignored: answered already"
    rules.withdraw(uow, request, uow.session.get_one(Actor, request.owner_id), actor)
    consents.drop_preview(uow, request)
    return "request withdrawn"
