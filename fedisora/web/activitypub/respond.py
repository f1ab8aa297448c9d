"""What all ActivityPub answers share: who asks, the media type, caching."""
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...activitypub.negotiation import ACTIVITY_JSON, wants_activity
from ...activitypub.requests import Request as SignedRequest
from ...activitypub.signatures import read_signature
from ...errors import FedisoraError, Forbidden, Malformed, TooLarge, Unauthenticated
from ...federation.authenticate import Sender, authenticate
from ...federation.inbox import MAX_BYTES
from ...models import Actor
from ...store import actors
from ..convertors import number
from ..problems import hang_up

if TYPE_CHECKING:
    from ...app import House

BODY_SECONDS = 30.0
WORTH_DRAINING = 16 << 20
"""An announced body up to here is let pass, so that its sender gets to read the answer."""


def house_of(request: Request) -> House:
    """The house behind a request."""
    found: House = request.app.state.house
    return found


def activity_json(document: dict[str, Any] | bytes, *, status: int = 200, cache: int = 0) -> Response:
    """An ActivityPub document; `cache` seconds for everybody, 0 for nobody."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    control = f"public, max-age={cache}" if cache else "private, no-cache"
    return Response(body, status, {"Vary": "Accept, Signature", "Cache-Control": control},
                    media_type=f"{ACTIVITY_JSON}; charset=utf-8")


def signed(request: Request, body: bytes | None) -> SignedRequest:
    """The request as its sender must have addressed it: our own origin, whatever a proxy made of it."""
    house = house_of(request)
    query = f"?{request.url.query}" if request.url.query else ""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return SignedRequest(request.method, house.uris.base + raw.decode("latin-1").partition("?")[0] + query, headers, body)


async def read_body(request: Request, most: int = MAX_BYTES) -> bytes:
    """The body, cut off at a limit of bytes and of `BODY_SECONDS`.

    Raises:
        TooLarge: more than `most` bytes, announced or sent.
        Malformed: it did not arrive in time.
    """
    announced = number(request.headers.get("content-length"))
    try:
        if (announced or 0) > most:
            raise TooLarge(f"An activity may have {most >> 20} MiB at most.")
        chunks, size = [], 0
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise TooLarge(f"An activity may have {most >> 20} MiB at most.")
                chunks.append(chunk)
        return b"".join(chunks)
    except TimeoutError:
        hang_up(request)
        raise Malformed("The body did not arrive in time.") from None
    except TooLarge:
        if announced is None or announced > WORTH_DRAINING:
            hang_up(request)
        raise


async def reader(request: Request) -> Actor | None:
    """The remote actor who signed a GET; None when it is not signed. Found out once per request.

    Raises:
        Unauthenticated: this instance asks for signatures and there is none.
        BadSignature: it asks for signatures and this one does not hold.
        Forbidden: the key or its owner is of a blocked domain, or the owner is suspended here. Said before the signature
            is checked, and whether this instance asks for signatures or not.
    """
    known: tuple[Actor | None] | None = getattr(request.state, "reader", None)
    if known is None:
        known = request.state.reader = (await _reader(request),)
    return known[0]


async def _reader(request: Request) -> Actor | None:
    house = house_of(request)
    if "signature" not in request.headers:
        if house.settings.authorized_fetch:
            raise Unauthenticated("This server asks for signed requests.")
        return None
    try:
        what = signed(request, None)
        key_id = read_signature(what).key_id
        await house.policy.check(key_id)
        sender: Sender = await authenticate(house.keys, what, house.db.clock())
    except Forbidden:
        raise
    except FedisoraError:
        if house.settings.authorized_fetch:
            raise
        return None  # public things are public; private ones stay hidden
    await house.policy.check(sender.actor_uri)
    actor = await house.db.read(lambda session: actors.by_uri(session, sender.actor_uri))
    if actor is not None and actor.suspended_at is not None:
        raise Forbidden("This account is suspended here.")
    return actor


def gated(route: Route) -> Route:
    """The route of an ActivityPub document behind the door that all of them share.

    Whoever asks for such a document passes `reader` first, and what a signed request (or any, when signatures are asked
    for) gets is for its sender alone: no cache may hand it to somebody else. A browser that is sent to a page needs
    neither.
    """
    handler = route.endpoint

    async def behind(request: Request) -> Response:
        if wants_activity(request.headers.get("accept")):
            await reader(request)
        response: Response = await handler(request)
        if response.headers.get("content-type", "").startswith(ACTIVITY_JSON):
            await reader(request)
            response.headers["Vary"] = "Accept, Signature"
            if "signature" in request.headers or house_of(request).settings.authorized_fetch:
                response.headers["Cache-Control"] = "private, no-cache"
        return response

    return Route(route.path, behind, methods=sorted(route.methods or {"GET"}), name=route.name)
