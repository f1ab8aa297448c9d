"""Posts: our rows as Notes (vocabulary §1), and others' objects as values."""
from __future__ import annotations

import datetime as dt
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from ...activitypub import addressing, markup, parse
from ...activitypub.contexts import context_for
from ...activitypub.vocabulary import OBJECT_TYPES, PUBLIC
from ...errors import Malformed
from ...models import Actor, Media, Status, StatusTag
from ...provenance import digital_source
from ...provenance.record import from_attachment, plain, timestamp
from ...uris import Uris

SOFTWARE_URL = "https://fedisora.example/"
MAX_ATTACHMENTS = 16


def duration_text(seconds: float) -> str:
    """PT5S, PT5.25S: xsd:duration without exponent or trailing zeros."""
    text = f"{seconds:.3f}".rstrip("0").rstrip(".")
    return f"PT{text or '0'}S"


def label_line(media: Sequence[Media], uris: Uris) -> tuple[str, str | None]:
    """(HTML of the provenance label, its hashtag without #) for a post's files; ("", None) when none is called for."""
    for item in media:
        source = digital_source.find(item.digital_source_type)
        if source is None or source.hashtag is None:
            continue
        tag = source.hashtag.removeprefix("#")
        noun = "video" if item.kind == "video" else "image"
        sentence = (f"Procedural {noun}, not AI" if source.uri == digital_source.ALGORITHMIC
                    else f"{source.adjective} {noun}")
        model = (item.generator or {}).get("model") or ""
        shown = f"{sentence} · {model}" if model and source.uri != digital_source.ALGORITHMIC else sentence
        return (f'<p>{html.escape(shown)} <a href="{html.escape(uris.tag(tag))}" class="mention hashtag" rel="tag">'
                f"#{html.escape(tag)}</a></p>"), tag
    return "", None


def _picture(url: str, mime: str = "image/webp") -> dict[str, Any]:
    return {"type": "Image", "mediaType": mime, "url": url}


def attachment(media: Media, uris: Uris, *, base_on: Sequence[str] = ()) -> dict[str, Any]:
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
    if base_on:
        node["isBasedOn"] = list(base_on)
    if media.manifest_key:
        record: dict[str, Any] = {"type": "ProvenanceRecord", "id": uris.record(media.id),
                                  "manifest": uris.media(media.manifest_key), "digestMultibase": media.digest}
        if media.digital_source_type:
            record["digitalSourceType"] = media.digital_source_type
        node["provenance"] = record
    return node


def to_activitypub(status: Status, actor: Actor, media: Sequence[Media], mentions: Sequence[Actor],
                   tags: Sequence[StatusTag], uris: Uris) -> dict[str, Any]:
    """The Note of a local post, without proof."""
    audience = addressing.audience_for(
        _visibility(status), actor.followers_uri or "", [person.uri for person in mentions])
    label, label_tag = label_line(media, uris)
    hashtags = {row.key: row.name for row in tags}
    if label_tag:
        hashtags.setdefault(label_tag.lower(), label_tag)
    content = status.content + label
    note: dict[str, Any] = {
        "id": status.uri, "type": "Note", "attributedTo": actor.uri, "published": timestamp(status.created_at),
        "to": list(audience.to), "cc": list(audience.cc), "url": status.url, "content": content,
        "sensitive": status.sensitive, "inReplyTo": status.in_reply_to_uri,
        "tag": [{"type": "Hashtag", "name": f"#{name}", "href": uris.tag(name)} for name in hashtags.values()]
        + [{"type": "Mention", "name": _handle(person, uris), "href": person.uri} for person in mentions],
        "attachment": [attachment(item, uris) for item in media],
        "replies": {"id": uris.replies(status.uri), "type": "Collection",
                    "first": {"type": "CollectionPage", "partOf": uris.replies(status.uri), "items": [],
                              "next": f"{uris.replies(status.uri)}?page=1"}}}
    if status.context_uri:
        note["context"] = status.context_uri
    if status.language:
        note["contentMap"] = {status.language: content}
    if status.spoiler_text:
        note["summary"] = status.spoiler_text
    if status.edited_at:
        note["updated"] = timestamp(status.edited_at)
    if status.interaction_policy:
        note["interactionPolicy"] = status.interaction_policy
    if note["inReplyTo"] is None:
        del note["inReplyTo"]
    return {"@context": context_for(note, proof=True), **note}


def _handle(actor: Actor, uris: Uris) -> str:
    return f"@{actor.username}@{actor.domain or uris.host}"


def _visibility(status: Status) -> addressing.Visibility:
    return cast("addressing.Visibility", status.visibility)


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


@dataclass(frozen=True)
class NoteData:
    """What a remote object says."""

    uri: str
    url: str
    attributed_to: str
    content: str
    spoiler: str
    sensitive: bool
    language: str | None
    in_reply_to: str | None
    published: dt.datetime | None
    updated: dt.datetime | None
    audience: addressing.Audience
    media: tuple[MediaData, ...]
    tags: tuple[str, ...]
    mentions: tuple[str, ...]
    interaction_policy: dict[str, Any] | None
    context: str | None = None
    """FEP-7888: the conversation, as the author names it."""
    replies: str | None = None
    """Where the answers are listed: a collection, or its first page, on the post's own origin."""


_KINDS = {"video": "video", "image": "image", "audio": "audio"}


