"""Logging in with a passkey, beside the password form of /login."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Invalid, Unauthenticated
from ...services import accounts, sessions
from ...services.verification import passkey_login, passkeys
from .visitor import address, checked_form, local_target, log_in, text

if TYPE_CHECKING:
    from ...app import House

NO_STORE = {"Cache-Control": "no-store"}


def answer_of(given: str) -> dict[str, Any]:
    """What a browser's passkey answered, as it came in a form.

    Raises:
        Invalid: not a JSON object, or too large for one.
    """
    try:
        found = json.loads(given) if len(given) <= passkeys.MOST_BYTES else None
    except (ValueError, RecursionError) as error:
        raise Invalid("This is not a passkey.", cause=error) from error
    if not isinstance(found, dict):
        raise Invalid("This is not a passkey.")
    return found


async def options(request: Request) -> Response:
    """POST /login/passkey/options: what the browser is asked for, as JSON."""
    house: House = request.app.state.house
    await checked_form(request)
    return JSONResponse(passkey_login.options(house.vault, house.uris, house.db.clock()), headers=NO_STORE)


async def login(request: Request) -> Response:
    """POST /login/passkey {answer: AuthenticationResponseJSON, next}: JSON {next}, and the session's cookie."""
    house: House = request.app.state.house
    form = await checked_form(request)
    answer, where = answer_of(text(form, "answer")), address(request)
    name = passkey_login.name_of(answer)
    await house.db.write(lambda uow: accounts.throttle_check(uow, name, where))
    challenge = await house.db.write(lambda uow: passkey_login.use(uow, answer))
    before = request.cookies.get(sessions.COOKIE) or None

    def start(uow: UnitOfWork) -> str:
        user = passkey_login.check(uow, answer, challenge)
        accounts.clear_failures(uow, name)
        return sessions.start(uow, user, request.headers.get("user-agent", ""), where, replaces=before)

    try:
        token = await house.db.write(start)
    except Unauthenticated:
        # in its own transaction: the failure has to be counted although the log-in is refused
        await house.db.write(lambda uow: accounts.note_failure(uow, name, where))
        raise
    response = JSONResponse({"next": local_target(request, text(form, "next", "/"))}, headers=NO_STORE)
    log_in(request, response, token)
    return response


routes: list[BaseRoute] = [Route("/login/passkey/options", options, methods=["POST"]),
                           Route("/login/passkey", login, methods=["POST"])]
