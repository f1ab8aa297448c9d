"""Federation for administrators: rules for domains, queues, servers that do not answer, what was put aside."""
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...errors import Invalid, NotFound
from ...models import Relay
from ...services import domains, quarantine
from ...store import domains as domain_rows
from ...store import peers
from ...store import quarantine as quarantine_rows
from .render import page
from .visitor import checked_form, go, require_admin, text

if TYPE_CHECKING:
    from ...app import House

HERE = "/admin/federation"
NAMES = {"block": "blocked", "silence": "silenced", "allow": "allowed"}
BLANK: Mapping[str, str] = {"domain": "", "severity": "", "reject_media": "", "comment": ""}
SHOWN = 100


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _page(request: Request, *, form: Mapping[str, str] = BLANK, problem: str = "", status: int = 200) -> Response:
    house = _house(request)

    def read(session: Session) -> dict[str, Any]:
        return {"rules": domain_rows.every(session), "waiting": quarantine_rows.waiting(session),
                "items": quarantine_rows.items(session, limit=SHOWN), "hosts": peers.known(session),
                "closed": quarantine_rows.closed_hosts(session, house.db.clock()),
                "relays": session.scalars(select(Relay).order_by(Relay.id)).all()}

    return await page(request, "admin_federation.html", status=status, form=form, problem=problem, names=NAMES,
                      allow_list=house.settings.federation == "allow-list", **await house.db.read(read))


async def federation(request: Request) -> Response:
    """GET /admin/federation"""
    await require_admin(request)
    return await _page(request)


async def set_rule(request: Request) -> Response:
    """POST /admin/federation/rules"""
    house, form = _house(request), await checked_form(request)
    await require_admin(request)
    given = {name: text(form, name).strip() for name in BLANK}

    def apply(uow: UnitOfWork) -> domains.Effect:
        return domains.set_rule(uow, given["domain"], given["severity"], reject_media=bool(given["reject_media"]),
                                comment=given["comment"][:500])

    try:
        effect = await house.db.write(apply)
    except Invalid as error:
        return await _page(request, form=given, problem=error.text, status=422)
    house.policy.forget()
    return go(request, HERE, f"{effect.domain} is {NAMES[given['severity']]} now.")


async def remove_rule(request: Request) -> Response:
    """POST /admin/federation/rules/remove"""
    house, form = _house(request), await checked_form(request)
    await require_admin(request)
    domain = text(form, "domain")
    try:
        effect = await house.db.write(lambda uow: domains.remove_rule(uow, domain))
    except (Invalid, NotFound) as error:
        return await _page(request, problem=error.text, status=error.status)
    house.policy.forget()
    return go(request, HERE, f"There is no rule for {effect.domain} any more.")


async def retry(request: Request) -> Response:
    """POST /admin/federation/queue/retry"""
    house, form = _house(request), await checked_form(request)
    await require_admin(request)
    item = text(form, "item")
    try:
        count = await house.db.write(lambda uow: quarantine.retry(uow, item))
    except NotFound:
        return go(request, HERE, "That is not put aside any more.")
    return go(request, HERE, f"Tried again: {count}.")


async def drop(request: Request) -> Response:
    """POST /admin/federation/queue/drop"""
    house, form = _house(request), await checked_form(request)
    await require_admin(request)
    item = text(form, "item")
    try:
        await house.db.write(lambda uow: quarantine.drop(uow, item))
    except NotFound:
        return go(request, HERE, "That is not put aside any more.")
    return go(request, HERE, "Dropped.")
