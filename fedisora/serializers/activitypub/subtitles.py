"""Captions and storyboards as PeerTube writes them (its `subtitleLanguage` and `preview` of a Video), in both directions.

Source: PeerTube 7.x, `VideoCaptionObject`, `ActivityPubStoryboard` and their validators. The attachment of a Note says its
captions in the same words.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...activitypub import markup, parse
from ...models import Caption, Media
from ...store.captions import MOST, RemoteCaption, label_of, tag_of
from ...uris import Uris

VTT = "text/vtt"
LONGEST_URL = 2000


def to_activitypub(rows: Sequence[Caption], uris: Uris) -> list[dict[str, Any]]:
    """The captions of a local file."""
    return [{"identifier": row.language, "name": row.label, "automaticallyGenerated": row.automatic,
             "url": [{"type": "Link", "mediaType": VTT, "href": uris.caption(row.id)}]} for row in rows]


def from_activitypub(value: object) -> tuple[RemoteCaption, ...]:
    """What a remote video says of its captions; the first of a language counts, what is no WebVTT at an address does not."""
    found: dict[str, RemoteCaption] = {}
    for item in parse.as_list(value)[:4 * MOST]:
        language = tag_of(item.get("identifier")) if isinstance(item, dict) else None
        url = _address(item.get("url")) if language is not None else None
        if language is None or url is None or language in found:
            continue
        name = item.get("name")
        found[language] = RemoteCaption(
            language=language, label=markup.clean_line(name if isinstance(name, str) else "", 80) or label_of(language), url=url,
            automatic=item.get("automaticallyGenerated") is True)
    return tuple(found.values())[:MOST]


def _address(value: object) -> str | None:
    """PeerTube before 7.2 wrote the address alone; later ones a Link for the file and one for a playlist."""
    if isinstance(value, str):
        return value if parse.is_http(value) and len(value) <= LONGEST_URL else None
    for link in list(parse.links_of(value))[:10]:
        href = str(link.get("href"))
        if link.get("mediaType") in (VTT, None) and parse.is_http(href) and len(href) <= LONGEST_URL:
            return href
    return None


def storyboard(clip: Media, uris: Uris) -> dict[str, Any]:
    """The strip of small pictures of a local video; whole seconds, which is what PeerTube reads."""
    strip = clip.storyboard or {}
    return {"type": "Image", "rel": ["storyboard"], "url": [{
        "type": "Link", "mediaType": "image/jpeg", "href": uris.media(clip.storyboard_key or ""),
        "width": strip["width"] * strip["columns"], "height": strip["height"] * strip["rows"], "tileWidth": strip["width"],
        "tileHeight": strip["height"], "tileDuration": f"PT{strip['interval']}S"}]}


def without_storyboards(value: object) -> list[Any]:
    """Previews that are pictures of the video, not strips of many."""
    return [item for item in parse.as_list(value)[:20]
            if not (isinstance(item, dict) and "storyboard" in parse.as_list(item.get("rel")))]
