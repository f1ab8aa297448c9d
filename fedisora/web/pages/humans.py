"""A credential of one's own on /settings/human: what it says, renewed, given back; and /admin/humans, its administration."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Conflict, Invalid, NotFound
from ...models import Actor, HumanCredential
from ...provenance import humanity
from ...services.verification import credentials
from ...store import actors, vouches
from ...store import credentials as rows
from ..convertors import number
from . import views
from .render import page
from .visitor import checked_form, go, require_admin, text, visitor

if TYPE_CHECKING:
    from ...app import House

HERE: Final = "/settings/human"
ADMIN: Final = "/admin/humans"
PER_PAGE: Final = 50
ENDS: Final = {"revoked": "taken back", "expired": "ran out", "renewed": "replaced by the next one"}


@dataclass(frozen=True)
class CredentialView:
    """A credential: how the person was checked, from when to when, where it is served, and how it ended."""

    id: int
    how: str
    since: dt.datetime
    until: dt.datetime
    address: str
    renewable: bool
    end: str
    ended: dt.datetime | None
    reason: str


def _view(row: HumanCredential, now: dt.datetime) -> CredentialView:
    return CredentialView(row.id, humanity.WORDS[humanity.METHODS[row.method]], row.valid_from, row.valid_until, row.uri,
                          credentials.renewable(row, now), ENDS.get(row.end, ""), row.ended_at, row.reason)


async def panel(request: Request) -> dict[str, Any]:
    """What the part of /settings/human about one's credential shows (`_human_credential.html`)."""
    house: House = request.app.state.house
    _, actor = (await visitor(request)).person()
    now = house.db.clock()

    def read(session: Session) -> tuple[list[CredentialView], bool]:
        return ([_view(row, now) for row in rows.history(session, actor.id)],
                any(vouch.revoked_at is None for vouch, _ in vouches.given(session, actor.id)))

    listed, vouches_stand = await house.db.read(read)
    mine = next((row for row in listed if row.ended is None and row.until > now), None)
    former = next((row for row in listed if row.ended is not None and row.end != ENDS["renewed"]), None)
    return {"credential": mine, "former": former if mine is None else None, "renewing": mine is not None and mine.renewable,
            "carries_agents": bool(actor.operates) and house.settings.agent_operators == "verified",
            "carries_people": vouches_stand}


async def give_back(request: Request) -> Response:
    """POST /settings/human/give-back {sure}: the person wants to be verified no longer."""
    house: House = request.app.state.house
    form = await checked_form(request)
    _, visiting = (await visitor(request)).person()
    if not text(form, "sure"):
        return go(request, HERE, "Nothing was changed. Tick the box to give your credential back.")

    def apply(uow: UnitOfWork) -> bool:
        had = credentials.current(uow.session, visiting.id) is not None
        credentials.revoke(uow, actors.get(uow.session, visiting.id), "You gave it back.", by=visiting.id)
        return had

    return go(request, HERE, "Given back. Other servers are being told." if await house.db.write(apply)
              else "You had no credential any more.")


async def listed(request: Request) -> Response:
    """GET /admin/humans {ended?, before?}: everybody whom this server calls a verified human, or called one."""
    return await _listed(request)


async def _listed(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house: House = request.app.state.house
    await require_admin(request)
    ended, before = "ended" in request.query_params, number(request.query_params.get("before")) or 0
    now = house.db.clock()

    def read(session: Session) -> list[tuple[views.AccountView, CredentialView]]:
        found = rows.listed(session, ended=ended, after=before, limit=PER_PAGE)
        return [(views.account(actor, house.uris), _view(row, now)) for row, actor in found]

    items = await house.db.read(read)
    more = f"{ADMIN}?{'ended&' if ended else ''}before={items[-1][1].id}" if len(items) == PER_PAGE else None
    return await page(request, "admin_humans.html", status=status, problem=problem, items=items, ended=ended, more=more)


async def revoke(request: Request) -> Response:
    """POST /admin/humans/ID/revoke {reason}: take the credential of an account back."""
    house: House = request.app.state.house
    form = await checked_form(request)
    await require_admin(request)
    _, admin = (await visitor(request)).person()
    wanted, reason = request.path_params["id"], text(form, "reason").strip()

    def apply(uow: UnitOfWork) -> Actor:
        actor = uow.session.get(Actor, wanted)
        if actor is None or not actor.local:
            raise NotFound("There is no such account here.")
        take_back(uow, actor, reason, by=admin.id)
        return actor

    try:
        actor = await house.db.write(apply)
    except (Invalid, Conflict) as error:
        return await _listed(request, problem=error.text, status=error.status)
    return go(request, ADMIN, f"Taken back from @{actor.username}. Other servers are being told.")


def take_back(uow: UnitOfWork, actor: Actor, reason: str, *, by: int) -> None:
    """An administrator ends a person's credential.

    Raises:
        Invalid: without a reason.
        Conflict: there is none.
    """
    if not reason:
        raise Invalid("Say why: the person reads it.")
    if credentials.current(uow.session, actor.id) is None:
        raise Conflict(f"@{actor.username} has no credential any more.")
    credentials.revoke(uow, actor, reason, by=by)


routes: list[BaseRoute] = [
    Route("/settings/human/give-back", give_back, methods=["POST"]),
    Route(ADMIN, listed), Route(f"{ADMIN}/{{id:row}}/revoke", revoke, methods=["POST"]),
]
