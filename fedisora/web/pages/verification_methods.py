"""Other ways to be verified than a live clip: vouching, signing in elsewhere, a credential."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import FedisoraError, Invalid, NotFound, TooLarge
from ...models import Actor
from ...services.verification.methods import base, oidc, presented, vouching
from ...store import actors, vouches
from . import views
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

log = structlog.get_logger()
HERE = "/settings/human"
VOUCH, OIDC, CREDENTIAL = f"{HERE}/vouch", f"{HERE}/oidc", f"{HERE}/credential"
POST = ["POST"]
DONE = {"ask": "People can vouch for you now. Send them your link, or ask them here.",
        "stop": "Nobody can vouch for you any more.",
        "give": "Thank you. You can take it back at any time.", "decline": "Taken off your list. They are not told.",
        "take-back": "Taken back. It counts no more."}


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _mine(request: Request) -> Actor:
    """The person at the browser."""
    return (await visitor(request)).person()[1]


def _verdict(session: Session, house: House, actor: Actor, method: str) -> dict[str, Any]:
    """What every page of a way shows: why it cannot be begun, and how the last try ended."""
    last = base.latest(session, actor.id, method)
    now = house.db.clock()
    return {"closed": base.why_not(session, house.settings, actor, method, now),
            "last": last.reason if last is not None and last.state == "rejected" else ""}


# ---- vouching
async def _vouch_page(request: Request, *, problem: str = "", status: int = 200, handle: str = "") -> Response:
    house, me = _house(request), await _mine(request)

    def read(session: Session) -> dict[str, Any]:
        now = house.db.clock()
        direct, vouched = vouches.verified(session, [me.id], now)
        progress = vouching.progress(session, me, now)
        return {
            **_verdict(session, house, me, "vouch"), "progress": progress,
            "vouchers": [{"account": views.account(actor, house.uris), "when": vouch.created_at}
                         for vouch, actor in progress.vouchers],
            "asking": [{"account": views.account(actor, house.uris), "when": row.created_at}
                      for row, actor in vouches.asked(session, me.id) if vouching.open_to(session, actor, now)],
            "given": [{"account": views.account(actor, house.uris), "when": vouch.created_at,
                       "over": vouch.revoked_at is not None} for vouch, actor in vouches.given(session, me.id)],
            "verified": bool(direct | vouched), "barred": vouching.why_not(session, me, now)}

    found = await house.db.read(read)
    return await page(request, "human_vouch.html", status=status, problem=problem, handle=handle, most=vouching.PER_MONTH,
                      link=house.uris.absolute(f"{VOUCH}/{me.username}"), **found)


async def vouch(request: Request) -> Response:
    """GET /settings/human/vouch: who vouches for me, who asks me, for whom I vouched."""
    return await _vouch_page(request)


def _on_own(verb: str, use_case: Callable[[UnitOfWork, Actor], Any]) -> Callable[[Request], Any]:
    async def call(request: Request) -> Response:
        house = _house(request)
        await checked_form(request)
        me = await _mine(request)
        try:
            await house.db.write(lambda uow: use_case(uow, actors.get(uow.session, me.id)))
        except FedisoraError as error:
            return await _vouch_page(request, problem=error.text, status=error.status)
        return go(request, VOUCH, DONE[verb])

    call.__doc__ = f"POST /settings/human/vouch/{verb}"
    return call


async def invite(request: Request) -> Response:
    """POST /settings/human/vouch/invite: ask somebody of this server."""
    house, form = _house(request), await checked_form(request)
    me, handle = await _mine(request), text(form, "handle").strip()[:300]
    try:
        asked = await house.db.write(lambda uow: vouching.invite(uow, actors.get(uow.session, me.id), handle))
    except FedisoraError as error:
        return await _vouch_page(request, problem=error.text, status=error.status, handle=handle)
    return go(request, VOUCH, f"@{asked.username} is asked.")


async def vouch_for(request: Request) -> Response:
    """GET /settings/human/vouch/NAME: the link that somebody sends to those who know them."""
    house, me, name = _house(request), await _mine(request), request.path_params["name"]
    subject = await house.db.read(lambda session: vouching.asking(session, name, house.db.clock()))
    return await _vouch_for(request, house, me, subject)


async def _vouch_for(request: Request, house: House, me: Actor, subject: Actor, *, problem: str = "",
                     status: int = 200) -> Response:
    def read(session: Session) -> tuple[str, bool]:
        known = vouches.between(session, me.id, subject.id)
        return vouching.why_not(session, me, house.db.clock()), known is not None and known.revoked_at is None

    barred, given = await house.db.read(read)
    return await page(request, "human_vouch_for.html", status=status, account=views.account(subject, house.uris), barred=barred,
                      given=given, mine=subject.id == me.id, problem=problem)


def _on_other(verb: str, use_case: Callable[[UnitOfWork, Actor, int], Any]) -> Callable[[Request], Any]:
    async def call(request: Request) -> Response:
        house, form = _house(request), await checked_form(request)
        me, wanted = await _mine(request), request.path_params["id"]
        try:
            if verb == "give" and not text(form, "sure"):
                raise Invalid("Say that you know this person, then send it again.")
            await house.db.write(lambda uow: use_case(uow, actors.get(uow.session, me.id), wanted))
        except NotFound:
            raise
        except FedisoraError as error:
            return await _vouch_page(request, problem=error.text, status=error.status)
        return go(request, VOUCH, DONE[verb])

    call.__doc__ = f"POST /settings/human/vouch/for/ID/{verb}"
    return call


# ---- signing in elsewhere
def _require_oidc(house: House) -> None:
    if "oidc" not in house.settings.verification_methods:
        raise NotFound("There is nothing at this address.")


async def _oidc_page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house, me = _house(request), await _mine(request)
    _require_oidc(house)
    found = await house.db.read(lambda session: _verdict(session, house, me, "oidc"))
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

    def read(uow: UnitOfWork) -> tuple[dict[str, Any], str]:
        return _verdict(uow.session, house, me, "credential"), presented.waiting(uow, me)

    found, challenge = await house.db.write(read)
    listed = [item.strip() for item in house.settings.credential_issuers.split(",") if item.strip()]
    return await page(request, "human_credential.html", status=status, problem=problem, challenge=challenge,
                      domain=house.uris.host, issuers=listed, account=views.account(me, house.uris), **found)


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


routes: list[BaseRoute] = [
    Route(VOUCH, vouch), Route(f"{VOUCH}/ask", _on_own("ask", vouching.ask), methods=POST),
    Route(f"{VOUCH}/stop", _on_own("stop", vouching.stop), methods=POST), Route(f"{VOUCH}/invite", invite, methods=POST),
    Route(f"{VOUCH}/for/{{id:row}}/give", _on_other("give", vouching.give), methods=POST),
    Route(f"{VOUCH}/for/{{id:row}}/decline", _on_other("decline", vouching.decline), methods=POST),
    Route(f"{VOUCH}/for/{{id:row}}/take-back", _on_other("take-back", vouching.take_back), methods=POST),
    Route(f"{VOUCH}/{{name}}", vouch_for),
    Route(OIDC, oidc_form), Route(f"{OIDC}/start", oidc_start, methods=POST), Route(oidc.CALLBACK, oidc_callback),
    Route(CREDENTIAL, credential_form), Route(CREDENTIAL, credential, methods=POST),
    Route(f"{CREDENTIAL}/challenge", credential_challenge, methods=POST),
]
