"""Consent on the wire: requests for a remix or a likeness, and the stamps that give it.

Source: vocabulary.md §4; FEP-044f (stamp pattern). Proofs are made and checked by `activitypub.integrity_proofs`;
here are the statements: who, about what, for which bytes, until when.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from .. import errors
from .record import parse_time, timestamp
from .verdict import origin

REMIX: Final = "RemixAuthorization"
LIKENESS: Final = "LikenessAuthorization"
STAMPS: Final = (REMIX, LIKENESS)
REQUESTS: Final = {REMIX: "RemixRequest", LIKENESS: "LikenessRequest"}
STAMP_TERMS: Final = (*STAMPS, "interactingObject", "interactionTarget", "digestMultibase")
REQUEST_TERMS: Final = (*REQUESTS.values(), "digestMultibase")


def build_request(
    kind: str, *, request_id: str, actor: str, owner: str, target: str, new_object: str, name: str, use: str,
    published: dt.datetime, digest: str | None = None,
) -> dict[str, Any]:
    """A RemixRequest or LikenessRequest without `@context` and proof.

    Args:
        kind: the stamp that is asked for, one of `STAMPS`.
        owner: who is asked (the addressee).
        target: the parent Note id (remix) or the owner's actor id (likeness).
        new_object: id of the Note to be.
        name: title of the video to be.
        use: the intended use, in words.
    """
    instrument: dict[str, Any] = {"type": "Video", "id": new_object, "name": name, "summary": use}
    if digest:
        instrument["digestMultibase"] = digest
    return {"id": request_id, "type": REQUESTS[kind], "actor": actor, "object": target, "to": [owner],
            "published": timestamp(published), "instrument": instrument}


def build_stamp(
    kind: str, *, stamp_id: str, owner: str, new_object: str, target: str, digest: str | None,
    end: dt.datetime | None = None,
) -> dict[str, Any]:
    """A stamp without `@context` and proof; the owner's key signs it.

    Raises:
        Invalid: a likeness stamp without the digest of the finished file, or for somebody else's face.
        FedisoraError: the stamp's id is not on the owner's origin.
    """
    if kind not in STAMPS or origin(stamp_id) is None or origin(stamp_id) != origin(owner):
        raise errors.FedisoraError(cause=f"cannot build a {kind} at {stamp_id!r} for {owner!r}")
    if kind == LIKENESS and not digest:
        raise errors.Invalid("A likeness is given for a finished file: its digest is missing.")
    if kind == LIKENESS and target != owner:
        raise errors.Invalid("Only the person shown can give this consent.")
    stamp: dict[str, Any] = {"id": stamp_id, "type": kind, "attributedTo": owner, "interactingObject": new_object,
                             "interactionTarget": target}
    if digest:
        stamp["digestMultibase"] = digest
    if end:
        stamp["endTime"] = timestamp(end)
    return stamp


def stamp_problems(
    stamp: Mapping[str, Any], *, kind: str, owner: str, new_object: str, target: str, digest: str | None,
    now: dt.datetime, stamp_id: str | None = None,
) -> list[str]:
    """Why a fetched stamp does not give this consent; empty when it does. The PROOF is checked separately.

    Args:
        owner: the actor that must have given it.
        new_object: id of the Note that shows the new video.
        target: the parent Note id (remix) or the owner's actor id (likeness).
        digest: `digestMultibase` of the file as served; None = not known, which no stamp with a digest fits.
        stamp_id: the URL it was fetched from, after redirects.
    """
    problems = []
    if stamp.get("type") != kind:
        problems.append(f"is not a {kind}")
    identifier = stamp.get("id")
    if origin(identifier) is None or origin(identifier) != origin(owner):
        problems.append("is not on its owner's origin")
    if stamp_id is not None and identifier != stamp_id:
        problems.append("was found at another address than its id")
    if stamp.get("attributedTo") != owner:
        problems.append("was not given by the owner")
    if stamp.get("interactingObject") != new_object:
        problems.append("is for another post")
    if stamp.get("interactionTarget") != target:
        problems.append("is about something else")
    stamped = stamp.get("digestMultibase")
    if stamped is None:
        if kind == LIKENESS:
            problems.append("does not name the file")
    elif stamped != digest:
        problems.append("is for another file")
    if "endTime" in stamp:
        end = parse_time(stamp["endTime"])
        if end is None or end <= now:
            problems.append("has run out")
    return problems
