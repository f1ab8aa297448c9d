"""Likenesses and characters over the API. A picture goes in and never comes out; the live clip is recorded on the page."""
from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Invalid, NotFound
from ...models import Actor, Likeness
from ...serializers.mastodon.account import account, when
from ...services.likenesses import characters, enrolling, people
from ...store import actors, likenesses, verification
from .. import likeness_clips, likeness_pictures
from ..auth import person
from ..body import Params, params, row_id
from .consents import until as moment
from .operations import JSON, Answer, Operation, Schema, array, ref, refused

if TYPE_CHECKING:
    from ...app import House

NO_STORE: Final = {"Cache-Control": "private, no-store"}
_PICTURE: Final[Schema] = {"type": "string", "contentMediaType": "image/*", "description": "PNG, JPEG or WebP, up to 16 MB."}
_CLIP: Final[Schema] = {"type": "string", "contentMediaType": "video/*",
                        "description": "MP4 or WebM, up to 10 seconds and 20 MB. Its sound is dropped."}
_CHOICES: Final[dict[str, Schema]] = {
    "audience": {"type": "string", "enum": list(likenesses.AUDIENCES)}, "forbidden": {"type": "string"},
    "agents": {"type": "boolean"}, "until": {"type": "string", "description": "RFC 3339; empty: no end."}}
_TEXTS: Final[dict[str, Schema]] = {"name": {"type": "string"}, "summary": {"type": "string"}}
_FORM: Final = "multipart/form-data"
DOCS: Final = (
    Operation("get", "/likeness", "Your own likeness, and who may ask for it.",
              {200: Answer("As it is now.", ref("Likeness")), **refused(401)}, scope="read:likeness"),
    Operation("post", "/likeness", "Enrol a picture of yourself, or a clip, or both.",
              {202: Answer("It is sealed and waits for a live clip, which you record at /settings/likeness.", ref("Likeness")),
               **refused(401, 403, 409, 413, 422)}, scope="write:likeness",
              body={_FORM: {"type": "object", "anyOf": [{"required": ["picture"]}, {"required": ["clip"]}],
                            "properties": {"picture": _PICTURE, "clip": _CLIP}}},
              detail="A moderator compares it with the live clip. Without a picture a still of the clip is the picture. Nobody "
                     "may ask for it until you say so."),
    Operation("patch", "/likeness", "Say who may ask, what for, and until when.",
              {200: Answer("As it is now.", ref("Likeness")), **refused(401, 404, 422)}, scope="write:likeness",
              body={JSON: {"type": "object", "properties": _CHOICES}}, detail="What is left out stays."),
    Operation("delete", "/likeness", "Withdraw it; picture and clip are deleted.",
              {200: Answer("As it is now.", ref("Likeness")), **refused(401, 404, 422)}, scope="write:likeness",
              body={JSON: {"type": "object", "required": ["given"], "properties": {"given": {
                  "type": "string", "enum": ["keep", "take-back"], "description": "What becomes of the consents you gave."}}}}),
    Operation("get", "/likeness/people", "Whom you approved or blocked.",
              {200: Answer("All of them.", array(ref("LikenessPerson"))), **refused(401)}, scope="read:likeness"),
    Operation("put", "/likeness/people/{id}", "Decide about an account.",
              {200: Answer("What counts now.", ref("LikenessPerson")), **refused(401, 404, 422)}, scope="write:likeness",
              body={JSON: {"type": "object", "required": ["decision"], "properties": {"decision": {
                  "type": "string", "enum": list(likenesses.DECISIONS)}}}},
              detail="`always`: what they ask for is rendered without asking you; you still see each draft first. Who is blocked "
                     "is not told."),
    Operation("delete", "/likeness/people/{id}", "Forget what you decided.",
              {204: Answer("Forgotten, or there was nothing."), **refused(401, 404)}, scope="write:likeness"),
    Operation("get", "/characters", "The characters that you invented.",
              {200: Answer("All of them.", array(ref("Character"))), **refused(401)}, scope="read"),
    Operation("post", "/characters", "Add a character.",
              {201: Answer("Nobody may ask for it until you say so.", ref("Character")),
               **refused(401, 413, 422, s403=f"You have {characters.MOST} already.")}, scope="write",
              body={_FORM: {"type": "object", "required": ["picture", "name", "declared"], "properties": {
                  "picture": _PICTURE, **_TEXTS, "declared": {"type": "boolean", "description": "It is not a real person."}}}}),
    Operation("patch", "/characters/{id}", "Change a character, or who may ask for it.",
              {200: Answer("As it is now.", ref("Character")), **refused(401, 404, 422)}, scope="write",
              body={JSON: {"type": "object", "properties": {**_TEXTS, **_CHOICES}}}, detail="What is left out stays."),
    Operation("delete", "/characters/{id}", "Remove a character; its picture is deleted.",
              {204: Answer("Removed."), **refused(401, 404)}, scope="write"),
)


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


