"""Files of posts: ours as attachments (vocabulary §1 and §2), and others' attachments as values.

What does not hold is left out, never an error: somebody else wrote it (Mastodon's MediaAttachmentParser does the same).
"""
from __future__ import annotations

import dataclasses
import math
import mimetypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from ...activitypub import markup, parse
from ...models import Media
from ...provenance import foreign_labels
from ...provenance.record import ProvenanceRecord, from_attachment, plain, texts
from ...store.captions import RemoteCaption
from ...store.records import NOTHING, Beside
from ...uris import Uris
from . import subtitles

SOFTWARE_URL = "https://fedisora.example/"
MAX_ATTACHMENTS = 16
MAX_READ = 1000
"""Attachments looked at, for the first `MAX_ATTACHMENTS` that are files."""
BEST_HEIGHT = 1080
"""Of several sizes of a video, the best that is not higher."""
_KINDS = {"video": "video", "image": "image", "audio": "audio"}
_TYPES = {"Video": "video", "Image": "image", "Audio": "audio"}
_PLAYLIST = "application/x-mpegurl"
_BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_NUMBER = re.compile(r"-?\d(?:\.\d{1,20})?\Z", re.ASCII)


def duration_text(seconds: float) -> str:
    """PT5S, PT5.25S: xsd:duration without exponent or trailing zeros."""
    text = f"{seconds:.3f}".rstrip("0").rstrip(".")
    return f"PT{text or '0'}S"


def _picture(url: str, mime: str = "image/webp") -> dict[str, Any]:
    return {"type": "Image", "mediaType": mime, "url": url}


def record_of(media: Media, uris: Uris, beside: Beside = NOTHING) -> ProvenanceRecord | None:
    """The whole record of one of our files: as it was signed, with the digest and what stands beside it; None: not signed."""
    if not media.manifest_key:
        return None
    manifest = uris.media(media.manifest_key)
    signed = ProvenanceRecord.from_assertion(media.record, manifest) if media.record else ProvenanceRecord(
        "", "", None, None, uris.record(media.id), manifest, uris.base, media.created_at, None)
    return signed.having(
        digital_source_type=media.digital_source_type, claims=beside.claims or signed.claims, ingredients=beside.based_on,
        soft_binding=tuple(media.soft_binding or ()), edits=tuple(media.edits or ()), digest_multibase=media.digest,
        size=media.size, remix_authorizations=beside.remix_authorizations,
        likeness_authorizations=beside.likeness_authorizations)


def attachment(media: Media, uris: Uris, beside: Beside = NOTHING) -> dict[str, Any]:
    """One file of a local post, with its provenance (vocabulary §1 and §2)."""
    node: dict[str, Any] = {
        "type": "Video" if media.kind == "video" else "Image" if media.kind == "image" else "Document",
        "url": uris.media(media.storage_key or ""), "mediaType": media.mime, "name": media.description,
        "summary": media.description}
    for name, value in (("width", media.width), ("height", media.height), ("size", media.size),
                        ("blurhash", media.blurhash), ("digestMultibase", media.digest)):
        if value:
            node[name] = value
    if media.duration:
        node["duration"] = duration_text(media.duration)
    if media.focus_x or media.focus_y:
        node["focalPoint"] = [plain(media.focus_x), plain(media.focus_y)]
    else:
        node["focalPoint"] = [0, 0]
    if media.poster_key:
        node["icon"] = _picture(uris.media(media.poster_key))
    if media.digital_source_type:
        node["digitalSourceType"] = media.digital_source_type
    generator = media.generator or {}
    if generator.get("name"):
        node["generator"] = {"type": "Application", "name": generator["name"], "url": SOFTWARE_URL,
                             "softwareVersion": str(generator.get("revision") or generator.get("model") or "")}
    spoken = subtitles.to_activitypub(beside.captions, uris)
    if spoken:
        node["subtitleLanguage"] = spoken
    record = record_of(media, uris, beside)
    if record is not None:
        node |= record.to_attachment()
    return node


