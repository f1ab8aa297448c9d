"""/settings/human: becoming and staying a verified human. What somebody hands in is in verification_clip.py, what they may take
away or erase in verification_data.py."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from ...models import Actor, AuditEntry, Passkey, User, VerificationCase
from ...provenance import humanity
from ...services import audit
from ...services.verification import cases, methods, passkeys, states
from ...store import actors, verification
from . import humans, passkey_login, verification_clip, verification_data, verification_methods
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

HERE: Final = "/settings/human"
SHOWN: Final = 50
WHO: Final = {"self": "You", "server": "The server", "operator": "The operator", "other": "Somebody"}
WAYS: Final = {"live-clip": "live clip", "likeness": "likeness", "vouch": "people who know you", "oidc": "signing in elsewhere",
               "credential": "a credential you have"}
ASKED: Final = {"case.started": "began a question to the moderators", "case.submitted": "asked the moderators",
                "case.rejected": "answered"}
"""What is done with a question."""
PARTS: Final = (humans, verification_methods)
"""Modules whose `panel(request)`, where they have one, gives what their part of the page shows."""


@dataclass(frozen=True)
class Step:
    """Something that was done with somebody's verification. `who` is a role: names of moderators are not shown (ADR 0014)."""

    when: dt.datetime
    who: str
    what: str


@dataclass(frozen=True)
class Own:
    """What the page shows of one's own verification.

    Attributes:
        seen_by_others: there is a moderator besides this person.
    """

    verified: bool
    seen_by_others: bool
    clip: VerificationCase | None
    question: VerificationCase | None
    last: VerificationCase | None
    passkeys: list[Passkey]
    steps: list[Step]


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


def steps(session: Session, actor_id: int) -> list[Step]:
    """Every step, newest first. Moderators are numbered in the order in which they came."""
    rows = verification.entries_about(session, actor_id, SHOWN)
    names: dict[int, str] = {}
    for row in reversed(rows):
        if row.actor_id not in (None, actor_id) and not row.action.startswith("vouch."):
            names.setdefault(row.actor_id, f"Moderator {len(names) + 1}")

    def who(row: AuditEntry) -> str:
        if row.actor_id is None:
            return WHO["operator" if row.action in audit.BY_OPERATOR else "server"]
        return WHO["self"] if row.actor_id == actor_id else names.get(row.actor_id, WHO["other"])

    return [Step(row.at, who(row), f"{_what(row)}{_more(row)}") for row in rows]


def _what(row: AuditEntry) -> str:
    """What was done: a question is answered, not rejected."""
    if row.detail.get("method") == cases.OTHER_WAY and row.action in ASKED:
        return ASKED[row.action]
    return audit.ACTIONS[row.action]


def _more(row: AuditEntry) -> str:
    """Facts in brackets: why a clip was deleted, which way it was."""
    cause = {"decided": "it was decided", "purged": "its time was over", "withdrawn": "you withdrew",
             "erased": "you erased your data"}
    found = cause.get(row.detail.get("cause", "")) or WAYS.get(row.detail.get("method", ""))
    return f" ({found})" if found else ""


def _own(session: Session, user: User, actor: Actor, now: dt.datetime) -> Own:
    rows = [row for row in verification.cases_of(session, actor.id, SHOWN) if row.method in ("live-clip", cases.OTHER_WAY)]
    opened = {row.method: row for row in rows if row.state in states.OPEN}
    last = next((row for row in rows if row.state in ("rejected", "expired", "withdrawn")), None) if not opened else None
    others = any(found.id != actor.id for found in verification.moderators(session))
    return Own(humanity.holds(actor.human, actor.human_until, now), others, opened.get("live-clip"),
               opened.get(cases.OTHER_WAY), last, list(verification.passkeys_of(session, user.id)), steps(session, actor.id))


async def shown(request: Request, *, problem: str = "", status: int = 200) -> Response:
    """The page as it is now."""
    house = _house(request)
    user, actor = (await visitor(request)).person()
    own = await house.db.read(lambda session: _own(session, user, actors.get(session, actor.id), house.db.clock()))
    more: dict[str, Any] = {"methods": [method for method in methods.offered(house.settings) if method.name != "live-clip"]}
    for part in PARTS:
        panel = getattr(part, "panel", None)
        if panel is not None:
            more.update(await panel(request))
    response = await page(request, "settings_human.html", status=status, problem=problem, own=own, agent=actor.kind != "human",
                          live="live-clip" in house.settings.verification_methods, hours=house.settings.clip_hours, **more)
    response.headers["Permissions-Policy"] = verification_clip.CAMERA
    return response


