"""The file a remix was made from, for its manifest: from the storage, or fetched from its own server and compared."""
from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session

from fedisora.activitypub.digest import digest_multibase
from fedisora.errors import FedisoraError, RemoteUnavailable
from fedisora.media.digest import file_digest
from fedisora.models import Lineage, Media
from fedisora.provenance.manifest import Ingredient
from fedisora.store import lineage, statuses
from fedisora.store import media as media_rows

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
MOST_BYTES = 300 << 20
SECONDS = 120.0
TRIES = 2
PATIENCE = dt.timedelta(hours=1)
"""For so long a silent server is waited for: what is signed without its parent stays so. Less than the tries of a job take."""
_SUFFIX = {"video/mp4": ".mp4", "image/webp": ".webp", "image/jpeg": ".jpg", "image/png": ".png"}


async def parents(house: House, media: Media, folder: Path) -> list[Ingredient]:
    """The files of the posts that a file about to be signed was made from, lying in `folder`.

    One that cannot be had, or whose bytes are not those that its post names, is not put into the manifest but never passed over
    in silence: it is listed in `media.ingredients` with a sentence that says why (whoever signs keeps that column).

    Raises:
        RemoteUnavailable: a server is silent now, and the remix is younger than `PATIENCE`: to be tried again.
    """
    if media.status_id is None:
        return []
    found = await house.db.read(lambda session: _parents(session, media.status_id or 0))
    ingredients: list[Ingredient] = []
    missing: list[dict[str, Any]] = []
    for index, (row, parent, title) in enumerate(found):
        path = folder / f"parent-{index}{_SUFFIX.get(parent.mime if parent is not None else '', '.mp4')}"
        young = house.db.clock() < row.created_at + PATIENCE
        problem = await _fetch(house, parent, path, patient=young) if parent is not None else (
            "The original is not known here any more, so its file is not part of the manifest.")
        if parent is None or problem:
            entry = {"kind": "remix", "relationship": "parentOf", "title": title, "object": row.parent_uri, "summary": problem}
            if parent is not None and parent.digital_source_type:
                entry["digitalSourceType"] = parent.digital_source_type
            missing.append(entry)
        else:
            ingredients.append(Ingredient(str(path), parent.mime or "video/mp4", title, kind="remix", object=row.parent_uri))
    if missing:
        media.ingredients = [*(item for item in media.ingredients if item.get("kind") != "remix"), *missing]
    return ingredients


def _parents(session: Session, status_id: int) -> list[tuple[Lineage, Media | None, str]]:
    """(row, the parent's file, its title) of every parent of a post."""
    found: list[tuple[Lineage, Media | None, str]] = []
    for row in lineage.parents_of(session, [status_id]).get(status_id, []):
        if row.kind != lineage.REMIX:
            continue
        parent = statuses.by_uri(session, row.parent_uri)
        files = media_rows.of_statuses(session, [parent.id]).get(parent.id, []) if parent is not None else []
        shown = next((item for item in files if item.kind in ("video", "image")), None)
        found.append((row, shown, (shown.description if shown is not None else "")[:80] or "the original"))
    return found


async def _fetch(house: House, parent: Media, path: Path, *, patient: bool) -> str:
    """Put a parent's file at `path`; why it cannot be used, in a sentence, else "". `patient`: raises where it may still come."""
    try:
        if parent.storage_key:
            await asyncio.to_thread(house.storage.get_to, parent.storage_key, path)
        elif parent.remote_url:
            await _download(house, parent.remote_url, path)
        else:
            return "The file of the original is not there any more."
    except (FedisoraError, OSError) as error:
        if patient and isinstance(error, RemoteUnavailable):
            raise
        log.info("the file of an original cannot be had", media=parent.id, reason=str(error))
        return "The file of the original could not be fetched from its server."
    digest = digest_multibase((await asyncio.to_thread(file_digest, path))[0])
    if parent.digest is not None and digest != parent.digest:
        await asyncio.to_thread(path.unlink)
        return "The file at the original's address is not the one that its post names."
    return ""


async def _download(house: House, url: str, path: Path) -> None:
    for left in reversed(range(TRIES)):
        try:
            await house.client.download(url, path, max_bytes=MOST_BYTES, deadline=SECONDS)
        except RemoteUnavailable:
            if not left:
                raise
        else:
            return
