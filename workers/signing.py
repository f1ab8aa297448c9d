"""Signing a file of a post. What is known before the signature goes into the file; the digest and the stamps come after.

The order: the file → its ingredients (what it was made from) → soft bindings → claims of extensions → the C2PA signature, last
→ the verdict on what came out. Source: vocabulary.md §2.

Other rooms add what they know by a function in one of the three tables below. Each is awaited once for every signature, may not
write the file, and is called again when a signing is repeated after a crash.
"""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session

from fedisora.activitypub.digest import digest_multibase
from fedisora.media.digest import file_digest
from fedisora.media.process import run_media
from fedisora.models import Actor, Generation, Media, Status
from fedisora.provenance import manifest as manifests
from fedisora.provenance.manifest import Ingredient
from fedisora.provenance.record import Generator, ProvenanceRecord, plain
from fedisora.provenance.secrecy import mentions
from fedisora.storage.store import new_key
from fedisora.store import keys as key_rows

from .files import keep, scratch

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
KINDS = {"human": "fs:Human", "agent": "fs:AIAgent"}
TITLE = 80

Parents = Callable[["House", Media, Path], Awaitable[list[Ingredient]]]
Bindings = Callable[["House", Media, Path], Awaitable[list[str]]]
Claims = Callable[["House", Media, ProvenanceRecord], Awaitable[list[dict[str, Any]]]]

PARENTS: tuple[Parents, ...] = ()
"""(house, media, folder): the files of the posts it was made from, fetched into the folder, with `kind` and `object` set."""
BINDINGS: tuple[Bindings, ...] = ()
"""(house, media, path of the file as it will be signed): codes by which it is recognised without its manifest, `ISCC:…`,
`fs-wm:…`."""
CLAIMS: tuple[Claims, ...] = ()
"""(house, media, its record so far): nodes in the namespaces of extensions, each with its own `@context`."""


async def sign(house: House, status: Status, media: Media) -> None:
    """Sign a file that is `ready` for its post; it is `signed` afterwards and never again a draft."""
    actor, secret = await house.db.read(lambda session: (session.get_one(Actor, status.actor_id), _secret(session, media)))
    async with scratch() as folder:
        source = folder / f"source{Path(str(media.storage_key)).suffix}"
        await asyncio.to_thread(house.storage.get_to, str(media.storage_key), source)
        ingredients = [*await _upload(house, media, folder), *await _all(PARENTS, house, media, folder)]
        ingredients = in_order(ingredients)
        new, sidecar_key = _keys(media)
        record = ProvenanceRecord(
            object_id=status.uri, actor=actor.uri, actor_kind=KINDS.get(actor.kind or ""), operator=actor.operator_uri,
            record_url=house.uris.record(media.id), manifest_url=house.uris.media(sidecar_key), provider=house.uris.base,
            created=media.created_at, digital_source_type=media.digital_source_type,
            generator=Generator.from_json(media.generator) if media.generator else None,
            ingredients=tuple(item.object for item in ingredients if item.object),
            soft_binding=tuple(dict.fromkeys([*media.soft_binding, *await _all(BINDINGS, house, media, source)])),
            edits=tuple(media.edits))
        record = with_claims(record, await _all(CLAIMS, house, media, record), secret)
        values = await _seal(house, media, actor, record, source, ingredients, folder, (new, sidecar_key))
    values |= {"soft_binding": list(record.soft_binding), "ingredients": [*media.ingredients, *_listed(ingredients)]}
    old = [key for key in (media.storage_key, media.upload_key) if key]
    await house.db.write(lambda uow: keep(uow, media.id, **values))
    await asyncio.to_thread(house.storage.delete, old)
    verdict = await house.verifier.check_media(media.id)
    log.info("signed", media=media.id, verdict=verdict["verdict"], size=values["size"])


async def _seal(house: House, media: Media, actor: Actor, record: ProvenanceRecord, source: Path,
                ingredients: Sequence[Ingredient], folder: Path, keys: tuple[str, str]) -> dict[str, Any]:
    """Write the manifest into a copy of the file, store both, and answer the columns that say so."""
    key, chain = await house.db.read(lambda session: key_rows.c2pa_key(session, house.vault, actor))
    signed, sidecar = folder / f"signed{source.suffix}", folder / "manifest.c2pa"
    await run_media("sign", {
        "path": str(source), "output": str(signed), "sidecar": str(sidecar), "mime": media.mime,
        "manifest": manifests.build(record, ingredients=ingredients, title=media.description[:TITLE]),
        "ingredients": [vars(item) for item in ingredients], "key": key_rows.pem(key), "chain": chain}, timeout=300)
    digest, size = await asyncio.to_thread(file_digest, signed)
    await asyncio.to_thread(house.storage.put_file, keys[0], signed)
    await asyncio.to_thread(house.storage.put_file, keys[1], sidecar)
    return {"state": "signed", "storage_key": keys[0], "manifest_key": keys[1], "digest": digest_multibase(digest), "size": size,
            "record": record.to_assertion(), "upload_key": None}


def _keys(media: Media) -> tuple[str, str]:
    """Fresh storage keys of the signed file and its sidecar: a served file never changes under its address."""
    new = new_key(media.id, Path(str(media.storage_key)).suffix)
    return new, str(Path(new).with_suffix(".c2pa"))


async def _all(functions: Sequence[Callable[..., Awaitable[list[Any]]]], *arguments: Any) -> list[Any]:
    return [item for function in functions for item in await function(*arguments)]


def in_order(ingredients: Sequence[Ingredient]) -> list[Ingredient]:
    """The ingredients with one parent at most, which C2PA demands: the first stays it, later ones are components."""
    found: list[Ingredient] = []
    for item in ingredients:
        taken = any(other.relationship == "parentOf" for other in found)
        found.append(item.as_component() if taken and item.relationship == "parentOf" else item)
    return found


def _listed(ingredients: Sequence[Ingredient]) -> list[dict[str, Any]]:
    """Rows of `Media.ingredients` for posts that a file was made from; an upload's own was listed when it came."""
    return [{"kind": item.kind, "relationship": item.relationship, "title": item.title, "object": item.object, "mime": item.mime}
            for item in ingredients if item.object]


def with_claims(record: ProvenanceRecord, claims: Sequence[dict[str, Any]], secret: str | None) -> ProvenanceRecord:
    """The record with the claims, less those that would tell a prompt its author keeps private."""
    kept = [plain(claim) for claim in claims if secret is None or not mentions(claim, secret)]
    if len(kept) < len(claims):
        log.warning("a claim would have told a private prompt; left out", record=record.record_url)
    return record.having(claims=tuple(kept))


def _secret(session: Session, media: Media) -> str | None:
    """The prompt of a generated file whose author keeps it private."""
    if media.generation_id is None or "promptCommitment" not in (media.generator or {}):
        return None
    generation = session.get(Generation, media.generation_id)
    return generation.prompt if generation is not None else None


async def _upload(house: House, media: Media, folder: Path) -> list[Ingredient]:
    """The file as uploaded, when it came with Content Credentials of its own: they stay inside ours."""
    if not media.upload_key:
        return []
    original = folder / "original"
    await asyncio.to_thread(house.storage.get_to, media.upload_key, original)
    found = await run_media("read", {"path": str(original), "anchors": {}}, timeout=60)
    if found.get("report") is None:
        return []
    return [Ingredient(path=str(original), mime=str(found["mime"]), title="upload", kind="upload")]
