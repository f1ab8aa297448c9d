"""The instance, application registration, and the small things that clients ask for at start-up."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...models import Actor, User
from ...serializers.mastodon import instance as entities
from ...services import instance, oauth
from ...store import peers as peer_rows
from ..auth import caller, person
from ..body import params

if TYPE_CHECKING:
    from ...app import House


def _contact(session: Session) -> Actor | None:
    return session.scalar(select(Actor).join(User, User.actor_id == Actor.id).where(
        User.admin.is_(True), User.state == "active").order_by(User.created_at).limit(1))


def _instance(render: Callable[..., dict[str, Any]]) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house: House = request.app.state.house
        counts, contact = await house.db.read(lambda session: (instance.usage(session), _contact(session)))
        return JSONResponse(render(house.settings, house.uris, counts, contact))

    return handler


v1 = _instance(entities.v1)
v2 = _instance(entities.v2)


async def peers(request: Request) -> Response:
    """GET instance/peers: domains that we know somebody of."""
    house: House = request.app.state.house
    found = await house.db.read(lambda session: peer_rows.hosts(session, house.settings))
    return JSONResponse(found, headers={"Cache-Control": "public, max-age=300"})


async def register_app(request: Request) -> Response:
    """POST apps"""
    house: House = request.app.state.house
    given = await params(request)
    app, secret = await house.db.write(lambda uow: oauth.register(
        uow, given.text("client_name"), given.many("redirect_uris"), given.text("scopes"), given.optional("website")))
    return JSONResponse({
        "id": str(app.id), "name": app.name, "website": app.website, "scopes": app.scopes.split(),
        "redirect_uri": "\n".join(app.redirect_uris), "redirect_uris": app.redirect_uris, "client_id": app.client_id,
        "client_secret": secret, "client_secret_expires_at": 0, "vapid_key": ""})


async def verify_app(request: Request) -> Response:
    """GET apps/verify_credentials"""
    from ...errors import Unauthenticated
    from ...models import OAuthApp

    house: House = request.app.state.house
    who = await caller(request)
    if who is None or who.token.app_id is None:
        raise Unauthenticated("The access token is invalid")
    app_id = who.token.app_id
    app = await house.db.read(lambda session: session.get_one(OAuthApp, app_id))
    return JSONResponse({"id": str(app.id), "name": app.name, "website": app.website, "scopes": app.scopes.split(),
                         "redirect_uris": app.redirect_uris, "redirect_uri": "\n".join(app.redirect_uris), "vapid_key": ""})


async def preferences(request: Request) -> Response:
    """GET preferences"""
    who = await person(request, "read:accounts")
    return JSONResponse({"posting:default:visibility": "public", "posting:default:sensitive": False,
                         "posting:default:language": who.user.locale, "posting:default:quote_policy": "public",
                         "reading:expand:media": "default", "reading:expand:spoilers": False, "reading:autoplay:gifs": False})


def _always(value: Any, scope: str | None = "read") -> Callable[[Request], Any]:
    """A collection that this server keeps empty, so that clients start."""
    async def handler(request: Request) -> Response:
        if scope is not None:
            await person(request, scope)
        return JSONResponse(value)

    return handler


EMPTY = {name: _always([], scope) for name, scope in {
    "custom_emojis": None, "instance/rules": None, "trends": None, "trends/tags": None,
    "trends/statuses": None, "trends/links": None, "announcements": "read", "bookmarks": "read:bookmarks", "lists": "read:lists",
    "filters": "read:filters", "conversations": "read:statuses", "mutes": "read:mutes",
    "domain_blocks": "read:blocks", "followed_tags": "read:follows", "featured_tags": "read:accounts", "endorsements": "read",
    "suggestions": "read", "scheduled_statuses": "read:statuses"}.items()}
"""Paths under /api/v1 that answer an empty list, with the scope they ask for."""
markers = _always({}, "read:statuses")
filters_v2 = _always([], "read:filters")
