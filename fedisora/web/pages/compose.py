"""Uploads: a file that becomes a post."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ...errors import FedisoraError, Invalid
from ...services import publish as writing
from ...services.publish import Draft
from ...store import actors
from .. import claims
from ..mastodon.posts import published
from ..uploads import keep_upload
from .consents import row_of
from .making import create_page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House


def remix_fields(given: FormData) -> dict[str, Any]:
    """What a form says of remixes, as for a Draft."""
    parent = text(given, "remix")
    return {"remix_of_id": row_of(parent) if parent else None, "remix_use": text(given, "use"),
            "remix_policy": text(given, "remix_policy") or "ask"}


async def upload(request: Request) -> Response:
    """POST /create/upload: a file that becomes a post once it is encoded and signed."""
    house: House = request.app.state.house
    given = await checked_form(request)
    _, actor = (await visitor(request)).person()
    file = given.get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise Invalid("Please choose a file.")
        media_id = await keep_upload(house, file, actor.id, description=text(given, "description"), choice=text(given, "source"))
        await claims.keep(house, actor.id, [media_id], [], {"train-ai": "n"} if text(given, "no_training") else {})
        status = await house.db.write(lambda uow: writing.create(
            uow, actors.get(uow.session, actor.id), Draft(
                text=text(given, "text"), media_ids=(media_id,), **remix_fields(given))))
        await published(house, status.id, actor.id, (media_id,))
    except FedisoraError as error:
        if error.status >= 500:
            raise
        return await create_page(request, problem=error.text, source=text(given, "source"), status=error.status,
                                 remix=text(given, "remix"))
    return go(request, f"/@{actor.username}/{status.id}")
