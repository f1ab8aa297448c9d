"""Accounts, following, relationships (docs.joinmastodon.org/methods/accounts, follow_requests)."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...activitypub.webfinger import parse_handle
from ...db import UnitOfWork
from ...errors import NotFound
from ...models import Actor
from ...provenance.badge import Narrowing
from ...serializers.mastodon import account as entities
from ...serializers.mastodon import status as status_entities
from ...services import accounts, blocks, follows
from ...store import actors, relations, statuses
from ...store.paging import Page
from ..auth import onlooker, person, viewer
from ..body import params, row_id
from ..pagination import page_of, paged
from ..uploads import keep_picture

if TYPE_CHECKING:
    from ...app import House


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


def _shown(session: Session, actor_id: int) -> Actor:
    actor = session.get(Actor, actor_id)
    if actor is None or actor.suspended_at is not None:
        raise NotFound
    return actor


async def _narrowing(request: Request) -> Narrowing:
    """Whose word about people the viewer takes, when somebody looks."""
    who = await onlooker(request)
    return Narrowing.of(who.user.verifiers if who is not None else None)


async def verify_credentials(request: Request) -> Response:
    """GET accounts/verify_credentials"""
    house, who = _house(request), await person(request, "read:accounts")
    requests, moved = await house.db.read(lambda session: (
        len(relations.follow_requests(session, who.actor.id, Page(limit=80))), actors.successor(session, who.actor)))
    return JSONResponse(entities.credential_account(who.actor, who.user, house.uris, requests, moved,
                                                    narrowing=Narrowing.of(who.user.verifiers)))


async def update_credentials(request: Request) -> Response:
    """PATCH accounts/update_credentials"""
    house, who = _house(request), await person(request, "write:accounts")
    given = await params(request, files=2, most=(16 << 20))
    pictures = {f"{name}_key": await keep_picture(house, file, name) for name in ("avatar", "header")
                if (file := given.file(name)) is not None}
    fields = [{"name": given.text(f"fields_attributes[{index}][name]"), "value": given.text(f"fields_attributes[{index}][value]")}
              for index in range(8) if f"fields_attributes[{index}][name]" in given]
    listed = given.raw("fields_attributes")
    if isinstance(listed, dict):
        listed = list(listed.values())
    if isinstance(listed, list):
        fields = [{key: str(item.get(key, "")) for key in ("name", "value")} for item in listed if isinstance(item, dict)]

    def apply(uow: UnitOfWork) -> Actor:
        return accounts.update_profile(
            uow, who.actor.id, name=given.optional("display_name"), note=given.optional("note"), locked=given.flag("locked"),
            discoverable=given.flag("discoverable"), indexable=given.flag("indexable"),
            hide_collections=given.flag("hide_collections"), fields=fields or None, **pictures)

    return JSONResponse(entities.credential_account(await house.db.write(apply), who.user, house.uris))


async def show(request: Request) -> Response:
    """GET accounts/:id"""
    house, wanted = _house(request), row_id(request)
    narrowing = await _narrowing(request)

    def find(session: Session) -> dict[str, Any]:
        actor = _shown(session, wanted)
        return entities.account(actor, house.uris, actors.successor(session, actor), narrowing=narrowing)

    return JSONResponse(await house.db.read(find))


async def lookup(request: Request) -> Response:
    """GET accounts/lookup?acct= : known accounts only"""
    house = _house(request)
    given = request.query_params.get("acct", "").lstrip("@")
    named = parse_handle(given) if "@" in given else (given, "")
    if named is None:
        raise NotFound
    name, domain = named
    domain = "" if domain == house.uris.host else domain
    narrowing = await _narrowing(request)

    def find(session: Session) -> dict[str, Any]:
        actor = actors.by_handle(session, name, domain) if domain else actors.local_active(session, name)
        if actor is None or actor.suspended_at is not None:
            raise NotFound
        return entities.account(actor, house.uris, actors.successor(session, actor), narrowing=narrowing)

    return JSONResponse(await house.db.read(find))


async def search(request: Request) -> Response:
    """GET accounts/search"""
    house = _house(request)
    who = await person(request, "read:accounts")
    given, wanted = await params(request), page_of(request)
    found = await house.db.read(lambda session: actors.search(session, given.text("q"), wanted.limit))
    narrowing = Narrowing.of(who.user.verifiers)
    return JSONResponse([entities.account(actor, house.uris, narrowing=narrowing) for actor in found])


async def relationships(request: Request) -> Response:
    """GET accounts/relationships?id[]="""
    house, who = _house(request), await person(request, "read:follows")
    ids = (await params(request)).ids("id")[:80]
    found = await house.db.read(lambda session: relations.relationships(session, who.actor.id, ids))
    return JSONResponse([entities.relationship(found[item]) for item in ids if item in found])


async def posts(request: Request) -> Response:
    """GET accounts/:id/statuses"""
    house, wanted, page = _house(request), row_id(request), page_of(request)
    who, given = await viewer(request), await params(request)
    me = who.id if who else None

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        actor = _shown(session, wanted)
        if given.flag("pinned"):
            return status_entities.many(session, statuses.pinned(session, actor.id, me), me, house.uris), []
        rows = statuses.account(session, actor.id, page, viewer_id=me, exclude_replies=bool(given.flag("exclude_replies")),
                                exclude_reblogs=bool(given.flag("exclude_reblogs")), only_media=bool(given.flag("only_media")))
        return status_entities.many(session, rows, me, house.uris), [row.id for row in rows]

    return paged(request, house.uris, *(await house.db.read(find)), page)


def _people(load: Callable[[Session, int, Page], list[tuple[int, Actor]]]) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house, wanted, page = _house(request), row_id(request), page_of(request, default=40, most=80)
        who, narrowing = await viewer(request), await _narrowing(request)

        def find(session: Session) -> list[tuple[int, Actor]]:
            actor = _shown(session, wanted)
            if actor.hide_collections and (who is None or who.id != actor.id):
                return []
            return load(session, actor.id, page)

        rows = await house.db.read(find)
        return paged(request, house.uris, [entities.account(actor, house.uris, narrowing=narrowing) for _, actor in rows],
                     [row for row, _ in rows], page)

    return handler


followers = _people(relations.followers)
following = _people(relations.following)


def _relating(use_case: Callable[[UnitOfWork, Actor, Actor], Any], scope: str = "write:follows") -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house, wanted = _house(request), row_id(request)
        who = await person(request, scope)

        def apply(uow: UnitOfWork) -> dict[str, Any]:
            target = uow.session.get(Actor, wanted)
            if target is None:
                raise NotFound
            use_case(uow, actors.get(uow.session, who.actor.id), target)
            return entities.relationship(relations.relationships(uow.session, who.actor.id, [wanted])[wanted])

        return JSONResponse(await house.db.write(apply))

    return handler


follow = _relating(follows.follow)
unfollow = _relating(follows.unfollow)
remove_from_followers = _relating(lambda uow, actor, target: follows.remove_follower(uow, actor, target.id))
block = _relating(blocks.block, "write:blocks")
unblock = _relating(blocks.unblock, "write:blocks")
authorize = _relating(lambda uow, actor, target: follows.authorize(uow, actor, target.id))
reject = _relating(lambda uow, actor, target: follows.reject(uow, actor, target.id))


def _own_list(load: Callable[[Session, int, Page], list[tuple[int, Actor]]], scope: str) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house, page = _house(request), page_of(request, default=40, most=80)
        who = await person(request, scope)
        rows = await house.db.read(lambda session: load(session, who.actor.id, page))
        return paged(request, house.uris, [entities.account(actor, house.uris, narrowing=Narrowing.of(who.user.verifiers))
                                            for _, actor in rows],
                     [row for row, _ in rows], page)

    return handler


follow_requests = _own_list(relations.follow_requests, "read:follows")
blocked = _own_list(relations.blocks, "read:blocks")
