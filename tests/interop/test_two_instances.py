"""Two real instances: follow, a generated video with its provenance, like, boost, reply, edit, delete, unfollow."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.instances import Api, InstanceProcess, eventually

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("two")]  # its servers start once


@dataclass
class Pair:
    alice: Api
    bob: Api
    video: dict[str, Any]
    copy: dict[str, Any]


@pytest.fixture(scope="module")
def pair(instances: Callable[..., InstanceProcess]) -> Pair:
    """alice@a published a video, bob@b follows her and has it."""
    alice, bob = instances("a").user("alice"), instances("b").user("bob")
    bob.follow(f"@{alice.handle}")
    video = alice.generate("aurora over a mountain lake at night", text="First light #sky")
    copy = eventually(lambda: bob.find(video["uri"]), what="the video at bob's")
    return Pair(alice, bob, video, copy)


def test_the_follow_is_seen_on_both_sides(pair: Pair) -> None:
    followers = pair.alice.get(f"/api/v1/accounts/{pair.alice.me()['id']}/followers")
    assert [account["acct"] for account in followers] == [pair.bob.handle]
    assert any(note["type"] == "follow" for note in pair.alice.get("/api/v1/notifications"))


def test_the_video_arrives_playable_and_labelled(pair: Pair) -> None:
    media = pair.copy["media_attachments"][0]
    assert media["type"] == "video"
    assert media["meta"]["original"]["width"] == 960
    assert media["fedisora"]["digital_source_type"].endswith("/algorithmicMedia")
    assert "#Procedural" in pair.copy["content"].replace("<span>", "").replace("</span>", "")
    answer = httpx.get(media["url"], headers={"Range": "bytes=0-99"}, follow_redirects=True)
    assert answer.status_code == 206 and len(answer.content) == 100


def test_the_other_side_verifies_the_provenance(pair: Pair) -> None:
    def checked() -> dict[str, Any]:
        found: dict[str, Any] = pair.bob.get(f"/api/v1/statuses/{pair.copy['id']}")
        verdict = found["media_attachments"][0]["fedisora"]["verdict"]
        assert verdict is not None
        return dict(verdict)

    verdict = eventually(checked, what="verdict at bob's")
    assert verdict["verdict"] == "verified", verdict
    assert verdict["signer"]["actor"] == pair.alice.actor


def test_the_remote_page_shows_the_badge(pair: Pair) -> None:
    page = pair.bob.instance.http.get(f"/@{pair.alice.handle}/{pair.copy['id']}")
    assert page.status_code == 200
    assert "How was this made?" in page.text and "<video" in page.text


def test_captions_follow_the_video_and_are_read_through_the_other_server(pair: Pair) -> None:
    media_id = pair.video["media_attachments"][0]["id"]
    one = f"/api/fedisora/v1/media/{media_id}/captions/de"
    text = "WEBVTT\n\n00:00:00.100 --> 00:00:00.900\nPolarlicht\n"
    assert pair.alice.http.put(one, content=text, headers={"Content-Type": "text/vtt"}).status_code == 200

    def said() -> list[dict[str, Any]]:
        media = pair.bob.get(f"/api/v1/statuses/{pair.copy['id']}")["media_attachments"][0]
        found: list[dict[str, Any]] = media["fedisora"]["captions"]
        return found

    caption, = eventually(said, what="captions at bob's")
    assert (caption["language"], caption["label"]) == ("de", "Deutsch")
    assert caption["url"].startswith(pair.bob.instance.base)
    assert httpx.get(caption["url"]).text == text
    assert pair.bob.get(f"/api/v1/statuses/{pair.copy['id']}")["edited_at"] is None
    page = pair.bob.instance.http.get(f"/@{pair.alice.handle}/{pair.copy['id']}", headers={"Accept-Language": "de-AT"})
    assert f'src="{httpx.URL(caption["url"]).path}" srclang="de" label="Deutsch" default>' in page.text
    assert pair.alice.http.delete(one).status_code == 204
    eventually(lambda: not said(), what="the captions go at bob's too")


def test_like_and_boost_come_back(pair: Pair) -> None:
    pair.bob.post(f"/api/v1/statuses/{pair.copy['id']}/favourite")
    pair.bob.post(f"/api/v1/statuses/{pair.copy['id']}/reblog")

    def counted() -> bool:
        now = pair.alice.get(f"/api/v1/statuses/{pair.video['id']}")
        return bool(now["favourites_count"] == 1 and now["reblogs_count"] == 1)

    eventually(counted, what="like and boost at alice's")
    kinds = {note["type"] for note in pair.alice.get("/api/v1/notifications")}
    assert {"favourite", "reblog"} <= kinds
    pair.bob.post(f"/api/v1/statuses/{pair.copy['id']}/unfavourite")
    pair.bob.post(f"/api/v1/statuses/{pair.copy['id']}/unreblog")
    eventually(lambda: pair.alice.get(f"/api/v1/statuses/{pair.video['id']}")["favourites_count"] == 0, what="unlike")
    eventually(lambda: pair.alice.get(f"/api/v1/statuses/{pair.video['id']}")["reblogs_count"] == 0, what="unboost")


def test_a_reply_threads_on_both_sides(pair: Pair) -> None:
    reply = pair.bob.post("/api/v1/statuses", status=f"@{pair.alice.handle} how lovely", in_reply_to_id=pair.copy["id"])

    def threaded() -> list[Any]:
        context = pair.alice.get(f"/api/v1/statuses/{pair.video['id']}/context")
        return [item for item in context["descendants"] if item["uri"] == reply["uri"]]

    eventually(threaded, what="the reply at alice's")
    assert any(note["type"] == "mention" for note in pair.alice.get("/api/v1/notifications"))
    page = pair.alice.instance.http.get(f"/@alice/{pair.video['id']}")
    assert "how lovely" in page.text


def test_an_edit_arrives(pair: Pair) -> None:
    post = pair.alice.post("/api/v1/statuses", status="a tpyo")
    copy = eventually(lambda: pair.bob.find(post["uri"]), what="the post at bob's")
    answer = pair.alice.http.put(f"/api/v1/statuses/{post['id']}", json={"status": "a typo"})
    assert answer.status_code == 200, answer.text
    eventually(lambda: "a typo" in pair.bob.get(f"/api/v1/statuses/{copy['id']}")["content"], what="the edit at bob's")
    assert pair.bob.get(f"/api/v1/statuses/{copy['id']}")["edited_at"]


def test_a_delete_arrives(pair: Pair) -> None:
    post = pair.alice.post("/api/v1/statuses", status="gone soon")
    copy = eventually(lambda: pair.bob.find(post["uri"]), what="the post at bob's")
    assert pair.alice.http.delete(f"/api/v1/statuses/{post['id']}").status_code == 200
    eventually(lambda: pair.bob.http.get(f"/api/v1/statuses/{copy['id']}").status_code == 404, what="the deletion")
    headers = {"Accept": "application/activity+json"}
    assert httpx.get(post["uri"], headers=headers).status_code in (404, 410)


def test_a_followers_only_post_stays_with_followers(pair: Pair) -> None:
    post = pair.alice.post("/api/v1/statuses", status="for friends", visibility="private")
    eventually(lambda: pair.bob.find(post["uri"]), what="the post at bob's")
    assert httpx.get(post["uri"], headers={"Accept": "application/activity+json"}).status_code == 404
    assert pair.alice.instance.http.get(f"/@alice/{post['id']}").status_code == 404


def test_zz_unfollow_ends_it(pair: Pair) -> None:
    account = pair.bob.resolve(f"@{pair.alice.handle}")
    pair.bob.post(f"/api/v1/accounts/{account['id']}/unfollow")
    me = pair.alice.me()["id"]
    eventually(lambda: not pair.alice.get(f"/api/v1/accounts/{me}/followers"), what="no follower left")


def test_a_post_elsewhere_is_verified_by_its_address(pair: Pair) -> None:
    done = pair.bob.instance.cli("verify", pair.video["url"], "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["signer"]["actor"] == pair.alice.actor
