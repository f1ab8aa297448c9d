"""What all ActivityPub answers share: who asks, the media type, caching."""
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ...activitypub.negotiation import ACTIVITY_JSON
from ...activitypub.requests import Request as SignedRequest
from ...errors import Malformed, TooLarge, Unauthenticated
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
    """The remote actor who signed a GET; None when it is not signed.

    Raises:
        Unauthenticated: this instance asks for signatures and there is none.
        BadSignature: there is one and it does not hold.
    """
    house = house_of(request)
    if "signature" not in request.headers:
        if house.settings.authorized_fetch:
            raise Unauthenticated("This server asks for signed requests.")
        return None
    try:
        sender: Sender = await authenticate(house.keys, signed(request, None), house.db.clock())
    except Exception:
        if house.settings.authorized_fetch:
            raise
        return None  # public things are public; private ones stay hidden
    return await house.db.read(lambda session: actors.by_uri(session, sender.actor_uri))
