"""What a file looks like, for people who may know: only posts that everybody may read are named."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from ...models import Media
from ...store import fingerprints

GOOD = ("verified", "verified-foreign-issuer")
UNSIGNED = "The file carries no signed record of how it was made. That says nothing about who or what made it."


def matches(session: Session, files: Sequence[Media]) -> dict[int, dict[str, Any]]:
    """By file: {"object", "url", "digital_source_type": of the other post, "distance": bits of 256, "frames": share,
    "watermark": bool, "answer": what the uploader says of it, `mine` | `remix` | `different` | None,
    "copy": whether nothing explains it, so that it is never called verified}."""
    found, copies = fingerprints.originals(session, files), fingerprints.copies(session, files)
    return {media.id: {
        "object": found[media.id][1].uri, "url": found[media.id][1].url or found[media.id][1].uri,
        "digital_source_type": found[media.id][0].digital_source_type,
        "distance": int((media.matched or {}).get("distance") or 0), "frames": (media.matched or {}).get("frames"),
        "watermark": bool((media.matched or {}).get("watermark")), "answer": (media.matched or {}).get("answer"),
        "copy": media.id in copies}
        for media in files if media.id in found}


def with_match(entity: dict[str, Any], match: dict[str, Any] | None) -> dict[str, Any]:
    """A media attachment with its match. A copy of a known video that its uploader signed here is `recovered`, not verified
    (vocabulary §5)."""
    entity["fedisora"]["match"] = match
    verdict = discreet(entity["fedisora"].get("verdict"), named=match is not None)
    if match is not None and match["copy"] and isinstance(verdict, dict) and verdict.get("verdict") in GOOD:
        summary = f"This looks like {match['url']} (recovered). {verdict.get('summary') or ''}".strip()
        verdict = verdict | {"verdict": "recovered", "summary": summary}
    entity["fedisora"]["verdict"] = verdict
    return entity


def discreet(verdict: Any, *, named: bool) -> Any:
    """A kept verdict as it may be shown now: one that names a post which may not be named any more says so no more."""
    if named or not isinstance(verdict, dict) or verdict.get("verdict") != "recovered":
        return verdict
    return {key: value for key, value in verdict.items() if key != "match"} | {"verdict": "unsigned", "summary": UNSIGNED}
