"""Lineage as JSON and pages; labels in oEmbed, previews, players and feeds; nothing that is not public in any of them."""
from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest
from sqlalchemy import select, update

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.ids import new_id
from fedisora.models import Actor, Job, Lineage, Media, Status, StatusTag
from fedisora.provenance import digital_source
from fedisora.settings import load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually
from tests.support.world import World

MEDIA = "{http://search.yahoo.com/mrss/}"
EVIL = '</title><script>alert("x")</script>&amp;]]>\u202e\x0b'
NEVER = ("PRIVATE-TEXT", "DIRECT-TEXT", "HELD-TEXT", "UNPUBLISHED-TEXT", "SUSPENDED-TEXT")


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("labels"), instance_name="Aurora").start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def ada(instance: InstanceProcess) -> Api:
    return instance.user("ada")


@pytest.fixture(scope="module")
def video(ada: Api) -> dict[str, Any]:
    """A published, signed video, with an author whose name is an attack."""
    ada.http.patch("/api/v1/accounts/update_credentials", json={"display_name": EVIL})
    status = ada.generate("a quiet fjord", status=f"Fjord at night {EVIL} #fjord")
    return eventually(lambda: (found := ada.get(f"/api/v1/statuses/{status['id']}"))["media_attachments"] and found,
                      what="the signed video")


@pytest.fixture(scope="module")
def db(instance: InstanceProcess) -> Iterator[Database]:
    """The instance's own database, for rows that only other servers or moderators make."""
    settings = load_settings(instance.folder, base_url=instance.base)
    database = Database(Instance(settings, Uris(instance.base), Vault.open(instance.folder)))
    yield database
    database.close()


@pytest.fixture(scope="module")
def hidden(db: Database, ada: Api, video: dict[str, Any]) -> dict[str, int]:
    """Posts that nobody but their author may see, each with the hashtag, each a remix of the video: row id by text."""
    now = dt.datetime.now(dt.UTC)
    ids: dict[str, int] = {}

    def fill(uow: UnitOfWork) -> None:
        author = uow.session.scalars(select(Actor).where(Actor.uri == ada.actor)).one()
        gone = Actor(id=new_id(now), uri="https://gone.example/users/g", username="g", username_key="g", domain="gone.example",
                     created_at=now, updated_at=now, suspended_at=now)
        mal = Actor(id=new_id(now), uri="https://m.example/users/m", username="m", username_key="m", domain="m.example",
                    name=EVIL, created_at=now, updated_at=now)
        uow.session.add_all([gone, mal])
        uow.session.flush()
        for text, by, values in (
                ("PRIVATE-TEXT", author, {"visibility": "private"}), ("DIRECT-TEXT", author, {"visibility": "direct"}),
                ("UNPUBLISHED-TEXT", author, {"published": False}), ("HELD-TEXT", mal, {"review": "held"}),
                ("SUSPENDED-TEXT", gone, {}), ("REMOTE-TEXT", mal, {"spoiler_text": EVIL, "sensitive": True})):
            row = Status(id=new_id(now), actor_id=by.id, uri=f"{by.uri}/statuses/{new_id(now)}", local=by is author, text=text,
                         content=f"<p>{text}<script>alert(1)</script><img src=x onerror=alert(1)></p>", created_at=now, **values)
            uow.session.add(row)
            uow.session.flush()
            uow.session.add_all([
                StatusTag(status_id=row.id, key="fjord", name="fjord"),
                Media(id=new_id(now), actor_id=by.id, status_id=row.id, kind="video", state="remote", created_at=now,
                      remote_url="https://m.example/a&b.mp4", mime='video/mp4"><x>', digital_source_type=digital_source.TRAINED,
                      generator={"model": EVIL}),
                Lineage(id=new_id(now), child_id=row.id, child_uri=row.uri, parent_uri=video["uri"], parent_id=int(video["id"]),
                        kind="remix", consent="valid", created_at=now)])
            ids[text] = row.id
        made = Lineage(id=new_id(now), child_id=int(video["id"]), child_uri=video["uri"], kind="remix", consent="pending",
                       parent_uri="https://127.0.0.9:9/posts/1", created_at=now)
        uow.session.add(made)

    db.write_now(fill)
    return ids


