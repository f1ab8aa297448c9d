"""Cameos between servers: terms, characters, and the draft that a subject let go."""
from __future__ import annotations

import datetime as dt
import hmac
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...activitypub.parse import same_origin
from ...activitypub.vocabulary import AS2
from ...errors import NotFound
from ...generation import cameos as rendering
from ...models import Actor
from ...provenance import humanity
from ...services.cameos import answering
from ...services.likenesses import terms as terms_of
from ...store import actors, likenesses
from ..files import private_file
from .respond import activity_json, house_of, reader

if TYPE_CHECKING:
    from ...app import House

ASKED_AGAIN = dt.timedelta(minutes=1)
LOOK_SECONDS = 3.0
LOOK_AGAIN = 0.5
"""Seconds after which we look without a ring: one may come from a worker on another machine, or just before we wait for it."""


async def _known(house: House, asked: str) -> None:
    """Know whoever asks as they are now. Nobody tells us that they became a verified human (they tell who follows them), so
    whom we know as none is asked for again, once a minute at most; and we wait a moment for the look at their credentials."""
    def here(session: Session) -> Actor | None:
        return actors.by_uri(session, asked)

    known = await house.db.read(here)
    now = house.db.clock()
    if known is not None and (known.local or humanity.holds(known.human, known.human_until, now) or (
            known.fetched_at is not None and known.fetched_at > now - ASKED_AGAIN)):
        return
    known = await house.resolver.actor(asked, refresh=True)
    end = time.monotonic() + LOOK_SECONDS
    while known is not None and known.attestation and (left := end - time.monotonic()) > 0 and (
            known.human_checked_at is None or known.human_checked_at < now):
        await house.bells.wait(f"actor:{known.id}", min(left, LOOK_AGAIN))
        known = await house.db.read(here)


async def terms(request: Request) -> Response:
    """GET /users/NAME/cameo: who may ask for a cameo, and for what. `?actor=ID`, in a request signed by that actor or its
    server, says whether that actor may; without one it says what everybody may know."""
    house, name, asked = house_of(request), request.path_params["name"], request.query_params.get("actor", "")
    who = await reader(request)
    entitled = bool(asked) and who is not None and same_origin(asked, who.uri)
    if entitled:
        await _known(house, asked)

    def find(session: Session) -> dict[str, Any]:
        owner = actors.local_active(session, name)
        if owner is None or owner.type not in ("Person", "Service"):
            raise NotFound("There is no such account here.")
        asker = actors.by_uri(session, asked) if entitled else None
        found = terms_of(session, house.uris, owner, asker, house.db.clock())
        return {"@context": AS2, **found, "renders": rendering.model_for(
            session, house.settings, likenesses.active(session, owner.id)) is not None}

    return activity_json(await house.db.read(find))


async def character(request: Request) -> Response:
    """GET /users/NAME/characters/ID: what everybody may know of a character."""
    house, name, wanted = house_of(request), request.path_params["name"], request.path_params["id"]
    await reader(request)

    def find(session: Session) -> dict[str, Any]:
        owner = actors.local_active(session, name)
        if owner is None:
            raise NotFound("There is no such account here.")
        uri = house.uris.character(owner.uri, wanted)
        listed = terms_of(session, house.uris, owner, None, house.db.clock())["characters"]
        about = next((item for item in listed if item["id"] == uri), None)
        if about is None:
            raise NotFound("There is no such character.")
        return {"@context": AS2, "type": "Object", "attributedTo": owner.uri, **about}

    return activity_json(await house.db.read(find))


async def draft(request: Request) -> Response:
    """GET /cameos/ID/TOKEN.mp4: a draft that its subject let go, for a week, for whoever was told the address."""
    house, wanted, token = house_of(request), request.path_params["id"], request.path_params["token"]

    def find(session: Session) -> tuple[str, str]:
        found = answering.fetchable(session, wanted, house.db.clock())
        if found is None:
            raise NotFound("There is no such file (any more).")
        asker = session.get_one(Actor, found[0].requester_id)
        key = found[1].storage_key
        if key is None or asker.suspended_at is not None:
            raise NotFound("There is no such file (any more).")
        return key, answering.token(house.vault, found[0])

    key, right = await house.db.read(find)
    if not hmac.compare_digest(right.encode(), token.encode()):
        raise NotFound("There is no such file (any more).")
    return await private_file(request, key, "video/mp4")


routes: list[Route] = [
    Route("/users/{name}/cameo", terms), Route("/users/{name}/characters/{id:row}", character),
    Route("/cameos/{id:row}/{token}.mp4", draft),
]
