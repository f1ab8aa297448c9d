"""Rows of the panel "How was this made?" that tell of a file's origin: the label and whose word it is, uploads, parts, edits."""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import Invalid
from ...models import Actor, Media
from ...provenance import digital_source, foreign_labels
from ...provenance.edits import in_words
from ...services import declaration

CHOICES = {"captured": "Filmed or photographed", "edited": "Edited by a person", "ai-generated": "AI-generated",
           "mixed": "Changed by AI", "other": "Something else", "undeclared": "I do not say"}
"""What an uploader can say, in words."""
UNDECLARED = "Nobody has said how this was made."


@dataclass(frozen=True)
class Fact:
    """A row of evidence: what, its value, and how we know (`checked`, `only said` or nothing)."""

    what: str
    value: str
    how: str = ""
    small: str = ""
    mono: bool = False


def source(media: Media, how: str) -> Fact:
    """The label, and whose word it is.

    Args:
        how: how we know what the file's own record says.
    """
    found = digital_source.find(media.digital_source_type)
    small = f"IPTC: {found.uri.rpartition('/')[2]}" if found else ""
    if found is None:
        if media.label_source == "declared":
            return Fact("Source", "Its author says: something else, none of the kinds we have words for.", "only said")
        return Fact("Source", UNDECLARED)
    if media.label_source == "manifest" and media.storage_key is not None:
        upload = declaration.upload_of(media) or {}
        said = digital_source.find(upload.get("overruled"))
        words = f"{found.label}. The record that the upload came with says so"
        words += f"; its author says: {said.label}. What admits to more machine counts." if said else "."
        return Fact("Source", words, "only said", small)
    if media.label_source in ("declared", "peertube", "hashtag", "manifest", "remix"):
        words = foreign_labels.sentence(media.digital_source_type, media.label_source, media.generator)
        return Fact("Source", words, "only said", small)
    words = foreign_labels.label(media.digital_source_type, media.label_source, media.generator) or found.label
    return Fact("Source", words, "only said" if media.declared else how, small)


def origins(media: Media, author: Actor, how: str) -> list[Fact]:
    """What it was made from, what was done to it, and who answered for it then. `how`: see `source`."""
    facts = []
    for item in media.ingredients or ():
        if item.get("kind") == "upload":
            facts.append(_upload(item))
    for item in media.ingredients or ():
        if item.get("kind") != "upload" and item.get("title"):
            small = " · ".join(str(item[name]) for name in ("summary", "object") if item.get(name))
            facts.append(Fact("Made from", str(item["title"]), how, small))
    lines = in_words(media.edits or [])
    if lines:
        facts.append(Fact("Edits here", " ".join(lines), how))
    then = (media.record or {}).get("operator")
    if media.storage_key and isinstance(then, str) and then != author.operator_uri:
        facts.append(Fact("Answered for then by", then, how))
    return facts


def _upload(item: Mapping[str, Any]) -> Fact:
    signer = item.get("signer")
    by = str(signer.get("instance") or "") if isinstance(signer, Mapping) else ""
    found = digital_source.find(item.get("digitalSourceType"))
    small = " · ".join(part for part in (f"says: {found.label}" if found else "", f"signed by {by}" if by else "",
                                         str(item.get("object") or "")) if part)
    return Fact("The upload’s own record", str(item.get("summary") or ""), "checked", small)


def choices(media: Media) -> list[tuple[str, str]]:
    """What the author of a published file may still say about it: (value, words); [] when everything is said."""
    if media.state != "signed":
        return []
    found = []
    for value, words in CHOICES.items():
        try:
            declaration.allowed(media, value)
        except Invalid:
            continue
        found.append((value, words))
    return found


def file_name(author: Actor, title: str, media: Media) -> str:
    """The name to keep a file by: author, title, its own ending."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    ending = (media.storage_key or "").rpartition(".")[2] or media.mime.partition("/")[2] or "bin"
    return f"{author.username}-{slug or media.id}.{ending}"