async def show(request: Request) -> Response:
    """GET /settings/human"""
    return await shown(request)


async def begin(request: Request) -> Response:
    """POST /settings/human/begin: the person has read what happens with the clip, and wants it."""
    form = await checked_form(request)
    _, actor = (await visitor(request)).person()
    if not text(form, "consent"):
        return await shown(request, problem="Tick that you agree to the recording. There are other ways below.", status=422)
    return await _apply(request, lambda uow: cases.open_case(uow, actors.get(uow.session, actor.id), "live-clip"))


async def ask(request: Request) -> Response:
    """POST /settings/human/ask: another way, please."""
    form = await checked_form(request)
    _, actor = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> None:
        cases.submit(uow, cases.open_case(uow, actors.get(uow.session, actor.id), cases.OTHER_WAY), note=text(form, "note"))

    return await _apply(request, apply, "Sent. A moderator answers you here.")


async def withdraw(request: Request) -> Response:
    """POST /settings/human/cases/ID/withdraw"""
    await checked_form(request)
    _, actor = (await visitor(request)).person()
    wanted = request.path_params["id"]
    return await _apply(request, lambda uow: cases.withdraw(uow, actors.get(uow.session, actor.id), wanted),
                        "Withdrawn. If there was a clip, it is being deleted.")


async def passkey_options(request: Request) -> Response:
    """POST /settings/human/passkeys/options: what the browser is asked for, as JSON."""
    await checked_form(request)
    user, actor = (await visitor(request)).person()
    if actor.kind != "human":
        raise Forbidden("Only people have passkeys here.")
    made = await _house(request).db.write(lambda uow: passkeys.begin(uow, user, actor))
    return JSONResponse(made, headers={"Cache-Control": "no-store"})


async def passkey_add(request: Request) -> Response:
    """POST /settings/human/passkeys {answer: RegistrationResponseJSON, name}"""
    form = await checked_form(request)
    user, _ = (await visitor(request)).person()
    answer = passkey_login.answer_of(text(form, "answer"))
    # in two steps: a challenge stays used when what answered it did not hold
    challenge = await _house(request).db.write(lambda uow: passkeys.take(uow, user, answer))
    await _house(request).db.write(lambda uow: passkeys.finish(uow, user, answer, challenge, text(form, "name")))
    return JSONResponse({"next": HERE}, headers={"Cache-Control": "no-store"})


async def passkey_change(request: Request) -> Response:
    """POST /settings/human/passkeys/ID/rename, remove"""
    form = await checked_form(request)
    user, _ = (await visitor(request)).person()
    wanted, verb = request.path_params["id"], request.path_params["verb"]
    if verb not in ("rename", "remove"):
        raise NotFound("There is nothing at this address.")

    def apply(uow: UnitOfWork) -> None:
        if verb == "rename":
            passkeys.rename(uow, user, wanted, text(form, "name"))
        else:
            passkeys.remove(uow, user, wanted)

    return await _apply(request, apply, "Saved." if verb == "rename" else "Removed.")


async def _apply(request: Request, use_case: Any, done: str = "") -> Response:
    try:
        await _house(request).db.write(use_case)
    except (Conflict, Forbidden, Invalid, TooManyRequests) as error:
        return await shown(request, problem=error.text, status=error.status)
    return go(request, HERE, done)


routes: list[BaseRoute] = [
    Route(HERE, show), Route(f"{HERE}/begin", begin, methods=["POST"]), Route(f"{HERE}/ask", ask, methods=["POST"]),
    Route(f"{HERE}/cases/{{id:row}}/withdraw", withdraw, methods=["POST"]),
    Route(f"{HERE}/passkeys/options", passkey_options, methods=["POST"]),
    Route(f"{HERE}/passkeys", passkey_add, methods=["POST"]),
    Route(f"{HERE}/passkeys/{{id:row}}/{{verb}}", passkey_change, methods=["POST"]),
    *verification_clip.routes, *verification_data.routes,
]
