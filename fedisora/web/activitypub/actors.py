"""Local actors and their collections."""
from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...activitypub.negotiation import wants_activity
from ...errors import Malformed, NotFound, Unauthenticated
from ...models import Actor, OutboxActivity
from ...serializers.activitypub import actor as actor_serializer
from ...serializers.activitypub.collections import collection, page
from ...store import actors, follower_sync, relations, statuses
from ...store.paging import Page
from ..convertors import number
from .respond import activity_json, house_of, reader

PER_PAGE = 40


async def _actor(request: Request) -> Actor:
    name = request.path_params["name"]
    found = await house_of(request).db.read(lambda session: actors.local_active(session, name))
    if found is None:
        raise NotFound("There is no such account here.")
    return found


async def actor(request: Request) -> Response:
    """GET /users/NAME: the document, or the profile page for a browser."""
    house = house_of(request)
    if not wants_activity(request.headers.get("accept")):
        found = await _actor(request)
        return RedirectResponse(house.uris.profile(found.username), 302, {"Vary": "Accept"})
    await reader(request)
    found = await _actor(request)
    owner_id = found.owner_id
    owner = await house.db.read(lambda session: actors.get(session, owner_id)) if owner_id is not None else None
    return activity_json(actor_serializer.to_activitypub(found, house.uris, owner=owner, now=house.db.clock()),
                         cache=0 if house.settings.authorized_fetch else 60)


async def instance_actor(request: Request) -> Response:
    """GET /actor: always readable, or nobody could check our signatures."""
    house = house_of(request)
    found = await house.db.read(actors.instance_actor)
    return activity_json(actor_serializer.to_activitypub(found, house.uris), cache=60)


def _page_of(request: Request) -> Page | None:
    """None for the collection itself, else the wanted page."""
    if request.query_params.get("page") is None:
        return None
    before = request.query_params.get("max_id")
    if before is not None and number(before) is None:
        raise Malformed("max_id is a number.")
    return Page(max_id=number(before), limit=PER_PAGE)


def _outbox(session: Session, actor_id: int, wanted: Page) -> list[tuple[int, Any]]:
    query = select(OutboxActivity.id, OutboxActivity.document).where(
        OutboxActivity.actor_id == actor_id, OutboxActivity.public.is_(True),
        OutboxActivity.type.in_(("Create", "Announce")))
    if wanted.max_id is not None:
        query = query.where(OutboxActivity.id < wanted.max_id)
    rows = session.execute(query.order_by(OutboxActivity.id.desc()).limit(wanted.limit))
    return [(row[0], orjson.loads(row[1])) for row in rows]


async def _collection(request: Request, uri: str, total: int, load: Any, *, hidden: bool = False) -> Response:
    """A collection, or one page of what `load(session, page)` gives as (id, item); only how many when it is hidden."""
    house = house_of(request)
    wanted = _page_of(request)
    if hidden:
        return activity_json(collection(uri, total))
    if wanted is None:
        return activity_json(collection(uri, total, first=f"{uri}?page=1"))
    rows = await house.db.read(lambda session: load(session, wanted))
    more = f"{uri}?page=1&max_id={rows[-1][0]}" if len(rows) == wanted.limit else None
    here = f"{uri}?{request.url.query}"
    return activity_json(page(here, uri, [item for _, item in rows], following=more))


async def outbox(request: Request) -> Response:
    """Public posts and boosts, newest first."""
    house, found = house_of(request), await _actor(request)
    await reader(request)
    total = await house.db.read(lambda session: session.scalar(select(func.count()).select_from(OutboxActivity).where(
        OutboxActivity.actor_id == found.id, OutboxActivity.public.is_(True),
        OutboxActivity.type.in_(("Create", "Announce")))) or 0)
    return await _collection(request, house.uris.outbox(found.uri), total,
                             lambda session, wanted: _outbox(session, found.id, wanted))


async def followers(request: Request) -> Response:
    """Who follows; only how many when the account hides it."""
    house, found = house_of(request), await _actor(request)
    await reader(request)
    return await _collection(
        request, house.uris.followers(found.uri), found.followers_count,
        lambda session, wanted: [(row, who.uri) for row, who in relations.followers(session, found.id, wanted)],
        hidden=found.hide_collections)


async def following(request: Request) -> Response:
    """Whom the actor follows; only how many when the account hides it."""
    house, found = house_of(request), await _actor(request)
    await reader(request)
    return await _collection(
        request, house.uris.following(found.uri), found.following_count,
        lambda session, wanted: [(row, who.uri) for row, who in relations.following(session, found.id, wanted)],
        hidden=found.hide_collections)


async def followers_synchronization(request: Request) -> Response:
    """The followers of one server, for an actor of that server who signs (FEP-8fcf).

    Raises:
        Unauthenticated: not signed, or not well.
    """
    house, found = house_of(request), await _actor(request)
    who = await reader(request)
    if who is None or who.local:
        raise Unauthenticated("This list is for the server whose accounts it names: sign the request.")
    host = urlsplit(who.uri).netloc
    ids = await house.db.read(lambda session: follower_sync.followers_at(session, found, host))
    return activity_json(collection(house.uris.followers_synchronization(found.uri), len(ids), items=ids))


async def featured(request: Request) -> Response:
    """Pinned posts, whole: they are few, and peers then need not ask for each."""
    house, found = house_of(request), await _actor(request)
    who = await reader(request)
    rows = await house.db.read(lambda session: statuses.pinned(session, found.id, who.id if who else None))
    items = [orjson.loads(row.document) for row in rows if row.document is not None and row.visibility in statuses.PUBLIC]
    return activity_json(collection(house.uris.featured(found.uri), len(items), items=items))


async def instance_outbox(request: Request) -> Response:
    """The instance actor posts nothing."""
    house = house_of(request)
    return activity_json(collection(house.uris.outbox(house.uris.instance_actor), 0, items=[]))
