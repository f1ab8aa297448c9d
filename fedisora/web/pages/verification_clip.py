"""The challenge and the upload of a live clip, for any case of one's own that takes one (the recorder is `_recorder.html`)."""
from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, Malformed
from ...media.memory import in_memory
from ...media.process import run_media
from ...models import User, VerificationCase
from ...services import sessions
from ...services.verification import cases, challenges, clips, passkeys, phrases
from ...storage.private import CLIPS
from ...store import actors
from ..body import bounded
from ..problems import hang_up
from .visitor import checked_form, visitor

if TYPE_CHECKING:
    from ...app import House

BASE: Final = "/settings/human/cases/{id:row}"
NEXT: Final = {"likeness": "/settings/likeness"}
"""Where the person goes on, by method."""
NO_STORE: Final = {"Cache-Control": "no-store"}
CAMERA: Final = "camera=(self), microphone=(self), geolocation=()"
"""`Permissions-Policy` of a page with a recorder; all others have neither."""
PROBE_SECONDS: Final = 30.0
UPLOAD_SECONDS: Final = 300.0


async def challenge(request: Request) -> Response:
    """POST /settings/human/cases/ID/challenge: a fresh one as JSON {phrase, turn, say, language, token, seconds}."""
    house: House = request.app.state.house
    await checked_form(request)
    user, actor = (await visitor(request)).person()

    def ask(uow: UnitOfWork) -> challenges.Challenge:
        me = actors.get(uow.session, actor.id)
        _needs_passkey(uow, user, request.path_params["id"])
        return challenges.ask(uow, me, request.path_params["id"], user.locale)

    made = await house.db.write(ask)
    return JSONResponse({"phrase": made.phrase, "turn": made.turn, "say": phrases.TURNS[made.turn], "language": made.language,
                         "token": made.token, "seconds": int(challenges.LIFETIME.total_seconds())}, headers=NO_STORE)


def _needs_passkey(uow: UnitOfWork, user: User, case_id: int) -> None:
    case = uow.session.get(VerificationCase, case_id)
    if case is not None and case.actor_id == user.actor_id and case.method == "live-clip" and not passkeys.has_one(uow, user):
        raise Conflict("Add a passkey first.")


async def clip(request: Request) -> Response:
    """POST /settings/human/cases/ID/clip: the recorded bytes as body, the token of the challenge in `X-Clip-Challenge`.

    The body is no form, so that nothing spools it: a clip is in memory, or sealed.
    """
    house: House = request.app.state.house
    arrived, wanted = house.db.clock(), request.path_params["id"]
    who = await visitor(request)
    user, actor = who.person()
    if not sessions.check_csrf(house.vault, who.token, request.headers.get("x-csrf-token", "")):
        raise Forbidden("This page has expired. Reload it and record again.")
    token = request.headers.get("x-clip-challenge", "")
    await house.db.read(lambda session: challenges.check(session, house.vault, actor, wanted, token, arrived))
    data = await _read(request)
    facts = await _look(data)
    with tempfile.TemporaryDirectory(prefix="fedisora-upload-") as folder:  # for the sealed bytes alone
        sealed = await asyncio.to_thread(house.private.put, CLIPS, wanted, data, Path(folder))
    kept = clips.Clip(sealed.key, sealed.secret, sealed.digest, sealed.size, facts["mime"])

    def submit(uow: UnitOfWork) -> str:
        _needs_passkey(uow, user, wanted)
        case = challenges.check(uow.session, house.vault, actors.get(uow.session, actor.id), wanted, token, arrived,
                                lock=True)
        case.challenge_until = None  # used; what it said stays sealed for the moderator
        return cases.submit(uow, case, clip=kept).method

    try:
        method = await house.db.write(submit)
    except Exception:  # not when the asker hangs up: the row is written all the same
        await asyncio.to_thread(house.private.delete, sealed.key)
        raise
    return JSONResponse({"next": NEXT.get(method, "/settings/human")}, headers=NO_STORE)


async def _read(request: Request) -> bytes:
    data = bytearray()
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            async for chunk in bounded(request, clips.MOST_BYTES).stream():
                data += chunk
    except (ClientDisconnect, TimeoutError) as error:
        hang_up(request)
        raise Malformed("The clip did not arrive whole. Get a new phrase and record again.", cause=error) from error
    if not data:
        raise Invalid("This clip is empty. Record it again.")
    return bytes(data)


async def _look(data: bytes) -> dict[str, Any]:
    with in_memory(data) as path:
        return await run_media("clip", {"path": str(path), "longest": clips.MOST_SECONDS}, timeout=PROBE_SECONDS)


routes: list[BaseRoute] = [Route(f"{BASE}/challenge", challenge, methods=["POST"]), Route(f"{BASE}/clip", clip, methods=["POST"])]
