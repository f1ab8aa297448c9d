"""Channels: a person's Group, and the companion Videos it sends to its followers, for PeerTube.

Nobody may see a post twice. The Note goes to the person's followers. The Video goes to the channel's followers on PeerTube,
and on servers we know nothing about where nobody follows the person; every other server gets the channel's boost of the Note,
which it knows already or is shown better than a Video.
"""
from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..activities import create as create_activity
from ..activities import outbox
from ..activities import update as update_activity
from ..activitypub import markup
from ..activitypub.vocabulary import PUBLIC
from ..db import UnitOfWork
from ..errors import Invalid
from ..models import Actor, Delivery, OutboxActivity, RemoteHost, Status
from ..provenance.record import timestamp
from ..serializers.activitypub import video as video_serializer
from ..store import actors, records, relations, renditions, statuses
from ..store import media as media_rows
from ..uris import USERNAME
from . import local_actors

SUFFIX = "_channel"
EARLIER = 500
"""How many older videos a new channel lists at most."""


def handle_for(session: Session, name: str) -> str:
    """The usual name of an account's channel: NAME_channel, with a number when somebody has that."""
    for number in ("", *map(str, range(2, 100))):
        handle = f"{name[:30 - len(SUFFIX) - len(number)]}{SUFFIX}{number}"
        if actors.by_handle(session, handle) is None:
            return handle
    raise Invalid("Please choose a name for this channel.")


def active(session: Session, owner_id: int) -> Actor | None:
    """The channel of an account, when it has one that is switched on."""
    channel = actors.channel_of(session, owner_id)
    return channel if channel is not None and channel.suspended_at is None else None


def create(uow: UnitOfWork, actor: Actor, *, handle: str = "", title: str = "",
           keys: local_actors.NewKeys | None = None) -> Actor:
    """Give an account its channel, with its older videos in it, or switch a former one on again.

    Raises:
        Invalid: it has one already, the name is taken or impossible, or an agent asks (only a Person owns a channel on
            PeerTube).
    """
    session = uow.session
    if actor.type != "Person":
        raise Invalid("Only a person can have a channel: PeerTube does not take one of an agent.")
    known = actors.channel_of(session, actor.id)
    if known is not None and known.suspended_at is None:
        raise Invalid(f"@{actor.username} has a channel already: @{known.username}.")
    if known is not None:
        known.suspended_at, known.updated_at = None, uow.now
        known.name = markup.clean_line(title, 60) or known.name
        channel = known
    else:
        name = handle or handle_for(session, actor.username)
        if not USERNAME.match(name):
            raise Invalid("The name of a channel may have letters, digits and _ only, 30 at most.")
        if actors.by_handle(session, name) is not None:
            raise Invalid(f"The name @{name} is taken. Please choose another.")
        channel = local_actors.create(
            uow, keys or local_actors.new_keys(), username=name, uri=uow.uris.actor(name), url=uow.uris.profile(name),
            type="Group", owner_id=actor.id, name=markup.clean_line(title, 60) or actor.name or actor.username)
    older = session.scalars(select(Status).where(
        Status.actor_id == actor.id, Status.visibility == "public", Status.published.is_(True),
        Status.reblog_of_id.is_(None)).order_by(Status.id.desc()).limit(EARLIER)).all()
    for status in reversed(older):
        after_publish(uow, status, deliver=False)
    return channel


def switch_off(uow: UnitOfWork, actor: Actor) -> None:
    """Take a channel off the air: it and its Videos answer no more until it is switched on again. None is no error."""
    channel = active(uow.session, actor.id)
    if channel is not None:
        channel.suspended_at = uow.now


def video_of(session: Session, uri: str) -> dict[str, Any] | None:
    """The signed Video with this id as it was sent last; None when there is none."""
    body = session.scalar(select(OutboxActivity.document).where(
        OutboxActivity.object_uri == uri, OutboxActivity.type.in_(("Create", "Update")))
        .order_by(OutboxActivity.id.desc()).limit(1))
    found: dict[str, Any] | None = orjson.loads(body)["object"] if body is not None else None
    return found


def _audience(session: Session, actor: Actor, channel: Actor) -> tuple[list[str], list[str]]:
    """(inboxes of the channel's followers that get the Video, those that get the boost of the Note)"""
    followers = relations.follower_inboxes(session, channel.id)
    if not followers:
        return [], []
    hosts = {inbox: urlsplit(inbox).netloc.lower() for inbox in followers}
    software = {row[0]: row[1] for row in session.execute(
        select(RemoteHost.host, RemoteHost.software).where(RemoteHost.host.in_(set(hosts.values()))))}
    persons = {urlsplit(inbox).netloc.lower() for inbox in relations.follower_inboxes(session, actor.id)}

    def takes_video(host: str) -> bool:
        name = (software.get(host) or "").lower()
        return name == "peertube" or (not name and host not in persons)

    return ([inbox for inbox in followers if takes_video(hosts[inbox])],
            [inbox for inbox in followers if not takes_video(hosts[inbox])])


