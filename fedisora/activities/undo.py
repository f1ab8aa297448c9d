"""Undo: an actor takes back its Follow, Like, emoji, Announce, Block or request for consent.

Matched by id, or by what the embedded activity was about.
"""
from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ..activitypub import emoji
from ..activitypub.parse import id_of, type_of
from ..db import UnitOfWork
from ..errors import NotOwner
from ..models import Actor, Favourite, Follow, Status
from ..store import actors, notifications, reactions, relations, statuses
from . import remix_request
from .consents import KIND_OF
from .received import Received


def build(uri: str, actor: Actor, activity: dict[str, Any]) -> dict[str, Any]:
    """The Undo, with the whole activity embedded (peers match by its id)."""
    return {"id": uri, "type": "Undo", "actor": actor.uri, "object": activity}


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    reference = activity.get("object")
    kind, uri = type_of(reference), id_of(reference)
    embedded = reference if isinstance(reference, dict) else {}
    for name, undo in _KINDS:
        if kind in (name, ""):
            done = undo(uow, got.actor, uri, embedded)
            if done:
                return done
    return "ignored: nothing to undo"


def _own(actor: Actor, owner_id: int, uri: str | None) -> None:
    if owner_id != actor.id:
        raise NotOwner(cause=f"{actor.uri} undoes {uri}")


def _follow(uow: UnitOfWork, actor: Actor, uri: str | None, embedded: dict[str, Any]) -> str:
    session, about = uow.session, id_of(embedded.get("object"))
    follow = session.scalar(select(Follow).where(Follow.uri == uri)) if uri else None
    if follow is None and about is not None:
        target = actors.by_uri(session, about)
        follow = relations.follow(session, actor.id, target.id) if target is not None else None
    if follow is None:
        return ""
    _own(actor, follow.actor_id, uri)
    relations.drop_follow(uow, follow)
    return "follow removed"


def _like(uow: UnitOfWork, actor: Actor, uri: str | None, embedded: dict[str, Any]) -> str:
    session, about = uow.session, id_of(embedded.get("object"))
    like = session.scalar(select(Favourite).where(Favourite.uri == uri)) if uri else None
    if like is None and about is not None and emoji.is_favourite(embedded):
        status = statuses.by_uri(session, about)
        like = relations.favourite(session, actor.id, status.id) if status is not None else None
    if like is None:
        return ""
    _own(actor, like.actor_id, uri)
    status_id = like.status_id
    session.delete(like)
    statuses.count(uow, status_id, favourites=-1)
    liked = statuses.get(session, status_id)
    if liked is not None:
        notifications.remove(uow, liked.actor_id, actor.id, "favourite", status_id)
    return "like removed"


def _block(uow: UnitOfWork, actor: Actor, uri: str | None, embedded: dict[str, Any]) -> str:
    session, about = uow.session, id_of(embedded.get("object"))
    block = relations.block_by_uri(session, uri) if uri else None
    if block is None and about is not None:
        target = actors.by_uri(session, about)
        block = relations.block(session, actor.id, target.id) if target is not None else None
    if block is None:
        return ""
    _own(actor, block.actor_id, uri)
    session.delete(block)
    return "block removed"


def _reaction(uow: UnitOfWork, actor: Actor, uri: str | None, embedded: dict[str, Any]) -> str:
    session, about = uow.session, id_of(embedded.get("object"))
    reaction = reactions.by_uri(session, uri) if uri else None
    named = emoji.reaction_of(embedded)
    if reaction is None and about is not None and named is not None:
        status = statuses.by_uri(session, about)
        mine = reactions.of(session, status.id, actor.id) if status is not None else []
        reaction = next((row for row in mine if row.content == named[0]), None)
    if reaction is None:
        return ""
    _own(actor, reaction.actor_id, uri)
    session.delete(reaction)
    session.flush()
    return "reaction removed"


def _announce(uow: UnitOfWork, actor: Actor, uri: str | None, embedded: dict[str, Any]) -> str:
    session, about = uow.session, id_of(embedded.get("object"))
    boost = statuses.by_uri(session, uri) if uri else None
    if boost is None and about is not None:
        original = statuses.by_uri(session, about)
        boost = session.scalar(select(Status).where(Status.reblog_of_id == original.id, Status.actor_id == actor.id)) \
            if original is not None else None
    if boost is None or boost.reblog_of_id is None:
        return ""
    _own(actor, boost.actor_id, uri)
    original_id = boost.reblog_of_id
    statuses.delete(uow, boost)
    parent = statuses.get(session, original_id)
    if parent is not None:
        notifications.remove(uow, parent.actor_id, actor.id, "reblog", original_id)
    return "boost removed"


_KINDS = (("Follow", _follow), ("Like", _like), ("Like", _reaction), ("EmojiReact", _reaction), ("Announce", _announce),
          ("Block", _block), *((kind, remix_request.undone) for kind in KIND_OF))
