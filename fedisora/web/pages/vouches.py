"""Vouching: who vouches for me, who asks me, for whom I vouched; and what moderators see of it."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import FedisoraError, Invalid, NotFound
from ...models import Actor
from ...services import audit
from ...services.verification.methods import base, vouching
from ...store import actors, verification, vouches
from . import views
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

VOUCH: Final = "/settings/human/vouch"
ADMIN: Final = "/admin/verification/vouches"
POST: Final = ["POST"]
DONE: Final = {"ask": "People can vouch for you now. Send them your link, or ask them here.",
        "stop": "Nobody can vouch for you any more.",
        "give": "Thank you. You can take it back at any time.", "decline": "Taken off your list. They are not told.",
        "take-back": "Taken back. It counts no more."}


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _mine(request: Request) -> Actor:
    """The person at the browser."""
    return (await visitor(request)).person()[1]


def verdict(session: Session, house: House, actor: Actor, method: str) -> dict[str, Any]:
    """What the page of every way shows: why it cannot be begun, and how the last try ended."""
    last = base.latest(session, actor.id, method)
    return {"closed": base.why_not(session, house.settings, actor, method, house.db.clock()),
            "last": last.reason if last is not None and last.state == "rejected" else ""}


async def panel(request: Request) -> dict[str, Any]:
    """What /settings/human shows of vouching: to those who may vouch, and to those who have vouched."""
    house, me = _house(request), await _mine(request)

    def read(session: Session) -> dict[str, Any]:
        now = house.db.clock()
        waiting = sum(vouching.open_to(session, actor, now) for _, actor in vouches.asked(session, me.id))
        return {"shown": any(vouches.verified(session, [me.id], now)) or bool(vouches.given(session, me.id)), "asking": waiting}

    return {"vouching": await house.db.read(read)}


async def _vouch_page(request: Request, *, problem: str = "", status: int = 200, handle: str = "") -> Response:
    house, me = _house(request), await _mine(request)

    def read(session: Session) -> dict[str, Any]:
        now = house.db.clock()
        direct, vouched = vouches.verified(session, [me.id], now)
        progress = vouching.progress(session, me, now)
        return {
            **verdict(session, house, me, "vouch"), "progress": progress,
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


# ---- for moderators
async def admin(request: Request) -> Response:
    """GET /admin/verification/vouches?account= : who vouched for somebody, and for whom they did. The look is written down."""
    house, me = _house(request), await _mine(request)
    name = request.query_params.get("account", "").strip().lstrip("@")[:100]

    def read(uow: UnitOfWork) -> dict[str, Any]:
        session = uow.session
        if not verification.moderates(session, me.id):
            raise NotFound("There is nothing at this address.")
        subject = actors.by_handle(session, name) if name else None
        if subject is None:
            return {"account": None, "about": [], "given": []}
        audit.note(uow, "vouches.viewed", subject=subject.id, by=me.id)

        def entry(other: Actor, vouch: Any) -> dict[str, Any]:
            return {"account": views.account(other, house.uris), "when": vouch.created_at, "over": vouch.revoked_at}

        return {"account": views.account(subject, house.uris),
                "about": [entry(other, vouch) for vouch, other in vouches.about(session, subject.id, standing=False)],
                "given": [entry(other, vouch) for vouch, other in vouches.given(session, subject.id)]}

    return await page(request, "admin_vouches.html", name=name, **await house.db.write(read))


routes: list[BaseRoute] = [
    Route(VOUCH, vouch), Route(f"{VOUCH}/ask", _on_own("ask", vouching.ask), methods=POST),
    Route(f"{VOUCH}/stop", _on_own("stop", vouching.stop), methods=POST), Route(f"{VOUCH}/invite", invite, methods=POST),
    Route(f"{VOUCH}/for/{{id:row}}/give", _on_other("give", vouching.give), methods=POST),
    Route(f"{VOUCH}/for/{{id:row}}/decline", _on_other("decline", vouching.decline), methods=POST),
    Route(f"{VOUCH}/for/{{id:row}}/take-back", _on_other("take-back", vouching.take_back), methods=POST),
    Route(f"{VOUCH}/{{name}}", vouch_for), Route(ADMIN, admin),
]
