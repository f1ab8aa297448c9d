"""Uploads: a file that becomes a post."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ...errors import FedisoraError, Invalid
from ...services import captions as caption_rows
from ...services import publish as writing
from ...services.publish import Draft
from ...store import actors
from .. import claims
from ..mastodon.posts import published
from ..uploads import keep_resumed, keep_upload
from . import asked, captions
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


async def _file(house: House, given: FormData, actor_id: int) -> int:
    """The row of the file that a form brings, or that went up resumably before it was sent (`upload`)."""
    file, description, choice = given.get("file"), text(given, "description"), text(given, "source")
    if text(given, "upload"):
        return await keep_resumed(house, text(given, "upload"), actor_id, description=description, choice=choice)
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid("Please choose a file.")
    return await keep_upload(house, file, actor_id, description=description, choice=choice)


async def upload(request: Request) -> Response:
    """POST /create/upload: a file that becomes a post once it is encoded and signed."""
    house: House = request.app.state.house
    given = await checked_form(request)
    _, actor = (await visitor(request)).person()
    try:
        said = await captions.from_form(given)  # before the file is stored: its mistakes are mended first
        media_id = await _file(house, given, actor.id)
        if said is not None:
            await house.db.write(lambda uow: caption_rows.save(uow, actors.get(uow.session, actor.id), media_id, *said))
        await claims.keep(house, actor.id, [media_id], [], {"train-ai": "n"} if text(given, "no_training") else {})
        status = await house.db.write(lambda uow: writing.create(
            uow, actors.get(uow.session, actor.id), Draft(
                text=text(given, "text"), media_ids=(media_id,), **remix_fields(given))))
        await published(house, status.id, actor.id, (media_id,))
    except FedisoraError as error:
        if error.status >= 500:
            raise
        return await create_page(request, problem=error.text, given=dict(asked.BLANK) | {"remix": text(given, "remix")},
                                 source=text(given, "source"), status=error.status)
    return go(request, f"/@{actor.username}/{status.id}")
