"""What safety gates hold: moderators look and decide, authors appeal."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...errors import Forbidden, Invalid
from ...models import Generation, Media, Screening, User
from ...serializers.mastodon.account import account, when
from ...serializers.mastodon.status import media_attachment
from ...services import screenings
from ...services.cameos.publishing import is_render
from ...store import actors
from ...uris import Uris
from ..auth import Person, person
from ..body import params, row_id
from ..pagination import page_of, paged
from .operations import JSON, Answer, Operation, Parameter, array, ref, refused

if TYPE_CHECKING:
    from ...app import House

_PAGE = tuple(Parameter(name, says, {"type": "string"}) for name, says in (
    ("max_id", "Only older ones."), ("min_id", "Only newer ones, right after it."), ("limit", "How many, 40 at most.")))
_DECISION = {"type": "object", "required": ["decision"], "properties": {
    "decision": {"type": "string", "enum": ["allow", "deny"]},
    "note": {"type": "string", "maxLength": screenings.MOST, "description": "What the author is told."}}}
_APPEAL = {"type": "object", "required": ["text"], "properties": {
    "text": {"type": "string", "maxLength": screenings.MOST, "description": "Why it should be allowed."}}}
DOCS = (
    Operation("get", "/admin/screenings", "Videos that wait for a moderator, newest first: holds and appeals.",
              {200: Answer("They.", array(ref("AdminScreening"))), **refused(401, 403)}, scope="admin:read", query=_PAGE),
    Operation("post", "/admin/screenings/{id}/decide", "Allow or refuse what is held.",
              {200: Answer("The screening as it is now.", ref("AdminScreening")), **refused(401, 403, 404, 422)},
              scope="admin:write", body={JSON: _DECISION},
              detail="Allowed: it is queued, or the finished video becomes a draft. Refused: it is rejected, a finished video "
              "is deleted; where only the words of a post were held, the draft stays."),
    Operation("post", "/generations/{id}/appeal", "Ask a moderator to look again at a video that a safety gate refused, once.",
              {200: Answer("The screening.", ref("Screening")), **refused(401, 404, 409, 422)}, scope="write:generations",
              body={JSON: _APPEAL}),
)


def entity(row: Screening) -> dict[str, Any]:
    """A decision as the author sees it: no evidence, which would teach how to get around a gate."""
    return {"id": str(row.id), "generation_id": str(row.generation_id), "gate": row.gate, "stage": row.stage,
            "decision": row.decision, "state": row.state, "code": row.code, "reason": row.reason, "appeal": row.appeal,
            "appealed_at": when(row.appealed_at), "note": row.note, "decided_at": when(row.decided_at),
            "created_at": when(row.created_at)}


def admin_entities(session: Session, rows: Sequence[Screening], uris: Uris) -> list[dict[str, Any]]:
    """Decisions as moderators see them: with the evidence, the account, the prompt and the finished video. One with a
    likeness is seen by the person whom it shows before anybody else: of it moderators read what the gate found."""
    found = []
    for row in rows:
        made = session.get_one(Generation, row.generation_id)
        media = session.get(Media, made.media_id) if made.media_id is not None and not is_render(made) else None
        found.append({
            **entity(row), "evidence": row.evidence, "account": account(actors.get(session, row.actor_id), uris),
            "prompt": made.prompt, "negative_prompt": str((made.options or {}).get("negative_prompt") or ""), "model": made.model,
            "generation_state": made.state, "media": media_attachment(media, uris) if media is not None else None})
    return found


async def _moderator(request: Request, scope: str) -> Person:
    who = await person(request, scope)
    if not who.user.admin:
        raise Forbidden("Only moderators can do this.")
    return who


async def listing(request: Request) -> Response:
    """GET admin/screenings"""
    house: House = request.app.state.house
    await _moderator(request, "admin:read")
    page = page_of(request)

    def find(session: Session) -> tuple[list[dict[str, Any]], list[int]]:
        rows = screenings.waiting(session, page)
        return admin_entities(session, rows, house.uris), [row.id for row in rows]

    return paged(request, house.uris, *(await house.db.read(find)), page)


async def decide(request: Request) -> Response:
    """POST admin/screenings/:id/decide {"decision": allow | deny, "note"?}"""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await _moderator(request, "admin:write"), await params(request)
    decision = given.text("decision")
    if decision not in ("allow", "deny"):
        raise Invalid("`decision` is allow or deny.")

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        row = screenings.decide(uow, uow.session.get_one(User, who.user.id), wanted, decision == "allow", given.text("note"))
        return admin_entities(uow.session, [row], house.uris)[0]

    return JSONResponse(await house.db.write(apply))


async def appeal(request: Request) -> Response:
    """POST generations/:id/appeal {"text"}"""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write:generations"), await params(request)
    return JSONResponse(await house.db.write(lambda uow: entity(screenings.appeal(
        uow, actors.get(uow.session, who.actor.id), wanted, given.text("text")))))
