"""What a file looks like, for people who may know: only posts that everybody may read are named."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from ...models import Media
from ...store import fingerprints

UNSIGNED = "The file carries no signed record of how it was made. That says nothing about who or what made it."


def matches(session: Session, files: Sequence[Media]) -> dict[int, dict[str, Any]]:
    """By file: {"object", "url", "digital_source_type": of the other post, "distance": bits of 256, "frames": share,
    "watermark": bool, "answer": what the uploader says of it, `mine` | `remix` | `different` | None}."""
    found = fingerprints.originals(session, files)
    return {media.id: {
        "object": found[media.id][1].uri, "url": found[media.id][1].url or found[media.id][1].uri,
        "digital_source_type": found[media.id][0].digital_source_type,
        "distance": int((media.matched or {}).get("distance") or 0), "frames": (media.matched or {}).get("frames"),
        "watermark": bool((media.matched or {}).get("watermark")), "answer": (media.matched or {}).get("answer")}
        for media in files if media.id in found}


def with_match(entity: dict[str, Any], match: dict[str, Any] | None) -> dict[str, Any]:
    """A media attachment with its match."""
    entity["fedisora"]["match"] = match
    entity["fedisora"]["verdict"] = discreet(entity["fedisora"].get("verdict"), named=match is not None)
    return entity


def discreet(verdict: Any, *, named: bool) -> Any:
    """A kept verdict as it may be shown now: one that names a post which may not be named any more says so no more."""
    if named or not isinstance(verdict, dict) or verdict.get("verdict") != "recovered":
        return verdict
    return {key: value for key, value in verdict.items() if key != "match"} | {"verdict": "unsigned", "summary": UNSIGNED}
