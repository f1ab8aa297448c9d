"""The picture or video that a model was given, for the manifest of what it made."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from fedisora.errors import NotFound
from fedisora.models import Generation, Media, Status
from fedisora.provenance.manifest import Ingredient
from fedisora.store import lineage

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
SEEN = ("public", "unlisted")
TITLES = {"image": "the picture it starts from", "video": "the video it starts from"}


async def inputs(house: House, media: Media, folder: Path) -> list[Ingredient]:
    """What a generated file starts from, lying in `folder`. A post that it is a remix of is there as its parent already.

    One whose file was deleted meanwhile is listed in `media.ingredients` with a sentence that says so.
    """
    found = await house.db.read(lambda session: _source(session, media))
    if found is None:
        return []
    source, uri = found
    path = folder / f"input{Path(source.storage_key or '').suffix or '.bin'}"
    title = TITLES.get(source.kind, "what it starts from")
    try:
        if not source.storage_key:
            raise NotFound
        await asyncio.to_thread(house.storage.get_to, source.storage_key, path)
    except NotFound:
        log.info("what a video starts from is not there any more", media=media.id, source=source.id)
        media.ingredients = [*(item for item in media.ingredients if item.get("kind") != "input"), {
            "kind": "input", "relationship": "inputTo", "title": title, "mime": source.mime,
            "summary": "What it starts from is not there any more, so its file is not part of the manifest."}]
        return []
    return [Ingredient(str(path), source.mime, title, relationship="inputTo", kind="input", object=uri)]


def _source(session: Session, media: Media) -> tuple[Media, str | None] | None:
    """(its file, the id of its post when everybody may see that); None when there is nothing to add."""
    row = session.get(Generation, media.generation_id) if media.generation_id is not None else None
    source = session.get(Media, row.input_media_id) if row is not None and row.input_media_id is not None else None
    if source is None:
        return None
    status = session.get(Status, source.status_id) if source.status_id is not None else None
    if status is None:
        return source, None
    own = media.status_id or 0
    if any(parent.parent_uri == status.uri for parent in lineage.parents_of(session, [own]).get(own, [])):
        return None
    return source, status.uri if status.visibility in SEEN else None