def _asking(row: Likeness) -> dict[str, Any]:
    return {"audience": row.audience, "forbidden": row.forbidden, "agents": row.agents, "until": when(row.until)}


def _own(session: Session, actor_id: int) -> dict[str, Any]:
    row = likenesses.newest(session, actor_id)
    if row is None:
        return {"id": None, "state": "none", "audience": "nobody", "forbidden": "", "agents": False, "until": None,
                "case_id": None, "enrolled_at": None, "clip": False}
    case = verification.open_case(session, actor_id, "likeness", row.id)
    return {"id": str(row.id), "state": row.state, **_asking(row), "case_id": str(case.id) if case is not None else None,
            "enrolled_at": when(row.created_at), "clip": row.clip_key is not None}


def _character(row: Likeness, owner: Actor, house: House) -> dict[str, Any]:
    return {"id": str(row.id), "uri": house.uris.character(owner.uri, row.id), "name": row.name, "summary": row.summary,
            **_asking(row), "created_at": when(row.created_at)}


def _choose(uow: UnitOfWork, actor: Actor, row: Likeness, given: Params) -> None:
    until: dt.datetime | None = moment(given.text("until")) if "until" in given else row.until
    agents = given.flag("agents", row.agents)
    enrolling.choose(uow, actor, row, audience=given.text("audience", row.audience), until=until, agents=bool(agents),
                     forbidden=given.text("forbidden", row.forbidden))


async def show(request: Request) -> Response:
    """GET likeness"""
    house, who = _house(request), await person(request, "read:likeness")
    return JSONResponse(await house.db.read(lambda session: _own(session, who.actor.id)), headers=NO_STORE)


async def enrol(request: Request) -> Response:
    """POST likeness {picture?, clip?}: 202"""
    house, who = _house(request), await person(request, "write:likeness")
    given = await params(request, files=2, most=likeness_pictures.MOST_BYTES + likeness_clips.MOST_BYTES, beside=1 << 20,
                         in_memory=True)
    await house.db.read(lambda session: enrolling.check(session, who.actor))

    def apply(uow: UnitOfWork, picture: Any, clip: Any) -> dict[str, Any]:
        enrolling.enrol(uow, actors.get(uow.session, who.actor.id), picture, clip)
        return _own(uow.session, who.actor.id)

    return JSONResponse(await likeness_clips.keep(house, given.file("picture"), given.file("clip"), apply), 202, headers=NO_STORE)


async def choose(request: Request) -> Response:
    """PATCH likeness {audience?, forbidden?, agents?, until?}"""
    house, who, given = _house(request), await person(request, "write:likeness"), await params(request)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        row = likenesses.newest(uow.session, who.actor.id)
        if row is None:
            raise NotFound("You have no likeness here.")
        _choose(uow, actors.get(uow.session, who.actor.id), row, given)
        return _own(uow.session, who.actor.id)

    return JSONResponse(await house.db.write(apply), headers=NO_STORE)


async def withdraw(request: Request) -> Response:
    """DELETE likeness {given: keep or take-back}"""
    house, who, given = _house(request), await person(request, "write:likeness"), await params(request)
    if given.text("given") not in ("keep", "take-back"):
        raise Invalid("`given` says what becomes of the consents you gave: `keep` or `take-back`.")

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        enrolling.withdraw(uow, actors.get(uow.session, who.actor.id), take_back=given.text("given") == "take-back")
        return _own(uow.session, who.actor.id)

    return JSONResponse(await house.db.write(apply), headers=NO_STORE)