class Head(HTMLParser):
    """The meta and link elements of a page, and its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.meta: dict[str, str] = {}
        self.links: list[dict[str, str]] = []
        self.scripts: list[dict[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "meta":
            self.meta[found.get("property") or found.get("name", "")] = found.get("content", "")
        elif tag == "link":
            self.links.append(found)
        elif tag == "script":
            self.scripts.append(found)


def page_of(instance: InstanceProcess, path: str) -> httpx.Response:
    found = instance.http.get(path, headers={"Accept": "text/html"})
    assert found.status_code == 200, f"{path}: {found.status_code}"
    return found


def test_a_preview_begins_with_the_label(instance: InstanceProcess, video: dict[str, Any]) -> None:
    head = Head(page_of(instance, urlsplit(video["url"]).path).text)
    meta = head.meta
    assert meta["og:description"].startswith("Procedural video, not AI. Fjord at night")
    assert meta["og:title"].startswith("[Procedural video, not AI] Fjord at night")
    assert (meta["og:type"], meta["og:video:type"], meta["twitter:card"]) == ("video.other", "video/mp4", "player")
    assert int(meta["og:video:width"]) > 0
    file = instance.http.get(urlsplit(meta["og:video"]).path)
    assert file.headers["content-type"] == "video/mp4"
    assert instance.http.get(urlsplit(meta["og:image"]).path).status_code == 200
    assert meta["twitter:player"] == f"{video['url']}/embed"
    discovery = next(link["href"] for link in head.links if link.get("type") == "application/json+oembed")
    assert parse_qs(urlsplit(discovery).query)["url"] == [video["url"]]
    assert instance.http.get(discovery).json()["version"] == "1.0"
    assert all(script.get("src", "").startswith("/static/") for script in head.scripts)


def test_oembed_carries_the_label(instance: InstanceProcess, video: dict[str, Any]) -> None:
    found = instance.http.get("/api/oembed", params={"url": video["url"], "format": "json"})
    assert found.status_code == 200
    assert found.headers["access-control-allow-origin"] == "*"
    answer = found.json()
    assert (answer["type"], answer["version"]) == ("video", "1.0")
    assert answer["title"].startswith("[Procedural video, not AI]")
    assert answer["provider_name"] == "Aurora · Procedural video, not AI"
    assert answer["fedisora"]["digitalSourceType"] == digital_source.ALGORITHMIC
    assert answer["fedisora"]["verdict"] == "verified"
    record = instance.http.get(urlsplit(answer["fedisora"]["record"]).path, headers={"Accept": "application/activity+json"})
    assert record.json()["digestMultibase"] == answer["fedisora"]["digestMultibase"]
    assert instance.http.get(urlsplit(answer["thumbnail_url"]).path).status_code == 200
    assert answer["html"].count("<") == 2
    assert "script" not in re.sub(r'title="[^"]*"', "", answer["html"])
    for sizes in ({"maxwidth": 200}, {"maxheight": 150}, {"maxwidth": 1, "maxheight": 1}, {"maxwidth": "x", "maxheight": "-3"}):
        small = instance.http.get("/api/oembed", params={"url": video["url"], **sizes}).json()
        for name in ("width", "height"):
            assert 0 < small[name] <= (sizes.get(f"max{name}") if isinstance(sizes.get(f"max{name}"), int) else 800)  # type: ignore[operator]
    for url in (video["uri"], video["url"] + "/embed", video["url"] + "?x=1#y"):
        assert instance.http.get("/api/oembed", params={"url": url}).json()["title"] == answer["title"]


def test_oembed_says_no(instance: InstanceProcess, video: dict[str, Any], hidden: dict[str, int]) -> None:
    def status(**params: str) -> int:
        return instance.http.get("/api/oembed", params=params).status_code

    assert status() == 400
    assert status(url=video["url"], format="xml") == 501
    for url in ("https://elsewhere.example/@ada/1", f"{instance.base}/@ada/1", f"{instance.base}/@bob/{video['id']}", "x", "http://[",
                f"{instance.base}/@ada", f"{instance.base}/@ada/{'9' * 30}", f"{instance.base}/@ada/%00"):
        assert status(url=url) in (400, 404), url
    for text, row in hidden.items():
        for name in ("ada", "m@m.example", "g@gone.example"):
            assert status(url=f"{instance.base}/@{name}/{row}") in (404, 410), text


def test_the_player_may_be_framed_and_nothing_else(instance: InstanceProcess, video: dict[str, Any],
                                                   hidden: dict[str, int]) -> None:
    path = urlsplit(video["url"]).path
    player = page_of(instance, f"{path}/embed")
    assert "Procedural video, not AI" in player.text
    policy = player.headers["content-security-policy"]
    assert "frame-ancestors *" in policy
    assert "default-src 'none'" in policy
    assert "x-frame-options" not in player.headers
    assert "set-cookie" not in player.headers
    assert "<script" not in player.text.replace("&lt;script", "")
    for other in (path, f"{path}/lineage", "/@ada", f"{path}/embed/x", "/@ada/1/embed"):
        found = instance.http.get(other, headers={"Accept": "text/html"})
        assert found.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in found.headers["content-security-policy"]
    for text, row in hidden.items():
        for name in ("ada", "m@m.example", "g@gone.example"):
            assert instance.http.get(f"/@{name}/{row}/embed").status_code in (404, 410), text


def test_what_is_behind_a_warning_gives_away_no_picture(instance: InstanceProcess, ada: Api, db: Database,
                                                        video: dict[str, Any]) -> None:
    def add(text: str, **values: Any) -> int:
        def apply(uow: UnitOfWork) -> int:
            author = uow.session.scalars(select(Actor).where(Actor.uri == ada.actor)).one()
            row = new_id(dt.datetime.now(dt.UTC))
            uow.session.add(Status(
                id=row, actor_id=author.id, uri=f"{ada.actor}/statuses/{row}", local=True, visibility="unlisted",
                in_reply_to_uri="https://x.example/1", content=f"<p>{text}</p>", created_at=uow.now, **values))
            if values:
                uow.session.flush()
                uow.session.add(Media(id=new_id(uow.now), actor_id=author.id, status_id=row, kind="video", state="signed",
                                      storage_key="00/1-a.mp4", poster_key="00/1-a.webp", created_at=uow.now))
            return row

        return db.write_now(apply)

    covered, plain = add("Spiders everywhere", spoiler_text="Spiders", sensitive=True), add("Only words")
    meta = Head(page_of(instance, f"/@ada/{covered}").text).meta
    assert meta["og:description"] == "Undeclared video: nobody has said how it was made. Spiders"
    assert not {"og:image", "og:video", "twitter:player"} & set(meta)
    answer = instance.http.get("/api/oembed", params={"url": f"{instance.base}/@ada/{covered}"}).json()
    assert "thumbnail_url" not in answer
    assert "everywhere" not in str(answer)
    assert "<details><summary>Spiders</summary>" in page_of(instance, f"/@ada/{covered}/embed").text
    meta = Head(page_of(instance, f"/@ada/{plain}").text).meta
    assert (meta["og:description"], meta["og:type"]) == ("Only words", "article")
    oembed = {"url": f"{instance.base}/@ada/{plain}"}
    answer = instance.http.get("/api/oembed", params=oembed).json()
    assert (answer["type"], "fedisora" in answer, answer["provider_name"]) == ("rich", False, "Aurora")
    assert "Only words" in page_of(instance, f"/@ada/{plain}/embed").text
    db.write_now(lambda uow: uow.session.add(Lineage(
        id=new_id(uow.now), child_id=plain, child_uri=f"{ada.actor}/statuses/{plain}", parent_uri="https://x.example/2",
        kind="remix", consent="revoked", created_at=uow.now)))
    assert instance.http.get("/api/oembed", params=oembed).status_code == 410
    assert instance.http.get(f"/@ada/{plain}/embed").status_code == 410
    assert "og:title" not in Head(page_of(instance, f"/@ada/{plain}").text).meta


def test_private_posts_have_no_preview(instance: InstanceProcess, ada: Api, hidden: dict[str, int]) -> None:
    login = httpx.Client(base_url=instance.base, follow_redirects=True)
    form = login.get("/login").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token
    login.post("/login", data={"csrf_token": token[1], "login": "ada", "password": PASSWORD})
    for text in ("PRIVATE-TEXT", "UNPUBLISHED-TEXT"):
        found = login.get(f"/@ada/{hidden[text]}", headers={"Accept": "text/html"})
        assert found.status_code == 200, text
        head = Head(found.text)
        assert not [name for name in head.meta if name.startswith(("og:", "twitter:"))]
        assert not [link for link in head.links if link.get("type") == "application/json+oembed"]
    login.close()


def parsed(found: httpx.Response) -> ET.Element:
    assert found.status_code == 200, found.text[:200]
    assert found.headers["content-type"].startswith("application/rss+xml")
    root = ET.fromstring(found.content)
    channel = root.find("channel")
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    assert channel is not None
    for name in ("title", "link", "description"):
        assert channel.findtext(name)
    return channel


def test_an_accounts_feed(instance: InstanceProcess, video: dict[str, Any], hidden: dict[str, int]) -> None:
    found = instance.http.get("/@ada.rss")
    channel = parsed(found)
    items = channel.findall("item")
    assert [item.findtext("link") for item in items] == [video["url"]]
    item = items[0]
    title = item.findtext("title") or ""
    assert title.startswith("[Procedural video, not AI] Fjord at night")
    assert "\u202e" not in title
    assert (item.findtext("description") or "").startswith("<p><strong>Procedural video, not AI</strong></p><p>")
    assert "<script" not in (item.findtext("description") or "").lower()
    assert {"Procedural, not AI", "fjord"} <= {category.text for category in item.findall("category")}
    assert parsedate_to_datetime(item.findtext("pubDate") or "").tzinfo is not None
    enclosure, content = item.find("enclosure"), item.find(f"{MEDIA}content")
    assert enclosure is not None
    assert content is not None
    file = instance.http.get(urlsplit(enclosure.get("url", "")).path)
    assert (int(enclosure.get("length", "0")), enclosure.get("type")) == (len(file.content), "video/mp4")
    assert content.get("fileSize") == enclosure.get("length")
    assert content.find(f"{MEDIA}thumbnail") is not None
    assert item.findtext("guid") == video["uri"]
    again = instance.http.get("/@ada.rss", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert not [word for word in NEVER if word in found.text]
    link = [one for one in Head(page_of(instance, "/@ada").text).links if one.get("type") == "application/rss+xml"]
    assert link[0]["href"] == "/@ada.rss"
    for name in ("nobody", "m@m.example", "g@gone.example", "@ada"):
        assert instance.http.get(f"/@{name}.rss").status_code in (404, 410)


def test_a_tags_feed_takes_posts_of_others_without_their_markup(instance: InstanceProcess, video: dict[str, Any],
                                                                hidden: dict[str, int]) -> None:
    found = instance.http.get("/tags/fjord.rss")
    channel = parsed(found)
    titles = [item.findtext("title") or "" for item in channel.findall("item")]
    assert len(titles) == 2
    remote = channel.findall("item")[0]
    assert titles[0].startswith("[AI-generated video · ")
    assert "REMOTE-TEXT" in (remote.findtext("description") or "")
    for unwanted in ("<script", "onerror", "<img"):
        assert unwanted not in (remote.findtext("description") or "")
    enclosure = remote.find("enclosure")
    assert enclosure is not None
    assert (enclosure.get("url"), enclosure.get("length")) == ("https://m.example/a&b.mp4", "0")
    assert remote.find(f"{MEDIA}content/{MEDIA}thumbnail") is None
    assert remote.findtext(f"{MEDIA}content/{MEDIA}rating") == "adult"
    assert not [word for word in NEVER if word in found.text]
    assert b"\x0b" not in found.content
    parsed(instance.http.get('/tags/%3C%26%22%5D%5D%3E.rss'))
    feed, = [one["href"] for one in Head(page_of(instance, "/tags/fjord").text).links if one.get("type") == "application/rss+xml"]
    assert feed == f"{instance.base}/tags/fjord.rss"


def test_a_lineage_shows_what_everybody_may_see(instance: InstanceProcess, ada: Api, db: Database, video: dict[str, Any],
                                                hidden: dict[str, int]) -> None:
    path = f"/api/fedisora/v1/statuses/{video['id']}/lineage"
    found = instance.http.get(path)
    document = found.json()
    assert (document["root"], document["truncated"]) == (video["uri"], False)
    nodes = {node["id"]: node for node in document["nodes"]}
    assert [(node["depth"], node["missing"], node["made"]) for node in nodes.values()] == [
        (0, None, "procedural"), (-1, "unavailable", None), (1, None, "machine")]
    assert [(edge["kind"], edge["consent"], edge["loop"]) for edge in document["edges"]] == [
        ("remix", "pending", False), ("remix", "valid", False)]
    assert not [word for word in NEVER if word in found.text]
    def looked() -> int:
        return db.read_now(lambda session: len(session.scalars(select(Lineage.id).where(Lineage.looked_at.is_not(None))).all()))

    db.write_now(lambda uow: uow.session.execute(update(Lineage).values(looked_at=None)))
    page_of(instance, urlsplit(video["url"]).path)
    assert looked() == 0  # the public makes this server ask nobody
    mine = ada.get(path)
    assert {node["title"] for node in mine["nodes"]} >= {"PRIVATE-TEXT", "UNPUBLISHED-TEXT"}
    assert looked() == 1
    eventually(lambda: not db.read_now(lambda session: session.scalars(
        select(Job.id).where(Job.kind == "fetch_status", Job.state == "pending", Job.attempt == 0)).all()), what="the look-up")
    for page in (page_of(instance, urlsplit(video["url"]).path), page_of(instance, f"{urlsplit(video['url']).path}/lineage")):
        assert 'class="lineage"' in page.text
        assert "not known here, or not for you" in page.text
        assert not [word for word in NEVER if word in page.text]
        assert "style=" not in page.text
    for text in ("PRIVATE-TEXT", "HELD-TEXT", "SUSPENDED-TEXT", "UNPUBLISHED-TEXT"):
        assert instance.http.get(f"/@ada/{hidden[text]}/lineage").status_code == 404
    for text in ("PRIVATE-TEXT", "SUSPENDED-TEXT", "UNPUBLISHED-TEXT"):
        assert instance.http.get(f"/api/fedisora/v1/statuses/{hidden[text]}/lineage").status_code == 404
    assert instance.http.get("/api/fedisora/v1/statuses/1/lineage").status_code == 404


def test_a_chain_over_servers_fills_in_as_people_look(instance: InstanceProcess, ada: Api, db: Database) -> None:
    with World("127.0.0.2") as world:
        author, parent = world.actor("chain"), f"{world.base}/notes/gone"
        for text in ("first", "second", "third"):
            note = world.note(author, text, attachment=[{
                "type": "Video", "mediaType": "video/mp4", "url": f"{world.base}/{text}.mp4", "isBasedOn": parent}])
            parent = note["id"]
        status = ada.get("/api/v2/search", q=parent, resolve="true", type="statuses")["statuses"][0]
        path = f"/api/fedisora/v1/statuses/{status['id']}/lineage"
        nodes = eventually(lambda: (found := ada.get(path)["nodes"]) and len(found) == 4 and found, what="the chain")
        assert [(node["title"], node["depth"], node["missing"]) for node in nodes] == [
            ("third", 0, None), ("second", -1, None), ("first", -2, None), (None, -3, "unavailable")]
        eventually(lambda: [edge["consent"] for edge in ada.get(path)["edges"]] == ["own", "own", "missing"], what="the consents")

        def quiet() -> bool:
            return not db.read_now(lambda session: session.scalars(
                select(Job.id).where(Job.kind.in_(("fetch_status", "check_consent")), Job.state == "pending")).all())

        eventually(quiet, what="no job")
        asked = world.requests.count("/notes/gone")
        for _ in range(3):
            ada.get(path)
        eventually(quiet, what="no job")
        assert world.requests.count("/notes/gone") == asked