def _who_got(session: Session, activity_uri: str) -> list[str]:
    """Where an activity was sent."""
    return list(session.scalars(select(Delivery.inbox).join(OutboxActivity, OutboxActivity.id == Delivery.activity_id)
                                .where(OutboxActivity.uri == activity_uri)))


def _document(uow: UnitOfWork, status: Status, actor: Actor, channel: Actor) -> dict[str, Any] | None:
    """The signed Video of a post; None for a post that has none."""
    if status.visibility != "public" or not status.published or status.reblog_of_id is not None:
        return None
    clip = video_serializer.clip_of(media_rows.of_statuses(uow.session, [status.id]).get(status.id, []))
    if clip is None:
        return None
    tags = statuses.tags(uow.session, [status.id]).get(status.id, [])
    beside = records.beside(uow.session, [clip]).get(clip.id, records.NOTHING)
    sizes = renditions.of_media(uow.session, [clip.id]).get(clip.id, [])
    return outbox.sign(uow, actor, video_serializer.to_activitypub(status, actor, channel, clip, tags, uow.uris, beside, sizes))


def _is_sent(session: Session, uri: str) -> bool:
    return session.scalar(select(OutboxActivity.id).where(OutboxActivity.uri == uri)) is not None


def after_publish(uow: UnitOfWork, status: Status, *, deliver: bool = True) -> None:
    """Send the Video of a post just published, when its author has a channel. Doing it twice changes nothing.

    Args:
        deliver: False for an older post: it stands in the channel's outbox, and nobody is told.
    """
    session = uow.session
    channel = active(session, status.actor_id)
    if channel is None:
        return
    actor = actors.get(session, status.actor_id)
    uri = uow.uris.video(actor.uri, status.id)
    if _is_sent(session, uow.uris.create(uri)):
        return
    document = _document(uow, status, actor, channel)
    if document is None:
        return
    videos, boosts = _audience(session, actor, channel) if deliver else ([], [])
    # not public: the person's outbox shows the Note; the channel's shows this Video, by its Announce
    outbox.send(uow, actor, create_activity.build({**document, "attributedTo": actor.uri}, uow.uris.create(uri))
                | {"object": document}, videos, object_uri=uri)
    outbox.send(uow, channel, _announce(uow.uris.video_part(uri, "announce"), uri, status, channel), videos,
                object_uri=uri, public=True)
    if boosts:
        outbox.send(uow, channel, _announce(uow.uris.video_part(status.uri, "announce"), status.uri, status, channel), boosts,
                    object_uri=status.uri)
    actors.adjust_counts(uow, channel.id, statuses=1)


def _announce(uri: str, target: str, status: Status, channel: Actor) -> dict[str, Any]:
    """The channel's Announce of a Video or Note. As PeerTube's: to everybody, cc only the channel's followers."""
    return {"id": uri, "type": "Announce", "actor": channel.uri, "published": timestamp(status.created_at), "to": [PUBLIC],
            "cc": [channel.followers_uri or ""], "object": target}


def inboxes(uow: UnitOfWork, status: Status) -> list[str]:
    """Servers that know a post by its channel's boost: they hear of its edits and its end too."""
    session, uri = uow.session, uow.uris.video_part(status.uri, "announce")
    channel = actors.channel_of(session, status.actor_id)
    if channel is None or not _is_sent(session, uri):
        return []
    return _audience(session, actors.get(session, status.actor_id), channel)[1] + _who_got(session, uri)


def after_edit(uow: UnitOfWork, status: Status) -> None:
    """Tell who has the Video that its post was edited."""
    session = uow.session
    channel = active(session, status.actor_id)
    if channel is None:
        return
    actor = actors.get(session, status.actor_id)
    uri = uow.uris.video(actor.uri, status.id)
    if not _is_sent(session, uow.uris.create(uri)):
        after_publish(uow, status)
        return
    document = _document(uow, status, actor, channel)
    if document is None:
        return
    activity = update_activity.build(uow.uris.update(uri, int(uow.now.timestamp() * 1000)), actor, document,
                                     document["to"], document["cc"])
    outbox.send(uow, actor, activity, _audience(session, actor, channel)[0] + _who_got(session, uow.uris.create(uri)),
                object_uri=uri)


def before_delete(uow: UnitOfWork, status: Status) -> None:
    """Delete the Video with its post, also when the channel was switched off meanwhile."""
    session = uow.session
    channel = actors.channel_of(session, status.actor_id)
    actor = actors.get(session, status.actor_id)
    uri = uow.uris.video(actor.uri, status.id)
    create_uri = uow.uris.create(uri)
    if channel is None or not _is_sent(session, create_uri):
        return
    whom = relations.follower_inboxes(session, channel.id) + _who_got(session, create_uri)
    outbox.send(uow, actor, {
        "id": uow.uris.delete(uri), "type": "Delete", "actor": actor.uri, "to": [PUBLIC], "cc": [channel.followers_uri or ""],
        "object": {"id": uri, "type": "Tombstone", "formerType": "Video", "deleted": timestamp(uow.now)}},
        whom, object_uri=uri)
    actors.adjust_counts(uow, channel.id, statuses=-1)
