"""Hostile words and files in posts and profiles: what the API and the pages make of them (areas html, media)."""
from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.hostile.scene import Peer, Scene
from tests.support.instances import unique

PAYLOADS = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<svg onload=alert(1)>", "<svg><script>x</script></svg>",
            "<math><mi//xlink:href=\"data:x,<script>alert(4)</script>\">", "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
            "<a href='java&#x09;script:alert(1)'>x</a>", "<a href='data:text/html,<script>x</script>'>x</a>",
            "<style>*{background:url(//evil.example)}</style>", "<p style='position:fixed'>x</p>",
            "<form action=//evil.example><input>",
            "<base href=//evil.example>", "<meta http-equiv=refresh content=0>",
            "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>"]
RUNS = re.compile(r"<(script|iframe|svg|math|style|form|input|object|embed|base|meta|link|img)\b|<[^>]*\son\w+\s*="
                  "|javascript:|srcdoc", re.IGNORECASE)


@pytest.mark.bad_input("BI-152")
@pytest.mark.parametrize("payload", PAYLOADS)
def test_content_that_runs(payload: str, scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    note = scene.published(author, world.note(author, payload))
    status = scene.local.find(note["id"])
    assert not RUNS.search(status["content"]), status["content"]


MARK = "<svg onload=alert(7)>"


@pytest.mark.bad_input("BI-153")
@pytest.mark.bad_input("BI-155")
def test_names_that_run(scene: Scene, world: Peer) -> None:
    author = world.actor(unique("author"))
    document = world.documents[f"/users/{author.name}"]
    document.update(name=MARK, summary=MARK, icon={"type": "Image", "url": 'https://x.example/"x);background:url(//evil'},
                    attachment=[{"type": "PropertyValue", "name": MARK, "value": MARK}],
                    tag=[{"type": "Emoji", "name": f":{MARK}:", "icon": {"url": f"https://x.example/{MARK}"}}])
    account = scene.local.resolve(f"@{author.name}@{world.host}")
    scene.local.post(f"/api/v1/accounts/{account['id']}/follow")
    follow = {"id": "x", "type": "Follow", "actor": scene.local.actor, "object": author.uri}
    scene.deliver(author, author.activity("Accept", follow))
    note = world.note(author, "x", name=MARK, summary=MARK, tag=[
        {"type": "Hashtag", "name": f"#{MARK}", "href": MARK}, {"type": "Mention", "name": MARK, "href": author.uri},
        {"type": "Emoji", "name": f":{MARK}:", "icon": {"url": MARK}}],
        attachment=[{"type": "Image", "mediaType": f"image/png{MARK}", "url": "https://x.example/1.png", "name": MARK}])
    options = [{"type": "Note", "name": MARK}, {"type": "Note", "name": MARK + "2"}]
    question = world.note(author, "x", type="Question", oneOf=options)
    for item in (note, question):
        scene.published(author, item)
        row = scene.status(item["id"])
        assert row is not None
        page = scene.instance.http.get(f"/@{author.name}@{world.host}/{row.id}")
        for text in (page.text, scene.instance.http.get("/public").text):
            assert MARK not in text
    for html in (account["note"], *(field["value"] for field in account["fields"])):
        assert not RUNS.search(html)
    assert "background:url(//evil" not in scene.instance.http.get("/public").text


@pytest.mark.bad_input("BI-154")
@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "JaVaScRiPt:alert(1)",
                                  "\tjavascript:x", "//evil", "file:///etc/passwd"])
