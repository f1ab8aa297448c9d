"""Posts: our rows as Notes and Questions (vocabulary §1), and others' objects as values."""
from __future__ import annotations

import datetime as dt
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from ...activitypub import addressing, markup, parse
from ...activitypub.contexts import context_for
from ...activitypub.vocabulary import OBJECT_TYPES, PUBLIC
from ...errors import Malformed
from ...models import Actor, Media, Poll, Status, StatusTag
from ...provenance import digital_source, label_lines
from ...provenance.record import timestamp
from ...store.records import NOTHING, Beside, Shown
from ...uris import Uris
from . import attachment as files
from . import emoji, poll, quote
from .attachment import MediaData, attachment
from .poll import PollData
from .quote import QuoteData

__all__ = ["MediaData", "NoteData", "PollData", "QuoteData", "attachment", "from_activitypub", "is_public", "label_line",
           "shown_line", "to_activitypub"]

MAX_BYTES = 30_000
"""Of an object of ours, before it is slimmed: Takahē takes 50 KB with the envelope."""
MAX_TAGS = 200
"""Entries of `tag` that are looked at."""
WRITTEN = frozenset({"Note", "Question"})
"""Types whose `content` is the whole text; others have a title and a page of their own."""
LONG = 2000
"""Characters of an article's text from which on its summary is shown instead."""


def label_line(media: Sequence[Media], uris: Uris, language: str | None = None) -> tuple[str, str | None]:
    """(HTML of the provenance label, its hashtag without #) for a post's files; ("", None) when none is called for. A
    composite that a program made has a line without hashtag: whether there is AI in its parts is not ours to say.

    Args:
        language: of the post; the line is in the same, where we have it.
    """
    untagged = ""
    for item in media:
        source = digital_source.find(item.digital_source_type)
        if source is not None and source.uri == digital_source.COMPOSITE and item.generator and not untagged:
            said = label_lines.line(source.uri, item.kind, language)
            name = item.generator.get("model") or item.generator.get("name") or ""
            untagged = f"<p>{html.escape(f'{said} · {name}' if name else said)}</p>" if said else ""
        if source is None or source.hashtag is None:
            continue
        tag = source.hashtag.removeprefix("#")
        sentence = label_lines.line(source.uri, item.kind, language) or f"{source.adjective} {item.kind}"
        model = (item.generator or {}).get("model") or ""
        shown = f"{sentence} · {model}" if model and source.uri != digital_source.ALGORITHMIC else sentence
        return (f'<p>{html.escape(shown)} <a href="{html.escape(uris.tag(tag))}" class="mention hashtag" rel="tag">'
                f"#{html.escape(tag)}</a></p>"), tag
    return untagged, None


def shown_line(people: Sequence[Shown], uris: Uris, language: str | None = None) -> str:
    """Whom a post shows, as HTML: for servers that know nothing of stamps of consent; "" for nobody."""
    return "".join(
        "<p>" + html.escape(label_lines.shown(language, character=one.character)).format(
            f'<a href="{html.escape(one.owner.url or one.owner.uri)}">{html.escape(_handle(one.owner, uris))}</a>') + "</p>"
        for one in people)


def to_activitypub(status: Status, actor: Actor, media: Sequence[Media], mentions: Sequence[Actor],
                   tags: Sequence[StatusTag], uris: Uris, *, ballot: Poll | None = None,
                   beside: Mapping[int, Beside] | None = None) -> dict[str, Any]:
    """The Note (or, with a poll, the Question) of a local post, without proof.

    Args:
        beside: what stands in the records of its files, by media id (`store.records.beside`).
    """
    audience = addressing.audience_for(
        _visibility(status), actor.followers_uri or "", [person.uri for person in mentions])
    label, label_tag = label_line(media, uris, status.language)
    hashtags = {row.key: row.name for row in tags}
    if label_tag:
        hashtags.setdefault(label_tag.lower(), label_tag)
    people = {one.owner.id: one for item in (beside or {}).values() for one in item.shown}
    content = (quote.fallback(status.quote_of_uri) if status.quote_of_uri else "") + status.content + shown_line(
        list(people.values()), uris, status.language) + label
    note: dict[str, Any] = {
        "id": status.uri, "type": "Note", "attributedTo": actor.uri, "published": timestamp(status.created_at),
        "to": list(audience.to), "cc": list(audience.cc), "url": status.url, "content": content,
        "sensitive": status.sensitive, "inReplyTo": status.in_reply_to_uri,
        "tag": [{"type": "Hashtag", "name": f"#{name}", "href": uris.tag(name)} for name in hashtags.values()]
        + [{"type": "Mention", "name": _handle(person, uris), "href": person.uri} for person in mentions],
        "attachment": [attachment(item, uris, (beside or {}).get(item.id, NOTHING)) for item in media],
        "replies": {"id": uris.replies(status.uri), "type": "Collection",
                    "first": {"type": "CollectionPage", "partOf": uris.replies(status.uri), "items": [],
                              "next": f"{uris.replies(status.uri)}?page=1"}}}
    if status.context_uri:
        note["context"] = status.context_uri
    if ballot is not None:
        note |= poll.properties(ballot)
    if status.language:
        note["contentMap"] = {status.language: content}
    if status.spoiler_text:
        note["summary"] = status.spoiler_text
    if status.edited_at:
        note["updated"] = timestamp(status.edited_at)
    if status.context_uri:
        note["context"] = status.context_uri
    if status.interaction_policy:
        note["interactionPolicy"] = status.interaction_policy
    if status.quote_of_uri:
        note |= quote.properties(status.quote_of_uri, status.quote_authorization if status.quote_state == "accepted" else None)
    if note["inReplyTo"] is None:
        del note["inReplyTo"]
    _slim(note)
    return {"@context": context_for(note, proof=True), **note}


