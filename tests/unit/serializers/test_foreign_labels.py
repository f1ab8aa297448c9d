"""What other servers say about AI is read, named as what it is, and said back to them."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fedisora.media.foreign import metadata_source
from fedisora.models import Media
from fedisora.provenance import foreign_labels as labels
from fedisora.provenance import label_lines
from fedisora.provenance.checks import describe
from fedisora.provenance.digital_source import ALGORITHMIC, CAPTURE, COMPOSITE, COMPOSITE_TRAINED, KNOWN, TRAINED
from fedisora.serializers.activitypub.note import NoteData, from_activitypub, label_line
from fedisora.serializers.mastodon.status import provenance_label
from fedisora.uris import Uris

IMAGE = {"type": "Document", "mediaType": "image/png", "url": "https://a.example/x.png"}


def note(*tags: str, **more: Any) -> NoteData:
    return from_activitypub({"id": "https://a.example/1", "type": "Note", "attributedTo": "https://a.example/u", "content": "hi",
                             "attachment": [IMAGE], "tag": [{"type": "Hashtag", "name": tag} for tag in tags], **more})


def said(found: NoteData) -> tuple[str | None, str | None]:
    return found.media[0].digital_source_type, found.media[0].label_source


# ---- not believed
@pytest.mark.parametrize("tags", [(), ("#AI",), ("#noai",), ("#HumanMade",), ("#Midjourney",), ("#GenerativeArt",),
                                  ("#AIArt", "#NoAI"), ("#aiart", "#StopAI"), ("#aigeneratedbynobody",)])
def test_a_topic_is_no_label(tags: tuple[str, ...]) -> None:
    assert said(note(*tags)) == (None, None)


@pytest.mark.parametrize("level", [None, 0, 1, "1", 5, -4, True, 4.0, "four", [4], {"identifier": {}}, {"label": "4"}, "٤"])
def test_odd_levels_say_nothing(level: object) -> None:
    assert labels.from_peertube(level) is None


@pytest.mark.parametrize("value", [None, 5, "", [TRAINED], {"id": TRAINED}, "x" * 201])
def test_odd_source_types_are_left_out(value: object) -> None:
    assert labels.iptc(value) is None


def test_a_level_counts_on_the_video_itself_only() -> None:
    assert said(note(attachment=[{**IMAGE, "aiUsage": 4}], aiUsage=4)) == (None, None)


def test_a_weaker_word_does_not_undo_a_stronger_one() -> None:
    labelled = {**IMAGE, "digitalSourceType": TRAINED}
    assert said(note("#Procedural", attachment=[labelled])) == (TRAINED, "declared")
    assert said(note("#AIGenerated", attachment=[{**IMAGE, "digitalSourceType": CAPTURE}])) == (TRAINED, "hashtag")


# ---- read
@pytest.mark.parametrize(("tag", "source"), [
    ("#AIGenerated", TRAINED), ("aigenerated", TRAINED), ("#AI_Generated", TRAINED), ("#AIArt", TRAINED),
    ("#MadeWithAI", TRAINED),
    ("#AIVideo", TRAINED), ("#AI生成", TRAINED), ("#AIイラスト", TRAINED), ("#ＡＩＧＣ", TRAINED), ("#KIgeneriert", TRAINED),
    ("#AIModified", COMPOSITE_TRAINED), ("#AIassisted", COMPOSITE_TRAINED), ("#Procedural", ALGORITHMIC)])
def test_hashtags_of_an_author_are_a_label(tag: str, source: str) -> None:
    assert said(note(tag)) == (source, "hashtag")


def test_loops_own_rule_counts_for_loops() -> None:
    video = "https://loops.example/ap/users/12/video/34"
    assert labels.from_hashtags(["AI"], video) == COMPOSITE_TRAINED
    assert labels.from_hashtags(["AI"], "https://a.example/notes/1") is None


@pytest.mark.parametrize("source", [TRAINED, COMPOSITE_TRAINED, labels.NOT_AI, None])
def test_peertubes_levels_both_ways(source: str | None) -> None:
    level = labels.to_peertube(source)
    for written in (level, str(level), {"identifier": str(level)}):
        assert labels.from_peertube(written) == source
    video = from_activitypub({
        "id": "https://p.example/v", "type": "Video", "name": "v", "attributedTo": "https://p.example/u", "aiUsage": level,
        "url": [{"type": "Link", "mediaType": "video/mp4", "href": "https://p.example/v.mp4"}]})
    assert said(video) == (source, "peertube" if source else None)


@pytest.mark.parametrize("value", [f"{prefix}TrainedAlgorithmicMediaDigitalSource" for prefix in (
    "https://schema.org/", "http://schema.org/", "schema:", "")] + [TRAINED])
def test_schema_orgs_names_are_the_same_values(value: str) -> None:
    assert said(note(attachment=[{**IMAGE, "digitalSourceType": value}])) == (TRAINED, "declared")


@pytest.mark.parametrize(("xmp", "source"), [
    ('Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"', TRAINED),
    ("<x:DigitalSourceType>\n https://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture</x:DigitalSourceType>", CAPTURE),
    ('DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture" '
     'DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"', TRAINED),
    ("a caption about http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia", None),
    ("<DigitalSourceType/><b>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia", None),
    ('DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/madeUp"', None), ("", None)])
def test_what_generators_write_into_xmp(xmp: str, source: str | None, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff\xd8" * bool(xmp) + xmp.encode())
    assert metadata_source(tmp_path / "file") == source


# ---- shown as what it is
def test_every_label_says_whose_word_it_is() -> None:
    shown = {by: labels.sentence(TRAINED, by) for by in labels.SOURCES}
    assert len(set(shown.values())) == len(labels.SOURCES)
    assert all(text.startswith("AI-generated") and "erified" not in text for text in shown.values())
    assert labels.sentence(labels.NOT_AI, "peertube") == "No AI, says its author by PeerTube's AI label."
    assert labels.sentence(None, None).startswith("Nobody has said")


def test_every_hashtag_in_the_tables_is_folded_and_known() -> None:
    for table in (labels._STATEMENTS, labels._GENRES):
        for tag, (source, why) in table.items():
            assert labels._fold(tag) == tag
            assert source in KNOWN
            assert why
    assert not (labels._STATEMENTS.keys() | labels._GENRES.keys()) & labels.NOT_READ.keys()


@pytest.mark.parametrize("language", label_lines.LANGUAGES)
def test_a_line_is_there_for_every_label_with_a_hashtag(language: str) -> None:
    called_for = [entry.uri for entry in KNOWN.values() if entry.hashtag]
    lines = {label_lines.line(uri, kind, language) for uri in called_for for kind in ("video", "image")}
    assert None not in lines
    assert len(lines) == 6


@pytest.mark.parametrize("language", [*label_lines.LANGUAGES, None])
def test_a_composite_that_a_program_made_says_so_everywhere(language: str | None) -> None:
    """A cameo of the procedural generator, say. It has no hashtag: nobody knows whether there is AI in its parts."""
    uris, generator = Uris("https://a.example"), {"name": "Fedisora procedural", "model": "Aurora <1>"}
    made = Media(kind="video", digital_source_type=COMPOSITE, generator=generator)
    content, tag = label_line([made], uris, language)
    assert tag is None and content.startswith("<p>") and content.endswith(" · Aurora &lt;1&gt;</p>")
    assert content[3:-28].split(",")[0] in str(label_lines.line(COMPOSITE, "video", language))
    unknown = Media(kind="video", digital_source_type=COMPOSITE)
    assert label_line([unknown], uris, language) == ("", None), "a remix of who knows what"
    tagged = label_line([made, Media(kind="video", digital_source_type=TRAINED, generator=generator)], uris, language)
    assert tagged[1] == "AIGenerated", "the stricter word stands"
    assert labels.label(COMPOSITE, "made", generator) == "Composite, made by a program"
    assert labels.label(COMPOSITE, "remix") == "Composite, parts not declared"
    assert describe(COMPOSITE, {"generator": generator}) == "Composite video, made by a program (Aurora <1>)."
    assert provenance_label(made)["label_text"] == "Composite, made by a program. It was made on this server."


@pytest.mark.parametrize(("language", "start"), [
    ("de", "KI-generiertes"), ("de-AT", "KI-generiertes"), ("DE_ch", "KI-generiertes"),
    ("en", "AI-generated"), (None, "AI-generated"), ("tlh", "AI-generated")])
def test_the_line_is_in_the_language_of_the_post(language: str | None, start: str) -> None:
    assert str(label_lines.line(TRAINED, "video", language)).startswith(start)


def test_a_title_of_a_post_of_others_is_without_its_last_line() -> None:
    line = '<p>AI-modified video · Wan <a href="https://a.example/tags/AIModified" rel="tag">#<span>AIModified</span></a></p>'
    assert label_lines.without(f"<p>A boat</p>{line}") == "<p>A boat</p>"
    for kept in (line, "<p>A boat</p>", '<p>A boat</p><p>I like <a href="https://a.example/tags/AIModified">#AIModified</a></p>',
                 f"{line}<p>A boat</p>"):
        assert label_lines.without(kept) == kept
