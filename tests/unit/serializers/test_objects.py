"""Objects of other software become posts as Mastodon shows them; what is odd in them is left out."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fedisora.activitypub.vocabulary import OBJECT_TYPES
from fedisora.errors import Refused
from fedisora.serializers.activitypub import attachment, emoji
from fedisora.serializers.activitypub.actor import from_activitypub as read_actor
from fedisora.serializers.activitypub.note import NoteData, from_activitypub

AUTHOR = "https://a.example/users/u"
BLURHASH = "LEHV6nWB2yk8pyo0adR*.7kCMdnj"


def note(**more: Any) -> NoteData:
    return from_activitypub({"id": "https://a.example/1", "type": "Note", "attributedTo": AUTHOR, "content": "hi", **more})


def fixture(shared: Path, name: str) -> dict[str, Any]:
    document = json.loads((shared / "fixtures" / "activitypub" / name).read_text())
    inner = document.get("object")
    found: dict[str, Any] = inner if isinstance(inner, dict) else document
    return found


def image(**more: Any) -> dict[str, Any]:
    return {"type": "Document", "mediaType": "image/png", "url": "https://a.example/x.png", **more}


def test_a_peertube_video(shared: Path) -> None:
    found = from_activitypub(fixture(shared, "peertube/derived-video-v7-plain-attributedto.json"))
    assert found.type == "Video"
    assert found.url == "https://peertube.example/w/kkGMgK9ZtnKfYAgnEtQxbv"
    assert found.content.startswith("<p><strong>What is PeerTube?</strong></p>")
    assert found.url in found.content
    assert (found.language, found.sensitive, found.spoiler, found.tags) == ("en", True, "flashing lights", ("peertube",))
    video, = found.media
    assert (video.kind, video.mime, video.width, video.height, video.duration, video.size) == (
        "video", "video/mp4", 1280, 720, 113.0, 20321221)
    assert video.url.endswith("-720.mp4")
    assert video.poster is not None
    assert video.poster.endswith(".jpg")


@pytest.mark.parametrize(("heights", "wanted"), [((240, 720, 1080, 2160), 1080), ((2160, 1440), 1440), ((480,), 480)])
def test_the_best_file_up_to_1080_lines_is_played(heights: tuple[int, ...], wanted: int) -> None:
    links = [{"type": "Link", "mediaType": "text/html", "href": "https://a.example/w/1"}]
    links += [{"type": "Link", "mediaType": "video/mp4", "href": f"https://a.example/{height}.mp4", "height": height}  # type: ignore[dict-item]
              for height in heights]
    found = note(type="Video", name="v", url=links)
    assert (found.media[0].height, found.url) == (wanted, "https://a.example/w/1")


def test_files_inside_a_playlist_are_preferred_to_the_playlist() -> None:
    playlist = {"type": "Link", "mediaType": "application/x-mpegURL", "href": "https://a.example/master.m3u8"}
    with_files = {**playlist, "tag": [{"type": "Link", "mediaType": "video/mp4", "href": "https://a.example/v.mp4"}]}
    assert note(type="Video", url=[with_files]).media[0].url == "https://a.example/v.mp4"
    live = note(type="Video", url=[playlist]).media[0]
    assert (live.kind, live.url) == ("video", "https://a.example/master.m3u8")


@pytest.mark.parametrize("kind", ["Article", "Page", "Event", "Image", "Audio", "Video"])
def test_what_has_a_page_is_shown_as_title_and_link(kind: str) -> None:
    found = note(type=kind, name="A <b>title</b>", url="https://a.example/page", content="<p>text</p>")
    assert found.content == (
        "<p><strong>A &lt;b&gt;title&lt;/b&gt;</strong></p><p>text</p><p><a href=\"https://a.example/page\" "
        'rel="nofollow noopener noreferrer" target="_blank">https://a.example/page</a></p>')
    assert found.spoiler == ""


def test_a_long_article_is_shown_by_its_summary() -> None:
    found = note(type="Article", name="t", url="https://a.example/p", content="<p>" + "long " * 1000 + "</p>", summary="in short")
    assert "in short" in found.content
    assert "long" not in found.content


@pytest.mark.parametrize(("name", "kind", "media", "language"), [
    ("loops/derived-create-video-note.json", "Note", ["video"], None),
    ("pixelfed/create-note-two-images-2026.json", "Note", ["image", "image"], None),
    ("lemmy/objects-page.json", "Page", ["image"], "fr"),
    ("funkwhale/funkwhale-audio.json", "Audio", ["audio"], None),
    ("pleroma/poll-attachment.json", "Question", ["image"], None)])
def test_payloads_of_other_software(name: str, kind: str, media: list[str], language: str | None, shared: Path) -> None:
    found = from_activitypub(fixture(shared, name))
    assert (found.type, [item.kind for item in found.media], found.language) == (kind, media, language)


def test_loops_preview_is_the_poster(shared: Path) -> None:
    found = from_activitypub(fixture(shared, "loops/derived-create-video-note.json"))
    assert found.media[0].poster == "https://cdn.loops.example/t/1.jpg"


def test_an_event_is_a_title_and_a_link(shared: Path) -> None:
    event = fixture(shared, "mobilizon/objects-event.json")
    found = from_activitypub({**event, "attributedTo": event["actor"]})
    assert found.content.startswith("<p><strong>")
    assert event["url"] in found.content
    assert found.language == "en"


def test_every_real_payload_is_read_or_refused(shared: Path) -> None:
    read = 0
    for path in sorted((shared / "fixtures" / "activitypub").rglob("*.json")):
        document = json.loads(path.read_text())
        inner = document.get("object") if isinstance(document, dict) else None
        for item in (document, inner):
            if isinstance(item, dict):
                try:
                    found = from_activitypub(item)
                except Refused:
                    continue
                assert found.type in OBJECT_TYPES
                read += 1
    assert read > 60


@pytest.mark.parametrize("kind", ["Album", "ChatMessage", "Story", 7, None, ["Person"]])
def test_unknown_types_are_refused_not_failed(kind: object) -> None:
    with pytest.raises(Refused):
        note(type=kind)


# ---- attachments: BI-166 … BI-169
@pytest.mark.parametrize("value", ["AAAA..", "U" * 1_000_000, "|" + "A" * 165, BLURHASH[:-1], BLURHASH + "<", 7, None, ["x"]])
def test_bi_166_an_invalid_blurhash_is_ignored(value: object) -> None:
    assert note(attachment=[image(blurhash=value)]).media[0].blurhash is None


def test_a_valid_blurhash_is_kept() -> None:
    assert note(attachment=[image(blurhash=BLURHASH)]).media[0].blurhash == BLURHASH


@pytest.mark.parametrize("value", [["a", None], [0.1, 0.2, 0.3, 0.4, 0.5], "0,0", [float("nan"), 0.5], [True, 0],
                                   ["1e999", "0"], {}])
def test_bi_167_an_invalid_focal_point_is_ignored(value: object) -> None:
    assert note(attachment=[image(focalPoint=value)]).media[0].focus == (0.0, 0.0)


def test_a_focal_point_is_clamped() -> None:
    assert note(attachment=[image(focalPoint=[-7, 0.5])]).media[0].focus == (-1.0, 0.5)


def test_bi_168_of_a_thousand_attachments_the_first_are_kept() -> None:
    found = note(attachment=[image(url=f"https://a.example/{number}.png") for number in range(1000)]).media
    assert [item.url for item in found] == [f"https://a.example/{number}.png" for number in range(16)]


@pytest.mark.parametrize("value", [
    "x", None, 7, {"type": "Note"}, {"type": "PropertyValue", "name": "a", "value": "b"}, [None],
    {"type": "Document", "mediaType": "application/pdf", "url": "https://a.example/x.pdf"},
    {"type": "Link", "href": "https://a.example/page"}, {"type": "Image", "url": "javascript:alert(1)"},
    {"type": "Image", "mediaType": "image/png"}, {"type": ["Person"], "url": "https://a.example/x.png"}])
def test_bi_169_what_is_no_file_is_ignored(value: object) -> None:
    assert [item.url for item in note(attachment=[value, image(), value]).media] == ["https://a.example/x.png"]


@pytest.mark.parametrize(("more", "wanted"), [
    ({"summary": "s", "name": "n"}, "s"), ({"name": "n"}, "n"), ({"nameMap": {"en": "m"}}, "m"), ({"name": None}, "")])
def test_the_alternative_text_is_summary_then_name(more: dict[str, Any], wanted: str) -> None:
    assert note(attachment=[image(**more)]).media[0].description == wanted


def test_a_link_without_a_media_type_is_a_file_by_its_name() -> None:
    found = attachment.read({"type": "Link", "href": "https://a.example/pictrs/x.webp"})
    assert found is not None
    assert (found.kind, found.mime) == ("image", "image/webp")


# ---- emoji, language, quotes
def icon(name: object, url: object = "https://a.example/e.png") -> dict[str, Any]:
    return {"type": "Emoji", "id": "https://a.example/e", "name": name, "icon": {"type": "Image", "url": url}}


def test_custom_emoji_are_read_once_and_only_safe_ones() -> None:
    tags = [icon(":blobcat:"), icon(":blobcat:", "https://a.example/other.png"), icon(":plain:", "http://a.example/e.png"),
            icon("::"), icon(":no space:"), icon(7), icon(":x:" * 100), icon(":js:", "javascript:alert(1)"), None, "x"]
    wanted = [{"shortcode": "blobcat", "url": "https://a.example/e.png"}]
    assert note(tag=tags).emojis == wanted
    person = {"id": AUTHOR, "type": "Person", "preferredUsername": "u", "inbox": f"{AUTHOR}/inbox", "tag": tags}
    assert read_actor(person).emojis == wanted
    assert len(emoji.read({"tag": [icon(f":e{number}:") for number in range(500)]})) == emoji.MAX_EMOJIS


@pytest.mark.parametrize(("more", "wanted"), [
    ({"contentMap": {"de": "x", "en": "y"}, "language": "fr"}, "de"), ({"language": "fr"}, "fr"),
    ({"language": {"identifier": "eo", "name": "Esperanto"}}, "eo"), ({"language": {"identifier": "und"}}, None),
    ({"language": 7}, None), ({"contentMap": []}, None)])
def test_the_language(more: dict[str, Any], wanted: str | None) -> None:
    assert note(**more).language == wanted


def test_content_of_the_map_alone() -> None:
    assert note(content=None, contentMap={"de": "<p>Hallo</p>"}).content == "<p>Hallo</p>"


@pytest.mark.parametrize(("name", "wanted"), [
    ("fedibird/fedibird-quote.json", "https://example.com/objects/43479e20-c0f8-4f49-bf7f-13fab8234924"),
    ("misskey/misskey-quote.json", "https://example.com/objects/43479e20-c0f8-4f49-bf7f-13fab8234924"),
    ("fep/fep-e232-l57-note.json", "https://server.example/objects/123")])
def test_legacy_quotes_are_read(name: str, wanted: str, shared: Path) -> None:
    found = from_activitypub({"id": "https://a.example/1", "attributedTo": AUTHOR, **fixture(shared, name)})
    assert found.quote is not None
    assert (found.quote.uri, found.quote.authorization) == (wanted, None)


@pytest.mark.parametrize("more", [
    {"quote": "javascript:x"}, {"quote": 7}, {"quoteUri": ["x"]}, {"quote": "https://a.example/1"},
    {"tag": [{"type": "Link", "href": "https://b.example/1", "mediaType": "text/html", "name": "RE: x"}]}])
def test_what_is_no_quote_is_none(more: dict[str, Any]) -> None:
    assert note(**more).quote is None
