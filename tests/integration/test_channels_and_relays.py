"""A channel with its Videos as PeerTube meets them, and a relay, both over HTTP."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually, unique
from tests.support.peertube import channel_problems, problems
from tests.support.remote import AS2
from tests.support.world import ACTIVITY, World

PUBLIC = f"{AS2}#Public"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("channels"), database_url=module_database_url).start()
    yield running
    running.close()


@pytest.fixture
def peertube() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture
def mastodon() -> Iterator[World]:
    with World() as found:
        yield found


def get(instance: InstanceProcess, url: str, **headers: str) -> httpx.Response:
    return instance.http.get(url, headers={"Accept": ACTIVITY, **headers})


def document(instance: InstanceProcess, url: str) -> dict[str, Any]:
    answer = get(instance, url)
    assert answer.status_code == 200, f"{url}: {answer.status_code}"
    assert answer.headers["content-type"].startswith(ACTIVITY)
    found: dict[str, Any] = answer.json()
    assert found["id"] == url
    return found


def follow(world: World, whom: str) -> None:
    fan = world.actor(unique("fan"))
    activity = fan.activity("Follow", whom)
    assert fan.send(f"{whom}/inbox", activity).status_code == 202
    eventually(lambda: [item for item in world.activities("Accept") if item["object"]["id"] == activity["id"]],
               what=f"{whom} accepts")


def objects(world: World, kind: str) -> list[dict[str, Any]]:
    return [item["object"] for item in world.activities(kind) if isinstance(item["object"], dict)]


def test_a_channel_and_its_videos(instance: InstanceProcess, peertube: World, mastodon: World) -> None:
    ada = instance.user(unique("ada"))
    handle = instance.cli("channel", "create", ada.name, "--name", "Herons").stdout.strip()
    channel = f"{instance.base}/users/{ada.name}_channel"
    assert handle == f"@{ada.name}_channel@{instance.host}"
    assert instance.cli("channel", "create", ada.name, check=False).returncode == 2

    group = document(instance, channel)
    assert channel_problems(group) == []
    assert group["attributedTo"] == [{"type": "Person", "id": ada.actor}]
    finger = instance.http.get("/.well-known/webfinger", params={"resource": f"acct:{handle[1:]}"}).json()
    assert channel in [link.get("href") for link in finger["links"]]
    assert document(instance, group["outbox"])["totalItems"] == 0

    follow(peertube, channel)
    follow(mastodon, ada.actor)
    status = ada.generate("a heron lands by the river", visibility="public")
    (video,) = eventually(lambda: [item for item in objects(peertube, "Create") if item["type"] == "Video"], what="Video")
    note = eventually(lambda: objects(mastodon, "Create"), what="Note")[0]
    announce = eventually(lambda: peertube.activities("Announce"), what="Announce")[0]
    assert problems(video) == []
    assert note["type"] == "Note"
    assert (announce["actor"], announce["object"]) == (channel, video["id"])
    assert video["url"][0]["href"] == note["url"]
    assert {item["type"] for item in objects(mastodon, "Create")} == {"Note"}
    assert mastodon.activities("Announce") == []
    assert {item["type"] for item in objects(peertube, "Create")} == {"Video"}

    # everything it names answers
    assert document(instance, video["id"]) == video
    assert document(instance, announce["id"])["object"] == video["id"]
    assert document(instance, f"{video['id']}/activity")["object"] == video
    for name in ("likes", "dislikes", "shares", "comments"):
        document(instance, video[name])
    assert document(instance, video["shares"])["orderedItems"] == [announce["id"]]
    assert get(instance, f"{video['comments']}?page=1").json()["orderedItems"] == []
    picture = get(instance, video["icon"][0]["url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    assert get(instance, video["icon"][0]["url"]).content == picture.content
    assert instance.http.head(video["url"][1]["href"]).headers["content-length"] == str(video["url"][1]["size"])
    assert document(instance, group["outbox"])["totalItems"] == 1
    assert document(instance, f"{ada.actor}/outbox")["totalItems"] == 1
    assert instance.http.get(urlsplit(video["id"]).path, headers={"Accept": "text/html"}).headers["location"] == note["url"]
    assert get(instance, f"{ada.actor}/videos/1").status_code == 404
    assert get(instance, f"{video['id']}/nothing").status_code == 404

    # a comment from there belongs to the post
    fan = peertube.actor(unique("commenter"))
    comment = peertube.note(fan, "lovely", inReplyTo=video["id"], cc=[ada.actor])
    assert fan.send(f"{ada.actor}/inbox", fan.activity("Create", comment)).status_code == 202
    eventually(lambda: ada.get(f"/api/v1/statuses/{status['id']}")["replies_count"] == 1, what="comment")
    assert get(instance, f"{video['comments']}?page=1").json()["orderedItems"] == [comment["id"]]

    _edited_and_deleted(instance, ada, status, video, peertube, mastodon)


def _edited_and_deleted(instance: InstanceProcess, ada: Api, status: dict[str, Any], video: dict[str, Any],
                        peertube: World, mastodon: World) -> None:
    ada.http.put(f"/api/v1/statuses/{status['id']}", json={"status": "a heron leaves"}).raise_for_status()
    (newer,) = eventually(lambda: objects(peertube, "Update"), what="Update of the Video")
    assert (newer["id"], newer["name"]) == (video["id"], "a heron leaves")
    assert document(instance, video["id"]) == newer
    ada.http.delete(f"/api/v1/statuses/{status['id']}").raise_for_status()
    (end,) = eventually(lambda: objects(peertube, "Delete"), what="Delete of the Video")
    assert (end["id"], end["type"]) == (video["id"], "Tombstone")
    eventually(lambda: objects(mastodon, "Delete"), what="Delete of the Note")
    gone = get(instance, video["id"])
    assert (gone.status_code, gone.json()["type"]) == (410, "Tombstone")
    assert get(instance, video["icon"][0]["url"]).status_code == 410
    instance.cli("channel", "close", ada.name)
    assert get(instance, f"{ada.actor}_channel").status_code == 404
    assert instance.cli("channel", "close", ada.name, check=False).returncode == 2


def test_the_switch_in_the_settings(instance: InstanceProcess) -> None:
    name = unique("lena")
    instance.user(name)
    channel = f"{instance.base}/users/{name}_channel"
    with httpx.Client(base_url=instance.base, timeout=30) as browser:
        def submit(path: str, form: str, **data: str) -> httpx.Response:
            token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(form).text)
            assert token
            return browser.post(path, data={"csrf_token": token[1], **data})

        assert browser.post("/settings/channel", data={"channel": "1"}).status_code == 403
        submit("/login", "/login", login=name, password=PASSWORD)
        assert get(instance, channel).status_code == 404
        assert submit("/settings/channel", "/settings", channel="1").status_code == 303
        assert document(instance, channel)["type"] == "Group"
        assert re.search(r'name="channel" value="1" checked', browser.get("/settings").text)
        assert submit("/settings/channel", "/settings", channel="1").status_code == 303
        assert submit("/settings/channel", "/settings").status_code == 303
        assert get(instance, channel).status_code == 404
        assert browser.get(f"/@{name}_channel").status_code == 404
        submit("/settings/channel", "/settings", channel="1")
        assert browser.get(f"/@{name}_channel").status_code == 200


# ---- relays
@pytest.fixture
def relay() -> Iterator[World]:
    with World() as found:
        yield found


def _state(instance: InstanceProcess) -> dict[str, str]:
    rows = json.loads(instance.cli("relay", "list", "--json").stdout)
    return {row["inbox"]: row["state"] for row in rows}


def test_a_relay_of_mastodons_style(instance: InstanceProcess, relay: World) -> None:
    ada = instance.user(unique("ada"))
    actor = relay.actor("relay")
    inbox = f"{actor.uri}/inbox"
    assert instance.cli("relay", "add", "nonsense", check=False).returncode == 2
    assert instance.cli("relay", "add", inbox, "--style", "other", check=False).returncode == 2
    instance.cli("relay", "add", inbox)
    (asked,) = eventually(lambda: relay.activities("Follow"), what="Follow of everybody")
    assert (asked["actor"], asked["object"]) == (f"{instance.base}/actor", PUBLIC)
    assert document(instance, asked["id"])["object"] == PUBLIC
    assert _state(instance)[inbox] == "pending"
    ada.post("/api/v1/statuses", status="before it agreed")

    assert actor.send(f"{instance.base}/inbox", actor.activity("Accept", asked)).status_code == 202
    eventually(lambda: _state(instance)[inbox] == "accepted", what="relay accepted")
    ada.post("/api/v1/statuses", status="not for relays", visibility="unlisted")
    posted = ada.post("/api/v1/statuses", status="for everybody")
    (note,) = eventually(lambda: objects(relay, "Create"), what="Create at the relay")
    assert note["id"] == posted["uri"]
    ada.http.delete(f"/api/v1/statuses/{posted['id']}").raise_for_status()
    eventually(lambda: objects(relay, "Delete"), what="Delete at the relay")

    instance.cli("relay", "remove", inbox)
    eventually(lambda: relay.activities("Undo"), what="Undo at the relay")
    assert inbox not in _state(instance)
    assert instance.cli("relay", "remove", inbox, check=False).returncode == 2


def test_a_relay_of_litepubs_style(instance: InstanceProcess, relay: World, mastodon: World) -> None:
    ada = instance.user(unique("ada"))
    actor, author = relay.actor("relay"), mastodon.actor(unique("author"))
    inbox = f"{instance.base}/inbox"
    instance.cli("relay", "add", actor.uri, "--style", "litepub")
    (asked,) = eventually(lambda: relay.activities("Follow"), what="Follow of the relay")
    assert asked["object"] == actor.uri
    actor.send(inbox, actor.activity("Accept", asked))
    actor.send(inbox, actor.activity("Follow", f"{instance.base}/actor"))
    eventually(lambda: relay.activities("Accept"), what="followed back")
    eventually(lambda: _state(instance)[f"{actor.uri}/inbox"] == "accepted", what="relay accepted")

    posted = ada.post("/api/v1/statuses", status="for everybody")
    (announce,) = eventually(lambda: relay.activities("Announce"), what="Announce at the relay")
    assert (announce["actor"], announce["object"]) == (f"{instance.base}/actor", posted["uri"])
    assert document(instance, announce["id"])["object"] == posted["uri"]
    assert relay.activities("Create") == []

    note = mastodon.note(author, "brought by a relay")
    assert actor.send(inbox, actor.activity("Announce", note["id"])).status_code == 202

    def arrived() -> list[dict[str, Any]]:
        return [item for item in ada.get("/api/v1/timelines/public", remote="true") if item["uri"] == note["id"]]

    (shown,) = eventually(arrived, what="post brought by the relay")
    assert (shown["reblog"], shown["reblogs_count"]) == (None, 0)
    assert shown["account"]["acct"] == f"{author.name}@{mastodon.host}"
    instance.cli("relay", "remove", actor.uri)
    eventually(lambda: relay.activities("Undo"), what="unfollowed")
