"""The file a remix was made from, for its manifest: from the storage, or fetched from its own server and compared."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session

from fedisora.activitypub.digest import digest_multibase
from fedisora.errors import FedisoraError, NotFound, RemoteUnavailable
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
_SUFFIX = {"video/mp4": ".mp4", "image/webp": ".webp", "image/jpeg": ".jpg", "image/png": ".png"}


async def parents(house: House, media: Media, folder: Path) -> list[Ingredient]:
    """The parents of a file that is about to be signed, lying in `folder`: at most one, as `parentOf`.

    What is known of each parent is kept in `media.ingredients` (kind `remix`), also of one that cannot be had or whose bytes
    are not those that its post names: such a one is not put into the manifest, but never passed over in silence.
    """
    if media.status_id is None:
        return []
    found = await house.db.read(lambda session: _parents(session, media.status_id or 0))
    ingredients: list[Ingredient] = []
    entries: list[dict[str, Any]] = []
    for index, (row, parent, title) in enumerate(found):
        entry: dict[str, Any] = {"kind": "remix", "relationship": "parentOf", "title": title, "object": row.parent_uri}
        entries.append(entry)
        if parent is None:
            entry["summary"] = "The original is not known here any more, so its file is not part of the manifest."
            continue
        entry |= {"mime": parent.mime or "video/mp4"} | (
            {"digitalSourceType": parent.digital_source_type} if parent.digital_source_type else {})
        if parent.verdict:
            entry["verdict"] = str(parent.verdict.get("verdict") or "")
            signer = parent.verdict.get("signer")
            if isinstance(signer, dict):
                entry["signer"] = signer
        path = folder / f"parent-{index}{_SUFFIX.get(parent.mime, '.mp4')}"
        problem = await _fetch(house, parent, path)
        if problem:
            entry["summary"] = problem
        elif any(item.relationship == "parentOf" for item in ingredients):
            entry["relationship"] = "componentOf"
            ingredients.append(Ingredient(str(path), entry["mime"], title, "componentOf"))
        else:
            ingredients.append(Ingredient(str(path), entry["mime"], title, "parentOf"))
    if entries:
        await house.db.write(lambda uow: _keep(uow.session, media.id, entries))
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


async def _fetch(house: House, parent: Media, path: Path) -> str:
    """Put a parent's file at `path`; why it cannot be used, in a sentence, else ""."""
    try:
        if parent.storage_key:
            await asyncio.to_thread(house.storage.get_to, parent.storage_key, path)
        elif parent.remote_url:
            await _download(house, parent.remote_url, path)
        else:
            return "The file of the original is not there any more."
    except (FedisoraError, OSError) as error:
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


def _keep(session: Session, media_id: int, entries: list[dict[str, Any]]) -> None:
    row = session.get(Media, media_id)
    if row is None:
        raise NotFound
    row.ingredients = [item for item in row.ingredients if item.get("kind") != "remix"] + entries
