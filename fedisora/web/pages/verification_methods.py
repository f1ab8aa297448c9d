"""Other ways to be verified than a live clip: signing in elsewhere, a credential; vouching is in vouches.py."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ...errors import FedisoraError, Invalid, NotFound, TooLarge
from ...models import Actor
from ...services import migration
from ...services.verification.methods import base, oidc, presented
from ...store import actors
from . import views, vouches
from .render import page
from .visitor import checked_form, go, text, visitor
from .vouches import verdict

if TYPE_CHECKING:
    from ...app import House

log = structlog.get_logger()
HERE = "/settings/human"
OIDC, CREDENTIAL = f"{HERE}/oidc", f"{HERE}/credential"
POST = ["POST"]


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _mine(request: Request) -> Actor:
    """The person at the browser."""
    return (await visitor(request)).person()[1]


# ---- signing in elsewhere
def _require_oidc(house: House) -> None:
    if "oidc" not in house.settings.verification_methods:
        raise NotFound("There is nothing at this address.")


async def _oidc_page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house, me = _house(request), await _mine(request)
    _require_oidc(house)
    found = await house.db.read(lambda session: verdict(session, house, me, "oidc"))
    return await page(request, "human_oidc.html", status=status, problem=problem, issuer=house.settings.oidc_issuer,
                      name=house.settings.oidc_name or house.settings.oidc_issuer, **found)


async def oidc_form(request: Request) -> Response:
    """GET /settings/human/oidc"""
    return await _oidc_page(request)


async def oidc_start(request: Request) -> Response:
    """POST /settings/human/oidc/start: to the issuer."""
    house = _house(request)
    await checked_form(request)
    who, me = await visitor(request), await _mine(request)
    _require_oidc(house)
    try:
        provider = await house.issuer.provider()
        target = await house.db.write(lambda uow: oidc.begin(
            uow, actors.get(uow.session, me.id), who.token, provider.authorization, house.uris.absolute(oidc.CALLBACK)))
    except FedisoraError as error:
        if error.status >= 500:
            log.warning("identity provider", error=str(error))
        return await _oidc_page(request, problem=error.text, status=error.status)
    return RedirectResponse(target, 303, {"Cache-Control": "no-store"})


async def oidc_callback(request: Request) -> Response:
    """GET /settings/human/oidc/callback: back from the issuer. It always leads on to an address without the code."""
    house, who = _house(request), await visitor(request)
    _require_oidc(house)
    if who.actor is None:  # the usual way to the log-in would take the code along in an address
        return go(request, f"/login?next={OIDC}", "Log in, then start again.")
    me, given = who.actor, request.query_params
    try:
        flow = await house.db.write(lambda uow: oidc.come_back(
            uow, actors.get(uow.session, me.id), who.token, given.get("state", "")[:200]))
    except FedisoraError as error:
        return go(request, OIDC, error.text)
    try:
        subject = await _subject(house, flow, given)
        await house.db.write(lambda uow: oidc.complete(
            uow, actors.get(uow.session, me.id), flow, house.settings.oidc_issuer, subject))
    except FedisoraError as error:
        log.info("sign-in elsewhere refused", case=flow.case_id, reason=str(error.cause or ""))
        reason = error.text
        await house.db.write(lambda uow: base.refuse(uow, flow.case_id, reason))
        return go(request, OIDC)
    return go(request, HERE, "You are verified.")


async def _subject(house: House, flow: oidc.Flow, given: Any) -> str:
    """Who the person is at the issuer.

    Raises:
        Invalid, Forbidden: it is not proven.
        RemoteUnavailable: the issuer does not answer.
    """
    provider = await house.issuer.provider()
    issuer, code = given.get("iss"), given.get("code", "")
    if (issuer is None and provider.names_itself) or (issuer is not None and issuer != provider.issuer):
        raise Invalid(oidc.NOT_PROVEN, cause="the answer is another issuer's")
    if not code:
        raise Invalid("You did not finish signing in there. Start again when you want to.")
    token = await house.issuer.exchange(code[:2000], flow.verifier, house.uris.absolute(oidc.CALLBACK))
    keys = await house.issuer.keys(oidc.key_id(token))
    return await house.db.run(oidc.check_id_token, token, keys, house.settings, flow.nonce, house.db.clock())


# ---- a credential
async def _credential_page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house, me = _house(request), await _mine(request)
    if "credential" not in house.settings.verification_methods:
        raise NotFound("There is nothing at this address.")

    def read(session: Session) -> tuple[dict[str, Any], str]:
        return verdict(session, house, me, "credential"), presented.waiting(session, me, house.vault, house.db.clock())

    found, challenge = await house.db.read(read)
    listed = [item.strip() for item in house.settings.credential_issuers.split(",") if item.strip()]
    return await page(request, "human_credential.html", status=status, problem=problem, challenge=challenge,
                      domain=house.uris.host, issuers=listed, aliases=me.also_known_as,
                      account=views.account(me, house.uris), **found)


async def credential_form(request: Request) -> Response:
    """GET /settings/human/credential"""
    return await _credential_page(request)


async def credential_challenge(request: Request) -> Response:
    """POST /settings/human/credential/challenge: something new to sign."""
    house = _house(request)
    await checked_form(request)
    me = await _mine(request)
    try:
        await house.db.write(lambda uow: presented.begin(uow, actors.get(uow.session, me.id)))
    except FedisoraError as error:
        return await _credential_page(request, problem=error.text, status=error.status)
    return go(request, f"{CREDENTIAL}#challenge")


async def credential(request: Request) -> Response:
    """POST /settings/human/credential: a credential or a presentation, pasted or as a file."""
    house, form = _house(request), await checked_form(request, max_files=1)
    me, given = await _mine(request), form.get("file")
    try:
        if isinstance(given, UploadFile) and given.filename:
            body = await given.read(presented.MAX_BYTES + 1)
        else:
            body = text(form, "document").strip().encode()
        if not body:
            raise Invalid("Paste the credential, or choose its file.")
        if len(body) > presented.MAX_BYTES:
            raise TooLarge(f"A credential has at most {presented.MAX_BYTES >> 10} KB here.")
        case_id, challenge = await house.db.write(lambda uow: presented.hand_in(uow, actors.get(uow.session, me.id)))
    except FedisoraError as error:
        return await _credential_page(request, problem=error.text, status=error.status)
    try:
        subject = await house.presented.check(me, body, challenge)
        await house.db.write(lambda uow: presented.complete(uow, actors.get(uow.session, me.id), case_id, subject))
    except FedisoraError as error:
        reason = error.text
        await house.db.write(lambda uow: base.refuse(uow, case_id, reason))
        return await _credential_page(request, problem=reason, status=error.status)
    return go(request, HERE, "You are verified.")


async def alias(request: Request) -> Response:
    """POST /settings/human/credential/alias: name one's account on another server (everybody can see that), or not any more."""
    house, form = _house(request), await checked_form(request)
    me, taken_back = await _mine(request), text(form, "remove")[:2000]
    try:
        if taken_back:
            await house.db.write(lambda uow: migration.remove_alias(uow, actors.get(uow.session, me.id), taken_back))
            return go(request, CREDENTIAL, "Your profile names that account no more.")
        found, _ = await house.resolver.find(text(form, "handle").strip()[:300])
        if found is None or found.local:
            raise Invalid("Write the handle of your account on the other server, as @name@server.")
        other = found
        await house.db.write(lambda uow: migration.add_alias(uow, actors.get(uow.session, me.id), other.uri))
    except FedisoraError as error:
        return await _credential_page(request, problem=error.text, status=error.status)
    return go(request, CREDENTIAL, f"Your profile names @{other.acct} now. Name this account there as well.")


panel = vouches.panel
routes: list[BaseRoute] = [
    *vouches.routes, Route(OIDC, oidc_form), Route(f"{OIDC}/start", oidc_start, methods=POST),
    Route(oidc.CALLBACK, oidc_callback),
    Route(CREDENTIAL, credential_form), Route(CREDENTIAL, credential, methods=POST),
    Route(f"{CREDENTIAL}/challenge", credential_challenge, methods=POST), Route(f"{CREDENTIAL}/alias", alias, methods=POST),
]
