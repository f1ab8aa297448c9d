"""Uploading files (docs.joinmastodon.org/methods/media): 202 with url null, 206 while it is processed, then 200."""
from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...errors import Invalid
from ...models import Media
from ...serializers.mastodon.status import media_attachment
from ...services import declaration
from ...store import actors
from .. import claims
from ..auth import person
from ..body import Params, params, row_id
from ..uploads import keep_upload
from .posts import media_of

if TYPE_CHECKING:
    from ...app import House


def _describe(media: Media, given: Params) -> None:
    description = given.optional("description")
    if description is not None:
        media.description = description.strip()[:1500]
    try:
        x, y = (float(part) for part in given.text("focus").split(",")) if given.text("focus") else (media.focus_x, media.focus_y)
    except ValueError as error:
        raise Invalid("The focus is two numbers: x,y.", cause=error) from error
    media.focus_x, media.focus_y = (max(-1.0, min(1.0, value)) for value in (x, y))


async def upload(request: Request) -> Response:
    """POST /api/v2/media (and v1); `fedisora_source`: how its author says it was made, a key of `digital_source.CHOICES`."""
    house: House = request.app.state.house
    who = await person(request, "write:media")
    given = await params(request, files=2, most=house.settings.max_upload_mb << 20, beside=1 << 20)
    file = given.file("file")
    if file is None:
        raise Invalid("Validation failed: File can't be blank")
    said = await claims.read(house, given)
    media_id = await keep_upload(house, file, who.actor.id, description=given.text("description"),
                                 choice=given.text("fedisora_source"))

    await claims.keep(house, who.actor.id, [media_id], *said)

    def finish(uow: UnitOfWork) -> Media:
        media = media_of(uow.session, media_id, who.actor.id)
        _describe(media, given)
        return media

    return JSONResponse(media_attachment(await house.db.write(finish), house.uris), 202)


async def show(request: Request) -> Response:
    """GET media/:id"""
    house: House = request.app.state.house
    wanted, who = row_id(request), await person(request, "write:media")
    media = await house.db.read(lambda session: media_of(session, wanted, who.actor.id))
    if media.state == "failed":
        return JSONResponse({"error": media.error or "This file could not be processed."}, 422)
    return JSONResponse(media_attachment(media, house.uris), 206 if media.state in ("received", "processing") else 200)


async def update(request: Request) -> Response:
    """PUT media/:id: description and focus, before it is posted; `fedisora_source` also afterwards: then it is signed again."""
    house: House = request.app.state.house
    wanted, who, given = row_id(request), await person(request, "write:media"), await params(request, files=1)

    def apply(uow: UnitOfWork) -> Media:
        media = media_of(uow.session, wanted, who.actor.id)
        _describe(media, given)
        choice = given.optional("fedisora_source")
        if choice is not None and media.status_id is None:
            declaration.say(media, choice)
        elif choice is not None:
            declaration.later(uow, actors.get(uow.session, who.actor.id), media.id, choice)
        return media

    return JSONResponse(media_attachment(await house.db.write(apply), house.uris))