@dataclass(frozen=True)
class MediaData:
    """One file of a remote post."""

    kind: str
    mime: str
    url: str
    poster: str | None
    description: str
    width: int | None
    height: int | None
    duration: float | None
    size: int | None
    blurhash: str | None
    focus: tuple[float, float]
    digest: str | None
    digital_source_type: str | None
    generator: dict[str, Any] | None
    record: dict[str, Any] | None
    manifest_url: str | None
    soft_binding: tuple[str, ...] = ()
    based_on: tuple[str, ...] = ()
    remix_authorizations: tuple[str, ...] = ()
    likeness_authorizations: tuple[str, ...] = ()
    claims: tuple[dict[str, Any], ...] = ()
    captions: tuple[RemoteCaption, ...] = ()
    label_source: str | None = None
    """Where `digital_source_type` is known from, one of `foreign_labels.SOURCES`."""


def valid_blurhash(value: object) -> str | None:
    """A blurhash of at most 5 × 5 components, else None (Mastodon's `supported_blurhash?`)."""
    if not isinstance(value, str) or not 6 <= len(value) <= 4 + 2 * 25 or any(letter not in _BASE83 for letter in value):
        return None
    flag = _BASE83.index(value[0])
    across, down = flag % 9 + 1, flag // 9 + 1
    return value if across <= 5 and down <= 5 and len(value) == 4 + 2 * across * down else None


def _focus(value: object) -> tuple[float, float]:
    """Two numbers (we write them as text: JCS), clamped; the middle for anything else."""
    if not isinstance(value, list) or len(value) != 2:
        return 0.0, 0.0
    found: list[float] = []
    for item in value:
        if isinstance(item, str) and _NUMBER.match(item):
            item = float(item)
        if isinstance(item, bool) or not isinstance(item, int | float) or not math.isfinite(item):
            return 0.0, 0.0
        found.append(max(-1.0, min(1.0, float(item))))
    return found[0], found[1]


def _mime(link: dict[str, Any]) -> str:
    value = link.get("mediaType") or link.get("mimeType")  # Funkwhale writes the latter
    return value.partition(";")[0].strip().lower()[:80] if isinstance(value, str) else ""


def _is_media(mime: str) -> bool:
    return mime.partition("/")[0] in _KINDS or mime == _PLAYLIST


def _all_links(value: object) -> Iterator[dict[str, Any]]:
    """Links of a `url`, and those that a playlist's Link lists in `tag` (PeerTube's HLS)."""
    for link in islice(parse.links_of(value), 100):
        yield link
        if _mime(link) == _PLAYLIST:
            yield from islice(parse.links_of(link.get("tag")), 50)


def choose_link(value: object) -> dict[str, Any] | None:
    """The Link to play or show: of several mp4 files the best of at most 1080 lines, then any other file, then a playlist."""
    links = [link for link in _all_links(value) if _is_media(_mime(link))]
    files = [link for link in links if _mime(link) == "video/mp4"]
    if files:
        def rank(link: dict[str, Any]) -> tuple[bool, int]:
            height = parse.int_of(link, "height", most=100_000) or 0
            return height <= BEST_HEIGHT, height if height <= BEST_HEIGHT else -height
        return max(files, key=rank)
    return next((link for link in links if _mime(link) != _PLAYLIST), links[0] if links else None)


def _guess(url: str) -> str:
    return mimetypes.guess_type(urlsplit(url).path)[0] or ""


def picture_of(value: object) -> str | None:
    """Address of the widest of one or several pictures."""
    best: tuple[int, str] | None = None
    for item in parse.as_list(value)[:20]:
        url = parse.url_of(item)
        if url is None:
            continue
        width = (parse.int_of(item, "width", most=100_000) or 0) if isinstance(item, dict) else 0
        if best is None or width > best[0]:
            best = (width, url)
    return best[1] if best else None