def _slim(note: dict[str, Any]) -> None:
    """Leave out what a large post says twice: some peers refuse bodies over 50 KB, and the envelope needs its share."""
    if len(orjson.dumps(note)) > MAX_BYTES:
        note.pop("contentMap", None)
    if len(orjson.dumps(note)) > MAX_BYTES:
        for item in note["attachment"]:
            item.pop("summary", None)  # the alternative text, which is in `name` as well


def _handle(actor: Actor, uris: Uris) -> str:
    return f"@{actor.username}@{actor.domain or uris.host}"


def _visibility(status: Status) -> addressing.Visibility:
    return cast("addressing.Visibility", status.visibility)


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
    type: str = "Note"
    context: str | None = None
    """FEP-7888: the conversation, as the author names it."""
    replies: str | None = None
    """Where the answers are listed: a collection, or its first page, on the post's own origin."""
    emojis: list[dict[str, str]] = field(default_factory=list)
    poll: PollData | None = None
    quote: QuoteData | None = None


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
    """The first key of `contentMap`, or `language` as a text or as {"identifier"} (Lemmy, PeerTube)."""
    for name in ("contentMap", "nameMap"):
        values = document.get(name)
        first = next(iter(values), None) if isinstance(values, dict) else None
        if isinstance(first, str) and 1 < len(first) <= 16 and first != "und":
            return first
    given = document.get("language") or document.get("inLanguage")
    if isinstance(given, dict):
        given = given.get("identifier")
    return given if isinstance(given, str) and 1 < len(given) <= 16 and given != "und" else None


def _html(document: dict[str, Any], name: str) -> str:
    """A text as safe HTML; Markdown (PeerTube) is shown as it was typed."""
    given = parse.text_of(document, name)
    if name == "content" and document.get("mediaType") in ("text/plain", "text/markdown"):
        paragraphs = (part.strip() for part in given.replace("\r\n", "\n").split("\n\n"))
        given = "".join(f"<p>{'<br>'.join(map(html.escape, part.splitlines()))}</p>" for part in paragraphs if part)
    return markup.sanitize(given)


def _page(document: dict[str, Any]) -> str | None:
    """The address of an object's page: the HTML Link when there are several, never a file's."""
    links = list(parse.links_of(document.get("url")))[:100]
    page = next((link for link in links if str(link.get("mediaType") or link.get("mimeType") or "").startswith("text/html")),
                None) or next((link for link in links if not (link.get("mediaType") or link.get("mimeType"))), None)
    return str(page["href"]) if page else None


def _content(document: dict[str, Any], kind: str, link: str | None) -> str:
    """What is shown: the text, or (for what has a page of its own) title, text or summary, and the link."""
    if kind in WRITTEN:
        return _html(document, "content")
    title = markup.clean_line(parse.text_of(document, "name"), 500)
    heading = f"<p><strong>{html.escape(title)}</strong></p>" if title else ""
    body = _html(document, "content")
    if not body or len(body) > LONG:
        body = (_html(document, "summary") if not document.get("sensitive") else "") or body
    address = html.escape(link or "")
    more = (f'<p><a href="{address}" rel="nofollow noopener noreferrer" target="_blank">{address}</a></p>'
            if address and address not in body else "")
    return heading + body + more


def _tags(document: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(hashtags without #, ids of mentioned actors)"""
    tags: dict[str, None] = {}
    mentions: dict[str, None] = {}
    for tag in parse.as_list(document.get("tag"))[:MAX_TAGS]:
        kind = parse.type_of(tag)
        if kind == "Hashtag" and isinstance(tag.get("name"), str):
            name = markup.clean_line(tag["name"], 128).lstrip("#")
            if name and " " not in name:
                tags[name] = None
        elif kind == "Mention" and parse.is_http(tag.get("href")):
            mentions[str(tag["href"])] = None
    return tuple(tags), tuple(mentions)


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
    tags, mentions = _tags(document)
    link = _page(document)
    policy = document.get("interactionPolicy")
    in_reply_to = parse.id_of(document.get("inReplyTo"))
    sensitive = document.get("sensitive") is True
    summary = markup.clean_line(parse.text_of(document, "summary"), 500) if kind in WRITTEN or sensitive else ""
    return NoteData(
        uri=uri, url=link or uri, attributed_to=authors[0], content=_content(document, kind, link),
        spoiler=summary, sensitive=sensitive, language=_language(document),
        in_reply_to=in_reply_to if in_reply_to and parse.is_http(in_reply_to) else None,
        published=parse.datetime_of(document, "published"), updated=parse.datetime_of(document, "updated"),
        audience=addressing.audience_of(document), tags=tags, mentions=mentions,
        media=files.with_tags(files.read_all(document, kind), tags, uri),
        interaction_policy=policy if isinstance(policy, dict) else None, type=kind,
        context=_address(document.get("context")), replies=_replies(document, uri), emojis=emoji.read(document),
        poll=poll.read(document) if kind == "Question" else None, quote=quote.read(document))


def is_public(audience: addressing.Audience) -> bool:
    """Whether everybody is addressed."""
    return PUBLIC in audience.everybody
