"""The companion `Video` of a post (vocabulary §1): the same clip once more, under an id of its own, as PeerTube wants it.

PeerTube takes neither Notes nor videos without a channel. What it insists on (a UUID, whole seconds, a JPEG with its size, a
name of 3 to 120 characters, a description of at least 3) is in its `sanitizeAndCheckVideoTorrentObject`.
"""
from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from typing import Any

from ...activitypub import markup
from ...activitypub.contexts import context_for
from ...activitypub.vocabulary import PUBLIC
from ...models import Actor, Media, Rendition, Status, StatusTag
from ...provenance import foreign_labels
from ...provenance.record import timestamp
from ...store.records import NOTHING, Beside
from ...uris import Uris
from . import subtitles
from .note import attachment, label_line, shown_line

NAME = (3, 120)
DESCRIPTION = (3, 10_000)
TAG = (2, 30)
MAX_TAGS = 5
POSTER_SIDE = 1280
PUBLISHED = 1
COMMENTS_ON = 1
PLAYLIST = "application/x-mpegURL"
_SAME_RECORD = ("blurhash", "digestMultibase", "digitalSourceType", "generator", "isBasedOn", "provenance",
                "remixAuthorization", "likenessAuthorization", "subtitleLanguage")


def clip_of(media: Sequence[Media]) -> Media | None:
    """The video a post is shown as on PeerTube: its first; None when it has none that is ready."""
    return next((item for item in media if item.kind == "video" and item.storage_key and item.poster_key), None)


def video_uuid(uri: str) -> str:
    """The UUID of a Video, always the same for an id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, uri))


def _name(status: Status, clip: Media) -> str:
    """A title: the first line that is one, of the text, else of the alternative text."""
    for text in (status.text, clip.description):
        for line in text.splitlines():
            title = markup.clean_line(line, NAME[1])
            if len(title) >= NAME[0]:
                return title
    return "Video"


def _poster(clip: Media, video: str, uris: Uris) -> dict[str, Any]:
    width, height = clip.width or 16, clip.height or 9
    scale = min(1.0, POSTER_SIDE / max(width, height))
    return {"type": "Image", "mediaType": "image/jpeg", "url": uris.video_part(video, "poster.jpg"),
            "width": max(1, round(width * scale)), "height": max(1, round(height * scale))}


def _file(clip: Media, uris: Uris) -> dict[str, Any]:
    """The Link of the file; fps -1 is PeerTube's "not known"."""
    return {"type": "Link", "mediaType": clip.mime, "href": uris.media(clip.storage_key or ""), "height": clip.height or 0,
            "width": clip.width or 0, "size": clip.size or 0, "fps": _rate(clip)}


def _rate(clip: Media) -> int:
    frames = ((clip.generator or {}).get("parameters") or {}).get("fps")
    return frames if isinstance(frames, int) and not isinstance(frames, bool) and frames > 0 else -1


def _others(clip: Media, sizes: Sequence[Rendition], uris: Uris) -> list[dict[str, Any]]:
    """Links of the other encodings: smaller files, and the HLS playlist with the fragmented files that it plays in `tag`."""
    links = [{"type": "Link", "mediaType": clip.mime, "href": uris.media(row.storage_key), "height": row.height,
              "width": row.width, "size": row.size, "fps": _rate(clip), "digestMultibase": row.digest} for row in sizes]
    files = [link for link, row in zip(links, sizes, strict=True) if row.kind != "fmp4"]
    streamed = [link for link, row in zip(links, sizes, strict=True) if row.kind == "fmp4"]
    if not streamed:
        return files
    return [*files, {"type": "Link", "mediaType": PLAYLIST, "href": uris.hls(clip.id), "tag": streamed}]


def to_activitypub(status: Status, actor: Actor, channel: Actor, clip: Media, tags: Sequence[StatusTag],
                   uris: Uris, beside: Beside = NOTHING, sizes: Sequence[Rendition] = ()) -> dict[str, Any]:
    """The Video of a public local post, without proof.

    Args:
        actor: the author, who signs it.
        channel: the author's Group; its followers are who gets it.
        clip: the post's video (`clip_of`).
        beside: what stands in its record (`store.records.beside`).
        sizes: its other encodings.
    """
    video = uris.video(actor.uri, status.id)
    label, label_tag = label_line([clip], uris, status.language)
    words = "\n\n".join(part for part in (
        status.text.strip(), markup.plain_text(shown_line(beside.shown, uris, status.language)),
        markup.plain_text(label)) if part)
    names = list(dict.fromkeys([*([label_tag] if label_tag else []), *(row.name for row in tags)]))
    document: dict[str, Any] = {
        "id": video, "type": "Video", "name": _name(status, clip), "uuid": video_uuid(video),
        "duration": f"PT{max(1, math.ceil((clip.duration or 0) - 0.5))}S", "views": 0, "state": PUBLISHED,
        "waitTranscoding": False, "isLiveBroadcast": False, "commentsEnabled": True, "commentsPolicy": COMMENTS_ON,
        "downloadEnabled": True, "sensitive": status.sensitive, "support": None, "subtitleLanguage": [],
        "published": timestamp(status.created_at), "updated": timestamp(status.edited_at or status.created_at),
        "originallyPublishedAt": timestamp(status.created_at), "to": [PUBLIC], "cc": [channel.followers_uri or ""],
        "attributedTo": [{"type": actor.type, "id": actor.uri}, {"type": channel.type, "id": channel.uri}],
        "url": [{"type": "Link", "mediaType": "text/html", "href": status.url}, _file(clip, uris),
                *_others(clip, sizes, uris)],
        "icon": [_poster(clip, video, uris)], "mediaType": "text/markdown",
        "content": words[:DESCRIPTION[1]] if len(words) >= DESCRIPTION[0] else None,
        # without "#": PeerTube shows the name as it is, the others strip the sign
        "tag": [{"type": "Hashtag", "name": name, "href": uris.tag(name)} for name in names
                if TAG[0] <= len(name) <= TAG[1]][:MAX_TAGS],
        "aiUsage": foreign_labels.to_peertube(clip.digital_source_type),
        **{part: uris.video_part(video, part) for part in ("likes", "dislikes", "comments")},
        "shares": uris.video_part(video, "announces")}
    if clip.width and clip.height:
        ratio = round(clip.width / clip.height, 4)  # an upright video gets an upright player
        document["aspectRatio"] = int(ratio) if ratio.is_integer() else ratio
    if status.language:
        document["language"] = {"identifier": status.language}
    if status.spoiler_text:
        document["summary"] = status.spoiler_text
    if clip.storyboard_key and clip.storyboard:
        document["preview"] = [subtitles.storyboard(clip, uris)]
    node = attachment(clip, uris, beside)
    document |= {name: node[name] for name in _SAME_RECORD if name in node}
    return {"@context": context_for(document, proof=True), **document}
