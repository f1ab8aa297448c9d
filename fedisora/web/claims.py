"""Claims that authors make about their own files: `fedisora_claims` and `fedisora_wishes`, in the API and in forms."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import Invalid
from ..media.claims import from_upload, installed, keep_made
from ..models import Media
from ..provenance import claims
from ..provenance.registry import Registry
from ..store import claims as claim_rows
from .body import Params

if TYPE_CHECKING:
    from ..app import House

MOST_WISHES = 16
LONGEST_WISH = 500


def _json(given: Params, name: str, kind: type[Any], words: str) -> Any:
    """A parameter that is JSON, or text that holds JSON.

    Raises:
        Invalid: it is neither.
    """
    raw = given.raw(name)
    many = given.raws(name) if kind is list else []
    if many and all(isinstance(item, dict) for item in many):
        return many  # a JSON body's own array
    if isinstance(raw, str) and raw.strip():
        try:
            raw = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise Invalid(f"{name} is {words}, as JSON.", cause=error) from error
    if raw is None or raw == "":
        return kind()
    if not isinstance(raw, kind):
        raise Invalid(f"{name} is {words}, as JSON.")
    return raw


def given_claims(given: Params, known: Registry) -> list[dict[str, Any]]:
    """The claims of `fedisora_claims`, each standing by itself.

    Raises:
        Invalid: too many, too large or too deep; not an object; a number that cannot be signed; an unnamed vocabulary.
    """
    nodes = _json(given, "fedisora_claims", list, "an array of claims")
    if len(nodes) > claims.MOST:
        raise Invalid(f"A file may have {claims.MOST} claims at most.")
    found = []
    for node in nodes:
        if not isinstance(node, dict):
            raise Invalid("A claim is a JSON object.")
        reason = claims.storable(node)
        if reason:
            raise Invalid(reason)
        node = claims.contained(node, known.name(node))
        claims.body_of(node)
        found.append(node)
    return found


def given_wishes(given: Params) -> dict[str, str]:
    """What an author wishes, by name: `fedisora_wishes`, e.g. {"train-ai": "n"}; extensions make claims of it.

    Raises:
        Invalid: not an object of short texts.
    """
    found = _json(given, "fedisora_wishes", dict, "an object of texts")
    if len(found) > MOST_WISHES or not all(isinstance(value, str) and len(value) + len(name) <= LONGEST_WISH
                                           for name, value in found.items()):
        raise Invalid(f"fedisora_wishes is an object of up to {MOST_WISHES} short texts, as JSON.")
    return dict(found)


async def read(house: House, given: Params) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """(claims, wishes) of a request; call it before the file is taken in.

    Raises:
        Invalid: see `given_claims` and `given_wishes`.
    """
    if "fedisora_claims" not in given and "fedisora_wishes" not in given:
        return [], {}
    return given_claims(given, await installed(house.db)), given_wishes(given)


async def keep(house: House, actor_id: int, media_ids: Sequence[int], nodes: Sequence[Mapping[str, Any]],
               wishes: Mapping[str, str]) -> None:
    """Keep an author's claims on a file that is not posted yet, and what extensions make of the wishes. Twice is once.

    Raises:
        Invalid: there is no such file of theirs.
    """
    if not nodes and not wishes:
        return
    if not media_ids:
        raise Invalid("Claims are about a file: add one to the post.")
    media_id = media_ids[0]

    def find(session: Session) -> Media | None:
        return session.scalar(select(Media).where(Media.id == media_id, Media.actor_id == actor_id, Media.state != "remote"))

    media = await house.db.read(find)
    if media is None:
        raise Invalid("One of the files is not yours, or does not exist.")
    if media.status_id is not None:
        return  # posted: the same request again, or one that is refused for that
    made = await from_upload(house.db, {"description": media.description, "digital_source_type": media.digital_source_type,
                                        "wishes": dict(wishes)}) if wishes else ([], [])

    def insert(uow: UnitOfWork) -> None:
        row = find(uow.session)
        if row is not None and row.status_id is None:
            have = claim_rows.nodes_of(uow.session, media_id)
            new = [node for node in nodes if node not in have]
            if len(have) + len(new) + len(made[0]) > claims.MOST:
                raise Invalid(f"A file may have {claims.MOST} claims at most.")
            claim_rows.add(uow, row, new, after=len(have))
            made_now = [item for item in made[0] if item["claim"] not in have]
            keep_made(uow, row, (made_now, made[1]), after=len(have) + len(new))

    await house.db.write(insert)
