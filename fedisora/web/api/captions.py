"""Captions of videos, one WebVTT file a language."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...errors import NotFound
from ...models import Caption, Media
from ...serializers.captions import caption as entity
from ...serializers.captions import captions as entities
from ...services import captions
from ...store import actors
from ...store import captions as rows
from .. import captions as given
from ..auth import person, viewer
from ..body import row_id
from .operations import JSON, Answer, Operation, Parameter, array, ref, refused

if TYPE_CHECKING:
    from ...app import House

VTT = "text/vtt"
_TEXT = {"type": "string"}
_PATH = "/media/{id}/captions/{language}"
DOCS = (
    Operation("get", "/media/{id}/captions", "The captions of a video, by language.",
              {200: Answer("In the order of their tags.", array(ref("Caption"))), **refused(404)}, scope=""),
    Operation("get", _PATH, "The captions in one language, as WebVTT.",
              {200: Answer("WebVTT.", media_type=VTT), **refused(404, 422)}, scope="",
              detail="Of a video of another server: a redirect (302) to `url`, where they are fetched from it."),
    Operation("put", _PATH, "Give one of your videos captions, or replace them.",
              {200: Answer("As they are kept.", ref("Caption")), **refused(404, 422)}, scope="write:media",
              body={VTT: _TEXT, "application/x-subrip": _TEXT,
                    JSON: {"type": "object", "required": ["text"], "properties": {"text": _TEXT, "label": _TEXT}},
                    "multipart/form-data": {"type": "object", "required": ["file"], "properties": {
                        "file": {"type": "string", "format": "binary"}, "label": _TEXT}}},
              query=(Parameter("label", "What players call the language; by default its own name for itself."),),
              detail="WebVTT, or SubRip, which is converted; UTF-8, 1 MB at most. What is kept has no comments, styles and "
                     "regions, and only the tags b, i, u, c, v, lang and ruby. A refusal names the line. Whoever has the post "
                     "already gets an Update."),
    Operation("delete", _PATH, "Remove the captions in one language.",
              {204: Answer("They are gone."), **refused(404, 422)}, scope="write:media"),
)


def _find(session: Session, media_id: int, viewer_id: int | None) -> Media:
    media = session.get(Media, media_id)
    if media is None or not captions.readable(session, media, viewer_id):
        raise NotFound("There is no such file.")
    return media


async def listing(request: Request) -> Response:
    """GET media/:id/captions"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await viewer(request)

    def read(session: Session) -> list[Caption]:
        media = _find(session, wanted, who.id if who else None)
        return rows.of_files(session, [media.id]).get(media.id, [])

    return JSONResponse(entities(await house.db.read(read), house.uris), headers={"Cache-Control": "private, no-store"})


async def show(request: Request) -> Response:
    """GET media/:id/captions/:language"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await viewer(request)
    language = captions.language_of(request.path_params["language"])

    def read(session: Session) -> Caption:
        row = rows.get(session, _find(session, wanted, who.id if who else None).id, language)
        if row is None:
            raise NotFound(captions.NONE)
        return row

    row = await house.db.read(read)
    headers = {"Cache-Control": "private, no-store"}
    if rows.remote_url(row) is not None:
        return Response(status_code=302, headers={"Location": house.uris.caption(row.id), **headers})
    return Response(row.text, media_type=f"{VTT}; charset=utf-8", headers=headers)


async def save(request: Request) -> Response:
    """PUT media/:id/captions/:language"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "write:media")
    language = captions.language_of(request.path_params["language"])
    await house.db.read(lambda session: captions.own(session, who.actor.id, wanted))  # before the body is read
    text, label = await given.from_body(request)
    row = await house.db.write(lambda uow: captions.save(
        uow, actors.get(uow.session, who.actor.id), wanted, language, text, label=label))
    return JSONResponse(entity(row, house.uris))


async def remove(request: Request) -> Response:
    """DELETE media/:id/captions/:language"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "write:media")
    await house.db.write(lambda uow: captions.remove(
        uow, actors.get(uow.session, who.actor.id), wanted, request.path_params["language"]))
    return Response(status_code=204)