async def listed(request: Request) -> Response:
    """GET likeness/people"""
    house, who = _house(request), await person(request, "read:likeness")
    found = await house.db.read(lambda session: [
        {"account": account(other, house.uris), "decision": row.decision, "created_at": when(row.created_at)}
        for row, other in likenesses.people(session, who.actor.id)])
    return JSONResponse(found, headers=NO_STORE)


async def decide(request: Request) -> Response:
    """PUT likeness/people/:id {decision}; DELETE: forget it. The id is the account's."""
    house, wanted, who = _house(request), row_id(request), await person(request, "write:likeness")
    given = await params(request)
    decision = given.text("decision") if request.method == "PUT" else ""
    if request.method == "PUT" and decision not in likenesses.DECISIONS:
        raise Invalid(f"The decision is one of: {', '.join(likenesses.DECISIONS)}.")

    def apply(uow: UnitOfWork) -> dict[str, Any] | None:
        other = uow.session.get(Actor, wanted)
        if other is None:
            raise NotFound
        people.decide_about(uow, actors.get(uow.session, who.actor.id), other, decision)
        row = likenesses.person(uow.session, who.actor.id, other.id)
        return {"account": account(other, house.uris), "decision": row.decision,
                "created_at": when(row.created_at)} if row is not None else None

    found = await house.db.write(apply)
    return JSONResponse(found, headers=NO_STORE) if found is not None else Response(status_code=204)


async def every_character(request: Request) -> Response:
    """GET characters"""
    house, who = _house(request), await person(request, "read")
    found = await house.db.read(lambda session: [
        _character(row, who.actor, house) for row in likenesses.characters(session, who.actor.id)])
    return JSONResponse(found, headers=NO_STORE)


async def add_character(request: Request) -> Response:
    """POST characters {picture, name, summary, declared}: 201"""
    house, who = _house(request), await person(request, "write")
    given = await params(request, files=1, most=likeness_pictures.MOST_BYTES, beside=1 << 20)
    name, summary, declared = given.text("name"), given.text("summary"), bool(given.flag("declared"))
    file = given.file("picture")
    try:
        await house.db.write(lambda uow: characters.check(uow, actors.get(uow.session, who.actor.id), name, summary, declared))
        made = await likeness_pictures.keep(house, file, lambda uow, picture: _character(characters.create(
            uow, actors.get(uow.session, who.actor.id), name=name, summary=summary, declared=declared, picture=picture),
            who.actor, house))
    finally:
        if file is not None:
            await file.close()
    return JSONResponse(made, 201, headers=NO_STORE)


async def change_character(request: Request) -> Response:
    """PATCH characters/:id {name?, summary?, audience?, …}"""
    house, wanted, who, given = _house(request), row_id(request), await person(request, "write"), await params(request)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        actor = actors.get(uow.session, who.actor.id)
        row = characters.own(uow.session, actor, wanted)
        characters.describe(uow, actor, wanted, name=given.text("name", row.name), summary=given.text("summary", row.summary))
        _choose(uow, actor, row, given)
        return _character(row, actor, house)

    return JSONResponse(await house.db.write(apply), headers=NO_STORE)


async def remove_character(request: Request) -> Response:
    """DELETE characters/:id: 204"""
    house, wanted, who = _house(request), row_id(request), await person(request, "write")
    await house.db.write(lambda uow: characters.remove(uow, actors.get(uow.session, who.actor.id), wanted))
    return Response(status_code=204)


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    return [
        Route(f"{base}/likeness", show), Route(f"{base}/likeness", enrol, methods=["POST"]),
        Route(f"{base}/likeness", choose, methods=["PATCH"]), Route(f"{base}/likeness", withdraw, methods=["DELETE"]),
        Route(f"{base}/likeness/people", listed),
        Route(f"{base}/likeness/people/{{id:row}}", decide, methods=["PUT", "DELETE"]),
        Route(f"{base}/characters", every_character), Route(f"{base}/characters", add_character, methods=["POST"]),
        Route(f"{base}/characters/{{id:row}}", change_character, methods=["PATCH"]),
        Route(f"{base}/characters/{{id:row}}", remove_character, methods=["DELETE"])]
