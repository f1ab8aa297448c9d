"""A known video that an upload looks like: what it is, and what its uploader says."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...serializers.mastodon.matches import matches
from ...services import recognition
from ...store import actors
from ...store.fingerprints import ANSWERS
from ..auth import person
from ..body import params, row_id
from ..mastodon.posts import media_of
from .operations import JSON, Answer, Operation, ref, refused

if TYPE_CHECKING:
    from ...app import House

_SAID = "The match, and whether an answer is wanted."
DOCS = (
    Operation("get", "/media/{id}/match", "A known video that one of your files looks like.",
              {200: Answer(_SAID, ref("MatchAnswer")), **refused(401, 404)}, scope="read"),
    Operation("post", "/media/{id}/match", "Say what your file has to do with the video it looks like.",
              {200: Answer(_SAID, ref("MatchAnswer")), **refused(401, 403, 404, 409, 422)}, scope="write",
              body={JSON: {"type": "object", "required": ["answer"], "properties": {
                  "answer": {"type": "string", "enum": list(ANSWERS)}}}},
              detail="`remix` names the other post as the parent and asks its author for consent. Nothing waits for an answer."),
)


async def show(request: Request) -> Response:
    """GET media/:id/match: {"match": see `serializers.mastodon.matches`, or null; "question": whether an answer is wanted}."""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "read")

    def read(session: Session) -> dict[str, Any]:
        media = media_of(session, wanted, who.actor.id)
        return {"match": matches(session, [media]).get(media.id), "question": media.id in recognition.asked(session, [media])}

    return JSONResponse(await house.db.read(read), headers={"Cache-Control": "private, no-store"})


async def answer(request: Request) -> Response:
    """POST media/:id/match {"answer": mine | remix | different}: the same, afterwards."""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write"), await params(request)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        media = recognition.answer(uow, actors.get(uow.session, who.actor.id), wanted, given.text("answer"))
        return {"match": matches(uow.session, [media]).get(media.id), "question": False}

    return JSONResponse(await house.db.write(apply))