def read(document: Any, *, whole: bool = False) -> MediaData | None:
    """One attachment as a file; None when it is none (a link, a field, a note, something else).

    Args:
        whole: the object is itself the post (PeerTube's Video): only its media Links count, `url` also names its page.
    """
    if not isinstance(document, dict):
        return None
    kind = parse.type_of(document)
    if kind not in _TYPES and kind not in ("Document", "Link"):
        return None
    link = choose_link(document.get("url"))
    url = str(link["href"]) if link else None if whole else (
        parse.url_of(document.get("url")) or parse.url_of(document.get("href")))
    if url is None:
        return None
    mime = _mime(link or {}) or ("" if whole else _mime(document)) or _guess(url)
    if mime and not _is_media(mime):
        if kind not in _TYPES:
            return None
        mime = ""
    if kind == "Link" and not mime:
        return None
    shown = "video" if mime == _PLAYLIST else _KINDS.get(mime.partition("/")[0]) or _TYPES.get(kind, "unknown")
    if shown == "image" and not mime:
        mime = "image/jpeg"
    federated = from_attachment(document)
    generator = document.get("generator")
    # the file's own statement and its record's: when they disagree, the one that admits to more
    source, known_from = foreign_labels.strictest(
        (foreign_labels.iptc(federated.digital_source_type) if federated else None, "record"),
        (foreign_labels.iptc(document.get("digitalSourceType")), "declared"),
        (foreign_labels.from_peertube(document.get("aiUsage")) if whole else None, "peertube"))
    size = document | {name: link[name] for name in ("width", "height", "size") if name in link} if link else document
    poster = picture_of(document.get("icon")) or picture_of(subtitles.without_storyboards(document.get("preview")))
    return MediaData(
        kind=shown, mime=mime, url=url, poster=poster if poster != url else None,
        description=("" if whole else parse.text_of(document, "summary") or parse.text_of(document, "name"))[:5000],
        width=parse.int_of(size, "width", most=100_000), height=parse.int_of(size, "height", most=100_000),
        duration=parse.duration_seconds(document.get("duration")), size=parse.int_of(size, "size"),
        blurhash=valid_blurhash(document.get("blurhash")), focus=_focus(document.get("focalPoint")),
        digest=(federated.digest_multibase if federated else _short(document.get("digestMultibase"))),
        digital_source_type=source, label_source=known_from,
        generator={"name": markup.clean_line(str(generator.get("name", "")), 120),
                   "model": markup.clean_line(str(generator.get("softwareVersion", "")), 120)}
        if isinstance(generator, dict) else None,
        record=document.get("provenance") if isinstance(document.get("provenance"), dict) else None,
        manifest_url=federated.manifest if federated else None,
        soft_binding=tuple(code[:200] for code in federated.soft_binding) if federated else (),
        based_on=texts(document.get("isBasedOn")), remix_authorizations=texts(document.get("remixAuthorization")),
        likeness_authorizations=texts(document.get("likenessAuthorization")),
        claims=federated.claims if federated else (),
        captions=subtitles.from_activitypub(document.get("subtitleLanguage")) if shown == "video" else ())


def read_all(document: dict[str, Any], kind: str) -> tuple[MediaData, ...]:
    """The files of a post: itself when it is a Video, Image or Audio, its attachments, else the picture of an article."""
    found = [read(document, whole=True)] if kind in _TYPES else []
    found += islice((item for one in parse.as_list(document.get("attachment"))[:MAX_READ] if (item := read(one)) is not None),
                    MAX_ATTACHMENTS)
    files = [item for item in found if item is not None][:MAX_ATTACHMENTS]
    if not files and kind in ("Article", "Page", "Event"):
        for one in parse.as_list(document.get("image"))[:4]:
            picture = read({"type": "Image", "url": one} if isinstance(one, str) else one)
            if picture is not None:
                return (picture,)
    preview = document.get("preview")
    if len(files) == 1 and files[0].kind == "video" and files[0].poster is None and parse.type_of(preview) == "Image":
        return (dataclasses.replace(files[0], poster=picture_of(preview)),)  # Loops
    return tuple(files)


def with_tags(items: Sequence[MediaData], tags: Sequence[str], uri: str) -> tuple[MediaData, ...]:
    """The files of a post together with what its hashtags say about them."""
    said = foreign_labels.from_hashtags(tags, uri)
    if said is None:
        return tuple(items)
    found = []
    for item in items:
        source, known_from = foreign_labels.strictest((item.digital_source_type, item.label_source or "declared"),
                                                      (said, "hashtag"))
        found.append(dataclasses.replace(item, digital_source_type=source, label_source=known_from))
    return tuple(found)


def _short(value: object, limit: int = 64) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= limit else None
