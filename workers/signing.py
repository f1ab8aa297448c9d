"""Signing a file of a post. What is known before the signature goes into the file; the digest and the stamps come after.

The order: the file → its ingredients (what it was made from) → soft bindings → claims of extensions → the C2PA signature, last
→ the verdict on what came out. Source: vocabulary.md §2.

Other rooms add what they know by a function in one of the three tables below. Each is awaited once for every signature, may not
write the file, and is called again when a signing is repeated after a crash.
"""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session

from fedisora.activitypub.digest import digest_multibase
from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError, Invalid
from fedisora.media.digest import file_digest
from fedisora.media.process import run_media
from fedisora.models import Actor, Generation, Media, Status
from fedisora.provenance import digital_source
from fedisora.provenance import manifest as manifests
from fedisora.provenance.edits import MARK_SECONDS, action, is_marked, marking
from fedisora.provenance.manifest import Ingredient
from fedisora.provenance.record import Generator, ProvenanceRecord, maker
from fedisora.provenance.secrecy import mentions, without
from fedisora.services import declaration, renditions
from fedisora.storage.store import new_key
from fedisora.store import keys as key_rows

from . import cameo_parts, claims, durable, generation_inputs, remix_parents
from .files import keep, keep_while, scratch

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
TITLE = 80
MARKED = (digital_source.TRAINED, digital_source.COMPOSITE_TRAINED)
"""What gets a burnt-in mark where the operator wants one."""
TRANSCODE_SECONDS = 1800.0

Parents = Callable[["House", Media, Path], Awaitable[list[Ingredient]]]
Bindings = Callable[["House", Media, Path], Awaitable[list[str]]]
Claims = Callable[["House", Media], Awaitable[list[dict[str, Any]]]]

PARENTS: tuple[Parents, ...] = (remix_parents.parents, generation_inputs.inputs, cameo_parts.people)
"""(house, media, folder): the files it was made from, fetched into the folder, with `kind` and (of posts) `object` set."""
BINDINGS: tuple[Bindings, ...] = (durable.soft_bindings,)
"""(house, media, path of the file as it will be signed): codes by which it is recognised without its manifest, `ISCC:…`,
`fs-wm:…`."""
CLAIMS: tuple[Claims, ...] = (claims.claims_for,)
"""(house, media): nodes in the namespaces of extensions, each with its own `@context`; they go into the file as they are."""


async def sign(house: House, status: Status, media: Media) -> None:
    """Sign a file that is `ready` for its post; it is `signed` afterwards and never again a draft."""
    actor, secret = await house.db.read(lambda session: (session.get_one(Actor, status.actor_id), _secret(session, media)))
    async with scratch() as folder:
        source = await _fetched(house, str(media.storage_key), folder)
        ingredients = in_order([*await _upload(house, media, folder), *await _all(PARENTS, house, media, folder)])
        source, edits = await _marked(house, media, watermarked(media), media.digital_source_type, source)
        keys, who = _keys(media), media.record if media.record is not None else maker(actor.kind, actor.operator_uri)
        record = ProvenanceRecord(
            object_id=status.uri, actor=actor.uri, actor_kind=who.get("actorKind"), operator=who.get("operator"),
            record_url=house.uris.record(media.id), manifest_url=house.uris.media(keys[1]), provider=house.uris.base,
            created=media.created_at, digital_source_type=media.digital_source_type,
            generator=Generator.from_json(media.generator) if media.generator else None,
            ingredients=tuple(item.object for item in ingredients if item.object and item.path),
            soft_binding=tuple(dict.fromkeys([*media.soft_binding, *await _all(BINDINGS, house, media, source)])),
            edits=tuple(edits), claims=tuple(await _all(CLAIMS, house, media)))
        record = discreet(record, secret)
        try:
            values = await _seal(house, media, actor, record, source, ingredients, folder, keys)
        except Invalid as error:
            if not ingredients:
                raise FedisoraError("This file could not be signed.", cause=error) from error
            # libc2pa will not sign over some broken records: then what it was made from is named without them
            log.warning("a record of an ingredient cannot be kept in ours", media=media.id, reason=str(error))
            ingredients = [_bare(item, source, media.mime) for item in ingredients]
            values = await _seal(house, media, actor, record, source, ingredients, folder, keys)
    values |= {"soft_binding": list(record.soft_binding), "edits": list(record.edits)}
    old = [key for key in (media.storage_key, media.upload_key) if key]

    def write(uow: UnitOfWork) -> bool:
        row = keep_while(uow, media.id, ("ready",), **values)
        if row is not None:
            _list(row, ingredients)
        return row is not None

    if await house.db.write(write):
        await asyncio.to_thread(house.storage.delete, old)
        await check(house, media)
    else:  # a worker that was taken for dead, or is it this one? What was published first stays
        await asyncio.to_thread(house.storage.delete, [values["storage_key"], values["manifest_key"]])


