"""Whom a file shows, for its manifest: the person's name and address, and no byte of their likeness."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from fedisora.models import Media
from fedisora.provenance.manifest import Ingredient
from fedisora.services.cameos.publishing import handle_of
from fedisora.store import actors, lineage

if TYPE_CHECKING:
    from fedisora.app import House

TITLE = "Likeness of {}"


async def people(house: House, media: Media, folder: Path) -> list[Ingredient]:
    """An ingredient `componentOf` without a file for everybody whom a post shows by their consent."""
    def find(session: Session) -> list[Ingredient]:
        rows = lineage.parents_of(session, [media.status_id or 0]).get(media.status_id or 0, [])
        found = []
        for row in rows:
            person = actors.by_uri(session, row.parent_uri) if row.kind == lineage.CAMEO else None
            if person is not None:
                found.append(Ingredient("", media.mime, TITLE.format(handle_of(person, house.uris.host)),
                                        relationship="componentOf", kind="cameo", object=person.uri))
        return found

    return await house.db.read(find) if media.status_id is not None else []
