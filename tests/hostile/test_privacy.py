"""What is not for everybody stays with those it is for (catalogue area privacy)."""
from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.hostile.scene import Peer, Scene, answer
from tests.integration.test_accounts_web import Browser
from tests.support.instances import eventually, unique

AP = {"Accept": "application/activity+json"}


@pytest.fixture(scope="module", params=["private", "direct"])
def secret(scene: Scene, request: pytest.FixtureRequest) -> dict[str, Any]:
    text = f"a secret for few #hidden{request.param}"
    found: dict[str, Any] = scene.local.post("/api/v1/statuses", status=text, visibility=request.param)
    return found


@pytest.mark.bad_input("BI-173")
@pytest.mark.bad_input("BI-174")
def test_absent_for_strangers(scene: Scene, secret: dict[str, Any], world: Peer) -> None:
    absent = f"{scene.local.actor}/statuses/1"
    for suffix in ("", "/activity", "/replies"):
        answer, nothing = (httpx.get(uri + suffix, headers=AP) for uri in (secret["uri"], absent))
        assert answer.status_code == nothing.status_code == 404
        assert answer.content == nothing.content
        assert answer.headers.get("cache-control") == nothing.headers.get("cache-control")


@pytest.mark.bad_input("BI-176")
def test_absent_everywhere(scene: Scene, secret: dict[str, Any]) -> None:
    me, number = scene.local.me(), secret["id"]
    tag = "hiddenprivate" if secret["visibility"] == "private" else "hiddendirect"
    base, name = scene.instance.base, scene.local.name
    stranger = scene.instance.user(unique("stranger"))
    paths = [f"/users/{name}/outbox?page=1", f"/users/{name}/collections/featured", f"/users/{name}/statuses/{number}/replies",
             f"/users/{name}/statuses/{number}/likes", f"/users/{name}/statuses/{number}/shares", f"/api/v1/statuses/{number}",
             f"/api/v1/statuses/{number}/context", f"/api/v1/statuses/{number}/history", f"/api/v1/statuses/{number}/source",
             f"/api/v1/statuses/{number}/favourited_by", f"/api/v1/statuses/{number}/card",
             f"/api/v1/accounts/{me['id']}/statuses",
             "/api/v1/timelines/public?limit=40", f"/api/v1/timelines/tag/{tag}", f"/api/v2/search?q={tag}&type=statuses",
             "/api/v2/search?q=secret&type=statuses", f"/api/oembed?url={base}/@{name}/{number}", f"/@{name}",
             f"/@{name}/{number}",
             f"/@{name}.rss", f"/tags/{tag}", f"/tags/{tag}.rss", "/", "/local", "/public", "/sitemap.xml", "/search?q=secret"]
    for path in paths:
        for client, headers in ((scene.instance.http, {}), (scene.instance.http, AP), (stranger.http, {})):
            answer = client.get(path, headers=headers)
            assert answer.status_code < 500, path
            assert "a secret for few" not in answer.text, path
            assert secret["uri"] not in answer.text, path


@pytest.mark.bad_input("BI-177")
def test_answers_to_signed_reads_are_not_for_caches(scene: Scene, secret: dict[str, Any], world: Peer) -> None:
    public = scene.local.post("/api/v1/statuses", status="for everybody")
    for uri in (public["uri"], secret["uri"], scene.local.actor, f"{scene.local.actor}/outbox"):
        headers = httpx.get(uri, headers=AP).headers
        if uri == secret["uri"]:
            assert headers["cache-control"] == "no-store"
        else:
            assert {"accept", "signature"} <= {name.strip() for name in headers["vary"].lower().split(",")}


@pytest.mark.bad_input("BI-179")
def test_blind_copies_leave_no_trace(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    blind = "https://blind.example/users/hidden"
    note = scene.published(author, world.note(author, "x", bto=[blind], bcc=blind))
    row = scene.status(note["id"])
    assert row is not None
    served = [scene.local.http.get(path).text for path in (f"/api/v1/statuses/{row.id}", f"/api/v1/statuses/{row.id}/context",
                                                           "/api/v1/timelines/home", f"/@{author.name}@{world.host}/{row.id}")]
    assert not any("blind.example" in text for text in served)
    assert blind not in (row.document.decode() if isinstance(row.document, bytes) else str(row.document))


@pytest.mark.bad_input("BI-179")
def test_what_leaves_has_no_blind_copies(scene: Scene, world: Peer) -> None:
    fan = world.actor(unique("fan"))
    scene.deliver(fan, fan.activity("Follow", scene.local.actor))
    scene.local.post("/api/v1/statuses", status="blind?", visibility="public")
    eventually(lambda: [body for body in world.activities("Create") if "blind?" in body["object"]["content"]], what="our post")
    assert not any('"bto"' in json.dumps(body) or '"bcc"' in json.dumps(body) for _, body in world.received)


def test_a_file_of_a_post_for_few_is_for_those_alone(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    url = f"{world.base}/{unique('few')}.png"
    world.answers[urlsplit(url).path] = answer(200, b"a secret for few", "image/png")
    scene.published(author, world.note(author, "x", to=[f"{author.uri}/followers"], cc=[], attachment=[
        {"type": "Document", "mediaType": "image/png", "url": url}]))
    path = f"/proxy/media/{scene.sql('SELECT id FROM media WHERE remote_url = :url', url=url)[0][0]}"
    with Browser(scene.instance.base) as browser:
        for headers in ({}, AP):
            assert browser.http.get(path, headers=headers).status_code == 404
        assert browser.log_in(scene.local.name).status_code == 303
        shown = browser.http.get(path)
        assert (shown.content, shown.headers["cache-control"]) == (b"a secret for few", "private, no-store")
    assert scene.instance.http.get(path).status_code == 404, "also when it is in the cache"


@pytest.mark.bad_input("BI-180")
def test_a_name_is_not_given_twice(scene: Scene) -> None:
    name = unique("once")
    scene.instance.user(name)
    scene.sql("UPDATE users SET state = 'disabled' WHERE actor_id = (SELECT id FROM actors WHERE username = :name)", name=name)
    scene.sql("UPDATE actors SET suspended_at = created_at WHERE username = :name", name=name)
    for spelled in (name, name.upper()):
        again = scene.instance.cli("user", "create", spelled, "--email", f"{spelled}@again.example", "--password",
                                   "correct horse battery", check=False)
        assert again.returncode != 0


@pytest.mark.bad_input("BI-151")
@pytest.mark.parametrize(("resource", "status"), [
    ("acct:a@other.example", 404), ("acct:lena@127.0.0.1", 404), ("acct:nobody@%HOST%", 404), ("", 400), ("acct:", 400),
    ("lena", 400), ("acct:@", 400), ("acct:a b@%HOST%", 400), ("https://other.example/users/lena", 404),
    ("acct:" + "a" * 5000 + "@%HOST%", 400), ("javascript:alert(1)", 400), ("\x00", 400)])
def test_webfinger_of_others(resource: str, status: int, scene: Scene) -> None:
    wanted = resource.replace("%HOST%", scene.instance.host)
    answer = scene.instance.http.get("/.well-known/webfinger", params={"resource": wanted})
    assert answer.status_code == status
    assert scene.instance.http.get("/.well-known/webfinger").status_code == 400