async def sign_again(house: House, media: Media, choice: str) -> None:
    """Sign a published file with a label that its author gave later: the file as it was becomes the parent of the new one.

    Who made it, of what kind and for whom stays as it was at creation.
    """
    actor = await house.db.read(lambda session: session.get_one(Actor, media.actor_id))
    source_type = digital_source.declare(choice)
    async with scratch() as folder:
        former = await _fetched(house, str(media.storage_key), folder)
        source, edits = await _marked(house, media, media.edits, source_type, former)
        word = action("c2pa.edited.metadata", house.db.clock(), description="Its author said later how it was made.")
        keys, new = _keys(media), [*edits[len(media.edits):], word]
        record = ProvenanceRecord.from_assertion(media.record or {}, house.uris.media(keys[1])).having(
            digital_source_type=source_type, edits=tuple(new), soft_binding=tuple(media.soft_binding))
        ingredient = Ingredient(path=str(former), mime=media.mime, title="before", kind="version")
        values = await _seal(house, media, actor, record, source, [ingredient], folder, keys)
    values |= {"digital_source_type": source_type, "label_source": "declared", "declared": True, "edits": [*media.edits, *new],
               "verdict": None, "verdict_at": None}  # what was found out about the former file is not about this one
    old = [key for key in (media.storage_key, media.manifest_key) if key]

    def write(uow: UnitOfWork) -> None:
        row = keep(uow, media.id, **values)
        renditions.forget(uow, row)  # they say what was said before
        declaration.changed(uow, row, old)
        renditions.plan(uow, row)

    await house.db.write(write)
    await check(house, media)


def watermarked(media: Media) -> list[dict[str, Any]]:
    """The edit history with the invisible watermark that was put in when the file was encoded."""
    name = "c2pa.watermarked.bound"
    if media.watermark is None or any(edit.get("action") == name for edit in media.edits):
        return list(media.edits)
    return [*media.edits, action(name, media.created_at)]


async def check(house: House, media: Media) -> None:
    """Look at a signed file as anybody would, and keep the verdict."""
    verdict = await house.verifier.check_media(media.id)
    log.info("signed", media=media.id, verdict=verdict["verdict"])


def transcode_seconds(house: House) -> float:
    """How long encoding a video may take: ten times its own length, half an hour at least."""
    return max(TRANSCODE_SECONDS, 10 * house.settings.max_video_seconds)


async def _fetched(house: House, key: str, folder: Path) -> Path:
    path = folder / f"source{Path(key).suffix}"
    await asyncio.to_thread(house.storage.get_to, key, path)
    return path


def mark_for(house: House, *source_types: str | None) -> dict[str, Any] | None:
    """The mark that is burnt into a video so labelled, as `media` op `transcode` wants it; None when none is."""
    entry = digital_source.find(digital_source.stricter(*source_types))
    if not house.settings.burnt_in_mark or entry is None or entry.uri not in MARKED:
        return None
    return {"text": entry.label, "seconds": MARK_SECONDS}


async def _marked(house: House, media: Media, edits: Sequence[dict[str, Any]], source_type: str | None, source: Path,
                  ) -> tuple[Path, list[dict[str, Any]]]:
    """The file with its burnt-in mark when it is to have one and has none, and the edit history with it."""
    mark = mark_for(house, source_type)
    if mark is None or media.kind != "video" or is_marked(edits):
        return source, list(edits)
    output = source.with_name(f"marked{source.suffix}")
    request = {"path": str(source), "output": str(output), "mark": mark, "longest": house.settings.max_video_seconds,
               "copy_sound": True}
    await run_media("transcode", request, timeout=transcode_seconds(house))
    return output, [*edits, marking(mark["text"], house.db.clock())]