def test_links_that_run(link: str, scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    scene.deliver(author, author.activity("Update", {**author.document(), "url": link, "icon": {"url": link}, "image": link}))
    note = scene.published(author, world.note(author, f'<a href="{link}">x</a>', url=link,
                                              attachment=[{"type": "Image", "url": link}]))
    status = scene.local.find(note["id"])
    for found in (status["url"], status["account"]["url"], status["account"]["avatar"], status["account"]["header"]):
        assert found.startswith("http://127.0.0.1"), found
    assert status["media_attachments"] == []
    assert 'href="http' in status["content"] or "href" not in status["content"]


@pytest.mark.bad_input("BI-157")
def test_a_link_that_shows_another_address(scene: Scene, world: Peer) -> None:
    author = world.actor(unique("author"))
    world.documents[f"/users/{author.name}"]["attachment"] = [
        {"type": "PropertyValue", "name": "site", "value": '<a href="https://evil.example" rel="me">https://good.example</a>'}]
    field = scene.local.resolve(f"@{author.name}@{world.host}")["fields"][0]
    assert field["verified_at"] is None
    assert 'href="https://evil.example"' in field["value"] and 'rel="me"' not in field["value"]


@pytest.mark.bad_input("BI-158")
@pytest.mark.parametrize("html", ["<svg><g>" * 25_000, "<template><p>" * 15_000, "<math><mtext><table><mglyph><style>" * 5_000,
                                  "<a><b><i>" * 20_000, "&" * 200_000, "<" * 200_000, "<p " + "a='b' " * 30_000])
def test_malformed_html_takes_no_time(html: str, scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    began = time.monotonic()
    scene.published(author, world.note(author, html))
    assert time.monotonic() - began < 5


@pytest.mark.bad_input("BI-159")
def test_classes_cannot_hide_or_fake_a_label(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    note = scene.published(author, world.note(author, '<span class="human-verified-badge invisible" style="display:none" id="x" '
                                                      'data-x="1">human</span>'))
    content = scene.local.find(note["id"])["content"]
    assert "badge" not in content and "style" not in content and "data-" not in content and "id=" not in content


# ---- files of posts
@pytest.mark.parametrize(("attachment", "kept"), [
    pytest.param({"blurhash": "A" * (1 << 19)}, 1, marks=pytest.mark.bad_input("BI-166"), id="blurhash of half a megabyte"),
    pytest.param({"blurhash": "<\"'>"}, 1, marks=pytest.mark.bad_input("BI-166"), id="blurhash of other characters"),
    pytest.param({"blurhash": ["x"]}, 1, marks=pytest.mark.bad_input("BI-166"), id="blurhash of another type"),
    pytest.param({"focalPoint": ["a", None]}, 1, marks=pytest.mark.bad_input("BI-167"), id="focal point of words"),
    pytest.param({"focalPoint": [1, 2, 3, 4, 5]}, 1, marks=pytest.mark.bad_input("BI-167"), id="focal point of five"),
    pytest.param({"focalPoint": [1e300, -1e300]}, 1, marks=pytest.mark.bad_input("BI-167"), id="focal point far away"),
])
def test_odd_files(attachment: dict[str, Any], kept: int, scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    file = {"type": "Image", "mediaType": "image/png", "url": "https://x.example/1.png", "width": 10, "height": 10, **attachment}
    note = scene.published(author, world.note(author, "file", attachment=file))
    media = scene.local.find(note["id"])["media_attachments"]
    assert len(media) == kept
    blurhash = media[0]["blurhash"]
    assert blurhash is None or re.fullmatch(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,128}", blurhash)
    focus = media[0]["meta"].get("focus", {"x": 0, "y": 0})
    assert -1 <= focus["x"] <= 1 and -1 <= focus["y"] <= 1


@pytest.mark.bad_input("BI-168")
def test_a_thousand_files(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    files = [{"type": "Image", "mediaType": "image/png", "url": f"https://x.example/{number}.png"} for number in range(1000)]
    note = scene.published(author, world.note(author, "many", attachment=files))
    assert 1 <= len(scene.local.find(note["id"])["media_attachments"]) <= 32


@pytest.mark.bad_input("BI-169")
def test_files_that_are_none(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    note = scene.published(author, world.note(author, "none", attachment=[
        "x", None, 7, [], {"type": "Note", "content": "x"}, {"type": "Image"}, {"url": {}}, {"type": ["Image"], "url": [[]]}]))
    assert scene.local.find(note["id"])["media_attachments"] == []


@pytest.mark.bad_input("BI-123")
def test_a_file_at_an_address_inside_is_never_asked_for(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    note = scene.published(author, world.note(author, "x", attachment=[
        {"type": "Video", "mediaType": "video/mp4", "url": "http://10.0.0.1/x.mp4", "digestMultibase": "zQmX"}]))
    media = scene.local.find(note["id"])["media_attachments"][0]
    assert scene.instance.http.get(f"/proxy/media/{media['id']}").status_code in (301, 302, 401, 403, 404)
