"""Timelines, notifications and search (docs.joinmastodon.org/methods/timelines, notifications, search)."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...errors import FedisoraError, NotFound, Unauthenticated
from ...models import Actor, Favourite, Notification, Status, StatusTag
from ...provenance.badge import Narrowing
from ...provenance.dial import Sieve
from ...serializers.mastodon import account as account_entities
from ...serializers.mastodon import instance as instance_entities
from ...serializers.mastodon import status as entities
from ...services import viewing
from ...store import actors, notifications, statuses
from ...store.paging import Page, newest_first, paginate
from ..auth import Person, caller, onlooker, person
from ..body import params, row_id
from ..convertors import number
from ..pagination import page_of, paged

if TYPE_CHECKING:
    from ...app import House

log = structlog.get_logger()


async def _posts(request: Request, me: int | None, load: Callable[[Session, Page], list[Status]]) -> Response:
    house: House = request.app.state.house
    page = page_of(request)

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        rows = load(session, page)
        return entities.many(session, rows, me, house.uris), [row.id for row in rows]

    return paged(request, house.uris, *(await house.db.read(find)), page)


def _looks(request: Request, who: Person | None) -> tuple[int | None, Sieve | None]:
    """Who looks at a public list, and what the AI dial and the instance leave out of it."""
    house: House = request.app.state.house
    return who.actor.id if who else None, viewing.public(who.user if who else None, house.settings)


async def home(request: Request) -> Response:
    """GET timelines/home"""
    who = await person(request, "read:statuses")
    sieve = viewing.home(who.user)
    return await _posts(request, who.actor.id, lambda session, page: statuses.home(session, who.actor.id, page, sieve=sieve))


async def public(request: Request) -> Response:
    """GET timelines/public"""
    who, given = await onlooker(request), await params(request)
    me, sieve = _looks(request, who)
    local, remote, only = (bool(given.flag(name)) for name in ("local", "remote", "only_media"))
    return await _posts(request, me, lambda session, page: statuses.public(
        session, page, viewer_id=me, local=local, remote=remote, only_media=only, sieve=sieve))


async def tag(request: Request) -> Response:
    """GET timelines/tag/:name"""
    who, given = await onlooker(request), await params(request)
    name = request.path_params["name"].lstrip("#")
    me, sieve = _looks(request, who)
    return await _posts(request, me, lambda session, page: statuses.tag(
        session, name, page, viewer_id=me, local=bool(given.flag("local")), sieve=sieve))


async def favourites(request: Request) -> Response:
    """GET favourites: what the person liked, newest like first."""
    house: House = request.app.state.house
    who, page = await person(request, "read:favourites"), page_of(request)

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        query = select(Favourite).where(Favourite.actor_id == who.actor.id)
        likes = newest_first(session.scalars(paginate(query, Favourite.id, page)).all(), page)
        posts = statuses.shown(session, [like.status_id for like in likes], who.actor.id)
        rows = [posts[like.status_id] for like in likes if like.status_id in posts]
        return entities.many(session, rows, who.actor.id, house.uris), [like.id for like in likes]

    return paged(request, house.uris, *(await house.db.read(find)), page)


async def notification_list(request: Request) -> Response:
    """GET notifications"""
    house: House = request.app.state.house
    who, given, page = await person(request, "read:notifications"), await params(request), page_of(request, most=80)

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        rows = notifications.page(session, who.actor.id, page, types=given.many("types"), exclude=given.many("exclude_types"),
                                  known_only=True)
        return instance_entities.notifications(session, rows, who.actor.id, house.uris), [row.id for row in rows]

    return paged(request, house.uris, *(await house.db.read(find)), page)


async def notification(request: Request) -> Response:
    """GET notifications/:id"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "read:notifications")

    def find(session: Session) -> dict[str, Any]:
        row = session.get(Notification, wanted)
        if row is None or row.actor_id != who.actor.id:
            raise NotFound
        return instance_entities.notifications(session, [row], who.actor.id, house.uris)[0]

    return JSONResponse(await house.db.read(find))


async def notifications_unread(request: Request) -> Response:
    """GET notifications/unread_count"""
    house: House = request.app.state.house
    who = await person(request, "read:notifications")
    return JSONResponse({"count": await house.db.read(lambda session: notifications.unread(
        session, who.actor.id, known_only=True))})


async def notifications_clear(request: Request) -> Response:
    """POST notifications/clear"""
    house: House = request.app.state.house
    who = await person(request, "write:notifications")
    await house.db.write(lambda uow: notifications.clear(uow, who.actor.id))
    return JSONResponse({})


async def notification_dismiss(request: Request) -> Response:
    """POST notifications/:id/dismiss"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "write:notifications")
    await house.db.write(lambda uow: notifications.dismiss(uow, who.actor.id, wanted))
    return JSONResponse({})


async def search(request: Request) -> Response:
    """GET /api/v2/search: accounts, posts and hashtags; `resolve` fetches what a handle or address names elsewhere."""
    house: House = request.app.state.house
    who, given = await caller(request), await params(request)
    me = who.actor.id if who is not None and who.actor is not None else None
    text, kind = given.text("q").strip(), given.text("type")
    page = page_of(request)
    people: list[Actor] = []
    posts: list[Status] = []
    if given.flag("resolve") and ("@" in text.lstrip("@") or text.startswith(("https://", "http://"))):
        if me is None:
            raise Unauthenticated("This method requires an authenticated user")
        try:
            actor, status = await house.resolver.find(text)
            people, posts = [actor] if actor else [], [status] if status else []
        except FedisoraError as error:
            log.info("search could not resolve", query=text[:200], reason=str(error))
    offset = min(number(given.text("offset")) or 0, 1000)
    narrowing = Narrowing.of(who.user.verifiers if who is not None and who.user is not None else None)

    def find(session: Session) -> dict[str, Any]:
        known = people or ([] if text.startswith(("https://", "http://")) else actors.search(session, text, page.limit + offset))
        shown = [item for item in posts if statuses.visible(session, item, me)]
        word = text.lstrip("#").lower()
        names = session.scalars(select(StatusTag.name).where(StatusTag.key.like(f"{word}%")).distinct().limit(page.limit)).all() \
            if word.isalnum() else []
        return {
            "accounts": [account_entities.account(item, house.uris, narrowing=narrowing)
                         for item in known[offset:offset + page.limit]]
            if kind in ("", "accounts") else [],
            "statuses": entities.many(session, shown, me, house.uris) if kind in ("", "statuses") else [],
            "hashtags": [entities.tag(name, house.uris) for name in dict.fromkeys(item.lower() for item in names)]
            if kind in ("", "hashtags") else []}

    return JSONResponse(await house.db.read(find))