def _media(document: Any) -> MediaData | None:
    if not isinstance(document, dict):
        return None
    link = next((item for item in parse.links_of(document.get("url"))
                 if str(item.get("mediaType", document.get("mediaType", ""))).startswith(("video/", "image/", "audio/"))
                 or "mediaType" not in item), None)
    url = str(link["href"]) if link else parse.url_of(document.get("href"))
    if url is None or not parse.is_http(url):
        return None
    mime = str((link or {}).get("mediaType") or document.get("mediaType") or "")[:80]
    kind = _KINDS.get(mime.partition("/")[0]) or {"Video": "video", "Image": "image", "Audio": "audio"}.get(
        parse.type_of(document), "unknown")
    if kind == "image" and not mime:
        mime = "image/jpeg"
    federated = from_attachment(document)
    focal = document.get("focalPoint")
    x, y = (focal if isinstance(focal, list) and len(focal) == 2 else (0, 0))
    focus = tuple(max(-1.0, min(1.0, float(value))) if isinstance(value, int | float) and not isinstance(value, bool)
                  else 0.0 for value in (x, y))
    generator = document.get("generator")
    blurhash = document.get("blurhash")
    poster = next((found for item in parse.as_list(document.get("icon")) if (found := parse.url_of(item))), None)
    source = federated.digital_source_type if federated else document.get("digitalSourceType")
    return MediaData(
        kind=kind, mime=mime, url=url, poster=poster,
        description=(parse.text_of(document, "summary") or parse.text_of(document, "name"))[:5000],
        width=parse.int_of(document, "width", most=100_000), height=parse.int_of(document, "height", most=100_000),
        duration=parse.duration_seconds(document.get("duration")), size=parse.int_of(document, "size"),
        blurhash=blurhash[:128] if isinstance(blurhash, str) else None, focus=(focus[0], focus[1]),
        digest=(federated.digest_multibase if federated else _short(document.get("digestMultibase"))),
        digital_source_type=_short(source, 200),
        generator={"name": markup.clean_line(str(generator.get("name", "")), 120),
                   "model": markup.clean_line(str(generator.get("softwareVersion", "")), 120)}
        if isinstance(generator, dict) else None,
        record=document.get("provenance") if isinstance(document.get("provenance"), dict) else None,
        manifest_url=federated.manifest if federated else None)


def _short(value: object, limit: int = 64) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= limit else None


def _address(value: object) -> str | None:
    found = parse.id_of(value)
    return found if found is not None and parse.is_http(found) else None


def _replies(document: dict[str, Any], uri: str) -> str | None:
    """The collection of answers by its id, else its first page, else the page after an embedded one."""
    at: object = document.get("replies")
    for name in ("first", "next", ""):
        found = _address(at)
        if found is not None:
            return found if parse.same_origin(found, uri) else None
        at = at.get(name) if isinstance(at, dict) else None
    return None


def _language(document: dict[str, Any]) -> str | None:
    values = document.get("contentMap")
    first = next(iter(values), None) if isinstance(values, dict) else None
    return first[:16] if isinstance(first, str) and first else None


def _content(document: dict[str, Any], kind: str) -> str:
    content = parse.text_of(document, "content")
    if kind in ("Note", "Question"):
        return markup.sanitize(content)
    title = markup.clean_line(parse.text_of(document, "name"), 500)
    link = parse.url_of(document.get("url"))
    heading = f"<p><strong>{html.escape(title)}</strong></p>" if title else ""
    body = markup.sanitize(content)
    more = f'<p><a href="{html.escape(link)}" rel="nofollow noopener noreferrer" target="_blank">{html.escape(link)}</a></p>' \
        if link and kind in ("Article", "Page", "Event") else ""
    return heading + body + more


def from_activitypub(document: dict[str, Any]) -> NoteData:
    """What a remote object says, sanitised.

    Raises:
        Malformed: not a post, or without id or author.
    """
    uri, kind = parse.id_of(document), parse.type_of(document)
    if uri is None or not parse.is_http(uri) or kind not in OBJECT_TYPES:
        raise Malformed("This is not a post.", cause=f"{uri} {kind}")
    authors = parse.ids_of(document.get("attributedTo"))
    if not authors:
        raise Malformed("This post has no author.", cause=uri)
    files = [_media(item) for item in parse.as_list(document.get("attachment"))[:MAX_ATTACHMENTS]]
    if kind in ("Video", "Image", "Audio"):
        files.insert(0, _media(document))
    tags: list[str] = []
    mentions: list[str] = []
    for tag in parse.as_list(document.get("tag"))[:100]:
        if not isinstance(tag, dict):
            continue
        if tag.get("type") == "Hashtag" and isinstance(tag.get("name"), str):
            name = markup.clean_line(tag["name"], 128).lstrip("#")
            if name and " " not in name:
                tags.append(name)
        elif tag.get("type") == "Mention" and parse.is_http(tag.get("href")):
            mentions.append(str(tag["href"]))
    policy = document.get("interactionPolicy")
    in_reply_to = parse.id_of(document.get("inReplyTo"))
    return NoteData(
        uri=uri, url=parse.url_of(document.get("url")) or uri, attributed_to=authors[0], content=_content(document, kind),
        spoiler=markup.clean_line(parse.text_of(document, "summary"), 500) if kind in ("Note", "Question") else "",
        sensitive=document.get("sensitive") is True, language=_language(document),
        in_reply_to=in_reply_to if in_reply_to and parse.is_http(in_reply_to) else None,
        published=parse.datetime_of(document, "published"), updated=parse.datetime_of(document, "updated"),
        audience=addressing.audience_of(document), media=tuple(item for item in files if item is not None),
        tags=tuple(dict.fromkeys(tags)), mentions=tuple(dict.fromkeys(mentions)),
        interaction_policy=policy if isinstance(policy, dict) else None,
        context=_address(document.get("context")), replies=_replies(document, uri))


def is_public(audience: addressing.Audience) -> bool:
    """Whether everybody is addressed."""
    return PUBLIC in audience.everybody
