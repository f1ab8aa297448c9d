"""Held videos, for administrators: what safety gates keep back, and what authors appeal."""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...errors import Invalid, NotFound
from ...models import Generation, Media, Screening
from ...services import screenings
from ...services.cameos.publishing import is_render
from ...store import actors
from ...uris import Uris
from ..pagination import page_of
from . import views
from .job_view import facts
from .render import page
from .visitor import checked_form, go, require_admin, text, visitor

if TYPE_CHECKING:
    from ...app import House

HERE = "/admin/generation/held"
PER_PAGE = 20
STAGES = {"prompt": "the words", "inputs": "what it starts from", "likeness": "whose likeness it shows", "frames": "the pictures",
          "publish": "the post"}


@dataclass(frozen=True)
class Held:
    """What a moderator decides about. `evidence` is JSON; `source` what the video starts from; `likeness`: it shows somebody who
    has not seen it yet."""

    screening: Screening
    row: Generation
    author: views.AccountView
    stage: str
    evidence: str
    facts: Sequence[tuple[str, str]]
    media: views.MediaView | None
    source: views.MediaView | None
    likeness: bool = False


def _held(session: Session, rows: Sequence[Screening], uris: Uris) -> list[Held]:
    people = actors.many(session, {row.actor_id for row in rows})
    found = []
    for screening in rows:
        row, actor = session.get_one(Generation, screening.generation_id), people[screening.actor_id]
        shown = views.account(actor, uris)
        hidden = is_render(row)  # whom it shows sees it first
        files = [session.get(Media, wanted) if wanted is not None and not hidden else None
                 for wanted in (row.media_id, row.input_media_id)]
        media, source = (views.media_view(file, actor, shown) if file is not None else None for file in files)
        found.append(Held(screening, row, shown, STAGES.get(screening.stage, screening.stage),
                          json.dumps(screening.evidence, indent=2, ensure_ascii=False) if screening.evidence else "",
                          facts(row), media, source, hidden))
    return found


async def _page(request: Request, *, problem: str = "", note: str = "", about: int = 0, status: int = 200) -> Response:
    house: House = request.app.state.house
    wanted = page_of(request, default=PER_PAGE)

    def read(session: Session) -> tuple[list[Held], int]:
        return _held(session, screenings.waiting(session, wanted), house.uris), screenings.count(session)

    items, count = await house.db.read(read)
    more = f"{HERE}?max_id={items[-1].screening.id}" if len(items) == PER_PAGE else None
    return await page(request, "admin_held.html", status=status, items=items, count=count, more=more, problem=problem,
                      note=note, about=about)


async def waiting(request: Request) -> Response:
    """GET /admin/generation/held"""
    await require_admin(request)
    return await _page(request)


async def decide(request: Request) -> Response:
    """POST /admin/generation/held/ID/allow and /deny {note}"""
    house: House = request.app.state.house
    given = await checked_form(request)
    await require_admin(request)
    moderator, _ = (await visitor(request)).person()
    wanted, allow, note = request.path_params["id"], request.path_params["verb"] == "allow", text(given, "note")
    try:
        await house.db.write(lambda uow: screenings.decide(uow, moderator, wanted, allow, note))
    except NotFound as error:
        return go(request, HERE, error.text)
    except Invalid as error:
        return await _page(request, problem=error.text, note=note, about=wanted, status=error.status)
    return go(request, HERE, "Allowed. Its author hears of it." if allow else "Denied. Its author hears of it.")
