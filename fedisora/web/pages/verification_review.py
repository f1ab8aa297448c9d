"""/admin/verification: what moderators decide. A clip and its phrase are shown to the one moderator who has taken the case."""
from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Gone, Invalid, NotFound
from ...models import Actor, VerificationCase
from ...services.verification import cases, phrases, review
from ...store import actors, verification
from ...store import likenesses as likeness_rows
from . import likenesses, views
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

HERE: Final = "/admin/verification"
KINDS: Final = {"live-clip": "Wants to be a verified human", "likeness": "Enrols a likeness",
                cases.OTHER_WAY: "Asks for another way"}
CLIP_HEADERS: Final = {
    "Cache-Control": "no-store", "Content-Disposition": "inline", "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; media-src 'self'; sandbox", "Cross-Origin-Resource-Policy": "same-origin"}


@dataclass(frozen=True)
class Entry:
    """A case on the page. `inside` is empty for all but the moderator who has it; `film`: whether a clip is to be enrolled."""

    row: VerificationCase
    person: views.AccountView
    words: str
    mine: bool
    reviewer: str
    inside: dict[str, Any]
    say: str
    looked: bool
    left: dt.timedelta | None
    film: bool = False

    @property
    def hours_left(self) -> int:
        """Whole hours until the clip is deleted whatever happens."""
        return max(0, int(self.left.total_seconds() // 3600)) if self.left is not None else 0


async def moderator(request: Request) -> Actor:
    """The moderator who looks.

    Raises:
        Unauthenticated: nobody is logged in.
        NotFound: somebody else is: there is nothing to see, not even that there is something.
    """
    house: House = request.app.state.house
    _, actor = (await visitor(request)).person()
    if not await house.db.read(lambda session: verification.moderates(session, actor.id)):
        raise NotFound("There is nothing at this address.")
    return actor


async def _page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house: House = request.app.state.house
    me = await moderator(request)

    def read(session: Session) -> tuple[list[Entry], list[Actor], bool]:
        rows, now = review.waiting(session, me), house.db.clock()
        people = actors.many(session, [row.actor_id for row in rows] + [row.reviewer_id for row in rows if row.reviewer_id])
        found = []
        for row in rows:
            inside = review.inside(house.vault, row, me)
            found.append(Entry(
                row, views.account(people[row.actor_id], house.uris), KINDS[row.method], row.reviewer_id == me.id,
                people[row.reviewer_id].username if row.reviewer_id in people else "", inside,
                phrases.TURNS.get(inside.get("turn", ""), ""), verification.has_looked(session, row.id, me.id),
                row.clip_purge_at - now if row.clip_purge_at is not None else None, _film(session, row)))
        return found, list(verification.moderators(session)), verification.administers(session, me.id)

    entries, others, admin = await house.db.read(read)
    return await page(request, "admin_verification.html", status=status, problem=problem, entries=entries, others=others,
                      admin=admin, side_by_side=hasattr(likenesses, "review_picture"))


def _film(session: Session, row: VerificationCase) -> bool:
    enrolled = likeness_rows.get(session, row.likeness_id) if row.likeness_id is not None else None
    return enrolled is not None and enrolled.clip_key is not None


async def waiting(request: Request) -> Response:
    """GET /admin/verification"""
    return await _page(request)


async def act(request: Request) -> Response:
    """POST /admin/verification/ID/take, assign {to}, approve {reason}, reject {reason}"""
    form = await checked_form(request)
    me, wanted, verb = await moderator(request), request.path_params["id"], request.path_params["verb"]
    house: House = request.app.state.house

    def apply(uow: UnitOfWork) -> str:
        actor = actors.get(uow.session, me.id)
        if verb == "take":
            cases.assign(uow, wanted, actor)
            return "It is yours. What you look at is written down, and the person sees it."
        if verb == "assign":
            to = actors.by_handle(uow.session, text(form, "to").strip().lstrip("@"))
            if to is None:
                raise Invalid("There is no such moderator.")
            cases.assign(uow, wanted, actor, to)
            return "Handed over."
        case = cases.decide(uow, wanted, actor, verb == "approve", text(form, "reason"))
        if case.method == cases.OTHER_WAY:
            return "Answered. What was asked is deleted."
        if verb == "approve" and case.state != "approved":
            return f"Closed without a credential. They read: {case.reason} The clip is being deleted."
        return "Decided. The clip has lost its key and is being deleted."

    if verb not in ("take", "assign", "approve", "reject"):
        raise NotFound("There is nothing at this address.")
    try:
        done = await house.db.write(apply)
    except (Conflict, Forbidden, Invalid, NotFound) as error:  # the person may have erased everything while it was looked at
        return await _page(request, problem=error.text, status=error.status)
    return go(request, HERE, done)


async def clip(request: Request) -> Response:
    """POST /admin/verification/ID/clip: the decrypted clip, once it is at hand and the look is written down. A POST: it leaves a
    trace."""
    house: House = request.app.state.house
    await checked_form(request)
    me, wanted = await moderator(request), request.path_params["id"]
    found = await house.db.read(lambda session: review.open_to(session, wanted, actors.get(session, me.id), house.db.clock()))
    data = await asyncio.to_thread(house.private.get, found.key, found.secret)
    if await house.db.write(lambda uow: review.look(uow, wanted, actors.get(uow.session, me.id))) != found:
        raise Gone("This clip is gone.")
    return Response(data, media_type=found.mime, headers=CLIP_HEADERS)


routes: list[BaseRoute] = [
    Route(HERE, waiting), Route(f"{HERE}/{{id:row}}/clip", clip, methods=["POST"]),
    Route(f"{HERE}/{{id:row}}/{{verb}}", act, methods=["POST"])]