async def _seal(house: House, media: Media, actor: Actor, record: ProvenanceRecord, source: Path,
                ingredients: Sequence[Ingredient], folder: Path, keys: tuple[str, str]) -> dict[str, Any]:
    """Write the manifest into a copy of the file, store both, and answer the columns that say so."""
    signed, sidecar = await sealed(house, media, actor, record, source, ingredients, folder)
    digest, size = await asyncio.to_thread(file_digest, signed)
    await asyncio.to_thread(house.storage.put_file, keys[0], signed)
    await asyncio.to_thread(house.storage.put_file, keys[1], sidecar)
    return {"state": "signed", "storage_key": keys[0], "manifest_key": keys[1], "digest": digest_multibase(digest), "size": size,
            "record": record.to_assertion(), "upload_key": None}


async def sealed(house: House, media: Media, actor: Actor, record: ProvenanceRecord, source: Path,
                 ingredients: Sequence[Ingredient], folder: Path) -> tuple[Path, Path]:
    """A copy of a file with its manifest in it, and the manifest alone, both in `folder`.

    Raises:
        Invalid: libc2pa will not sign it.
    """
    key, chain = await house.db.read(lambda session: key_rows.c2pa_key(session, house.vault, actor))
    signed, sidecar = folder / f"signed{source.suffix}", folder / "manifest.c2pa"
    await run_media("sign", {
        "path": str(source), "output": str(signed), "sidecar": str(sidecar), "mime": media.mime,
        "manifest": manifests.build(record, ingredients=ingredients, title=media.description[:TITLE]),
        "ingredients": [vars(item) for item in ingredients], "key": key_rows.pem(key), "chain": chain}, timeout=300)
    return signed, sidecar


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


def _list(media: Media, ingredients: Sequence[Ingredient]) -> None:
    """Name the posts that a file was made from in its row, where whoever fetched them has not done it."""
    known = {item.get("object") for item in media.ingredients}
    media.ingredients = [*media.ingredients, *(
        {"kind": item.kind, "relationship": item.relationship, "title": item.title, "object": item.object, "mime": item.mime}
        for item in ingredients if item.object and item.object not in known)]


def discreet(record: ProvenanceRecord, secret: str | None) -> ProvenanceRecord:
    """The record as it may be signed: nothing in it tells a prompt that its author keeps private."""
    if secret is None:
        return record
    kept = tuple(claim for claim in record.claims if not mentions(claim, secret))
    edits = tuple(edit for edit in record.edits if not mentions(edit, secret))
    generator = record.generator and replace(record.generator, parameters=without(record.generator.parameters, secret))
    if len(kept) < len(record.claims) or len(edits) < len(record.edits) or generator != record.generator:
        log.warning("something would have told a private prompt; left out", record=record.record_url)
    return record.having(claims=kept, edits=edits, generator=generator)


def _secret(session: Session, media: Media) -> str | None:
    """The prompt of a generated file whose author keeps it private."""
    if media.generation_id is None or "promptCommitment" not in (media.generator or {}):
        return None
    generation = session.get(Generation, media.generation_id)
    return generation.prompt if generation is not None else None


async def _upload(house: House, media: Media, folder: Path) -> list[Ingredient]:
    """The file as uploaded, when it came with Content Credentials of its own: they stay inside ours, failures and all."""
    upload = declaration.upload_of(media)
    if upload is None or not media.upload_key:
        return []
    original = folder / "original"
    await asyncio.to_thread(house.storage.get_to, media.upload_key, original)
    return [Ingredient(path=str(original), mime=str(upload["mime"]), title="upload", kind="upload")]


def _bare(item: Ingredient, source: Path, mime: str) -> Ingredient:
    """An ingredient whose record is broken, by the bytes that are signed: nothing its record says is passed on."""
    if not item.path:
        return item
    return replace(item, path=str(source), mime=mime, title=f"{item.title}, its own record is damaged")
