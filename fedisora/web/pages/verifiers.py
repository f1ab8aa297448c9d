"""Whose word about people counts: the administrator's list, and what a viewer makes of it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Invalid, NotFound
from ...provenance.badge import Narrowing
from ...services import verifiers
from ...store import attestations
from ...store import verifiers as rows
from .render import page
from .visitor import checked_form, go, require_admin, text, visitor

if TYPE_CHECKING:
    from ...app import House

ADMIN, MINE = "/admin/verifiers", "/settings/verifiers"
SHOWN = 50
"""Servers that vouch and are not on the list, shown to administrators at most."""
CHOICES = (
    ("instance", "Whose word this server takes",
     "Each server's word about its own people, and that of servers its administrators trust."),
    ("own", "This server only", "Only people whom this server has checked itself are shown as checked."),
    ("listed", "This server and those I list", "Of those whose word this server takes, only the ones you name."))


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


# ---- the administrator's list
async def _admin_page(request: Request, *, server: str = "", note: str = "", problem: str = "", status: int = 200) -> Response:
    def read(session: Session) -> dict[str, Any]:
        return {"listed": rows.every(session), "others": attestations.claimants(session, SHOWN)}

    return await page(request, "admin_verifiers.html", status=status, server=server, note=note, problem=problem,
                      **await _house(request).db.read(read))


async def listing(request: Request) -> Response:
    """GET /admin/verifiers"""
    await require_admin(request)
    return await _admin_page(request)


async def add(request: Request) -> Response:
    """POST /admin/verifiers {host, note}"""
    house, form = _house(request), await checked_form(request)
    await require_admin(request)
    _, me = (await visitor(request)).person()
    host, note = text(form, "host").strip(), text(form, "note")
    try:
        kept = await house.db.write(lambda uow: verifiers.add(uow, host, note=note, by=me.id).host)
    except Invalid as error:
        return await _admin_page(request, server=host, note=note, problem=error.text, status=422)
    return go(request, ADMIN, f"The word of {kept} counts here now.")


async def remove(request: Request) -> Response:
    """POST /admin/verifiers/remove {host}"""
    house, form = _house(request), await checked_form(request)
    await require_admin(request)
    try:
        host = await house.db.write(lambda uow: verifiers.remove(uow, text(form, "host")))
    except (Invalid, NotFound) as error:
        return await _admin_page(request, problem=error.text, status=error.status)
    return go(request, ADMIN, f"The word of {host} does not count here any more.")


# ---- what a viewer makes of it
async def _my_page(request: Request, *, narrowing: Narrowing | None = None, typed: str | None = None, problem: str = "",
                   status: int = 200) -> Response:
    user, _ = (await visitor(request)).person()
    kept = narrowing or Narrowing.of(user.verifiers)
    return await page(request, "settings_verifiers.html", status=status, choices=CHOICES, mode=kept.mode,
                      hosts=typed if typed is not None else "\n".join(sorted(kept.hosts)), problem=problem,
                      listed=await _house(request).db.read(rows.every))


async def mine(request: Request) -> Response:
    """GET /settings/verifiers"""
    return await _my_page(request)


async def save(request: Request) -> Response:
    """POST /settings/verifiers {mode, hosts: one a line}"""
    house, form = _house(request), await checked_form(request)
    user, _ = (await visitor(request)).person()
    mode, typed = text(form, "mode"), text(form, "hosts")

    def apply(uow: UnitOfWork) -> None:
        verifiers.narrow(uow, user.id, mode, typed.replace(",", "\n").split("\n"))

    try:
        await house.db.write(apply)
    except Invalid as error:
        return await _my_page(request, narrowing=Narrowing(mode), typed=typed, problem=error.text, status=422)
    return go(request, MINE, "Saved.")


POST = ["POST"]
routes: list[BaseRoute] = [
    Route(ADMIN, listing), Route(ADMIN, add, methods=POST), Route(f"{ADMIN}/remove", remove, methods=POST),
    Route(MINE, mine), Route(MINE, save, methods=POST)]
