"""Three real instances: threads, boosts, edits, deletes and keys across servers that hear of each other second-hand."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.instances import Api, InstanceProcess, eventually

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("three")]  # its servers start once


@dataclass
class Town:
    """ann@a follows bea@b and cat@c; art@a follows bea only; bea and cat follow each other."""

    ann: Api
    art: Api
    bea: Api
    cat: Api


@pytest.fixture(scope="module")
def town(instances: Callable[..., InstanceProcess]) -> Town:
    a, b, c = (instances(name, retry_seconds="1") for name in ("a3", "b3", "c3"))
    found = Town(a.user("ann"), a.user("art"), b.user("bea"), c.user("cat"))
    for who, whom in ((found.ann, found.bea), (found.ann, found.cat), (found.art, found.bea), (found.bea, found.cat),
                      (found.cat, found.bea)):
        who.follow(f"@{whom.handle}")
    return found


def say(who: Api, text: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = who.post("/api/v1/statuses", status=text, **more)
    return found


def copy_at(who: Api, post: dict[str, Any]) -> dict[str, Any]:
    """The copy of a post in somebody's home timeline, once it is there."""
    return eventually(lambda: who.find(post["uri"]), what=f"{post['uri']} at {who.handle}")


def descendants(who: Api, status_id: str) -> list[str]:
    return [item["uri"] for item in who.get(f"/api/v1/statuses/{status_id}/context")["descendants"]]


def test_a_reply_from_a_third_server_is_in_everybodys_thread(town: Town) -> None:
    post = say(town.bea, "what do you think?")
    at_cat, at_ann = copy_at(town.cat, post), copy_at(town.ann, post)
    reply = say(town.cat, f"@{town.bea.handle} a lot", in_reply_to_id=at_cat["id"])
    eventually(lambda: reply["uri"] in descendants(town.bea, post["id"]), what="the reply at its addressee")
    eventually(lambda: reply["uri"] in descendants(town.ann, at_ann["id"]), what="the reply at the third server")
    answer = say(town.bea, f"@{town.cat.handle} oh", in_reply_to_id=town.bea.get(
        f"/api/v1/statuses/{post['id']}/context")["descendants"][0]["id"])
    eventually(lambda: answer["uri"] in descendants(town.ann, at_ann["id"]), what="the second reply, one level deeper")
    thread = town.ann.get(f"/api/v1/statuses/{at_ann['id']}/context")["descendants"]
    assert [item["uri"] for item in thread] == [reply["uri"], answer["uri"]]
    assert thread[1]["in_reply_to_id"] == thread[0]["id"]


def test_a_boost_brings_a_post_of_a_third_server_and_a_delete_takes_it_away(town: Town) -> None:
    post = say(town.cat, "boost me")
    at_bea = copy_at(town.bea, post)
    town.bea.post(f"/api/v1/statuses/{at_bea['id']}/reblog")

    def boosted() -> dict[str, Any]:
        """art does not follow cat: the boost is the only way."""
        return next(item for item in town.art.home() if item["reblog"] and item["reblog"]["uri"] == post["uri"])

    found = eventually(lambda: any(item["reblog"] for item in town.art.home()) and boosted(), what="the boost at art's")
    assert found["account"]["acct"] == town.bea.handle and found["reblog"]["account"]["acct"] == town.cat.handle
    eventually(lambda: town.cat.get(f"/api/v1/statuses/{post['id']}")["reblogs_count"] == 1, what="the count at cat's")
    assert town.cat.http.delete(f"/api/v1/statuses/{post['id']}").status_code == 200
    eventually(lambda: town.art.http.get(f"/api/v1/statuses/{found['reblog']['id']}").status_code == 404, what="the deletion")
    assert town.art.http.get(f"/api/v1/statuses/{found['id']}").status_code == 404
    assert not [item for item in town.art.home() if item["reblog"]]


def test_an_unboost_takes_the_boost_away_and_leaves_the_post(town: Town) -> None:
    post = say(town.cat, "boost me for a moment")
    at_bea = copy_at(town.bea, post)
    town.bea.post(f"/api/v1/statuses/{at_bea['id']}/reblog")
    found = eventually(lambda: next((item for item in town.art.home()
                                     if item["reblog"] and item["reblog"]["uri"] == post["uri"]), None), what="the boost")
    town.bea.post(f"/api/v1/statuses/{at_bea['id']}/unreblog")
    eventually(lambda: found["id"] not in [item["id"] for item in town.art.home()], what="the boost taken back")
    assert copy_at(town.ann, post)["content"]


def test_an_edit_reaches_everybody_who_has_the_post(town: Town) -> None:
    post = say(town.cat, "frist")
    copies = [(who, copy_at(who, post)["id"]) for who in (town.ann, town.bea)]
    town.bea.post(f"/api/v1/statuses/{copies[1][1]}/reblog")
    boost = eventually(lambda: next((item for item in town.art.home()
                                     if item["reblog"] and item["reblog"]["uri"] == post["uri"]), None), what="the boost")
    assert town.cat.http.put(f"/api/v1/statuses/{post['id']}", json={"status": "first"}).status_code == 200
    for who, status_id in (*copies, (town.art, boost["reblog"]["id"])):
        eventually(lambda who=who, status_id=status_id: "first" in who.get(  # type: ignore[misc]
            f"/api/v1/statuses/{status_id}")["content"], what=f"the edit at {who.handle}")


def test_a_followers_only_post_stays_with_the_followers(town: Town) -> None:
    post = say(town.cat, "for my followers", visibility="private")
    copy = copy_at(town.ann, post)
    assert copy["visibility"] == "private"
    # art is on the same server as ann, and does not follow cat
    assert town.art.http.get(f"/api/v1/statuses/{copy['id']}").status_code == 404
    assert town.ann.instance.http.get(f"/api/v1/statuses/{copy['id']}").status_code == 404
    assert post["uri"] not in [item["uri"] for item in town.art.home()]
    assert httpx.get(post["uri"], headers={"Accept": "application/activity+json"}).status_code == 404
    # nobody can boost it away from there
    assert town.ann.http.post(f"/api/v1/statuses/{copy['id']}/reblog").status_code in (403, 404, 422)
    found = town.art.http.get("/api/v2/search", params={"q": post["uri"], "resolve": "true", "type": "statuses"})
    assert found.status_code == 404 or not found.json()["statuses"]


def test_new_keys_of_an_account_are_found_everywhere(town: Town) -> None:
    """peers.md, "What broke" 3: the key id stays, the key is another one."""
    document = town.cat.instance.http.get("/users/cat", headers={"Accept": "application/activity+json"}).json()
    town.cat.instance.cli("user", "rekey", "cat")
    town.cat.instance.stop()
    town.cat.instance.start()
    now = town.cat.instance.http.get("/users/cat", headers={"Accept": "application/activity+json"}).json()
    assert now["publicKey"]["id"] == document["publicKey"]["id"]
    assert now["publicKey"]["publicKeyPem"] != document["publicKey"]["publicKeyPem"]
    post = say(town.cat, "with another key")
    copy_at(town.ann, post)
    copy_at(town.bea, post)


def test_zz_a_block_ends_the_follow_and_keeps_posts_away(town: Town) -> None:
    account = eventually(lambda: town.cat.resolve(f"@{town.ann.handle}"), what="ann at cat's")
    town.cat.post(f"/api/v1/accounts/{account['id']}/block")
    me = town.cat.me()["id"]
    eventually(lambda: town.ann.handle not in [item["acct"] for item in town.cat.get(f"/api/v1/accounts/{me}/followers")],
               what="ann follows cat no more")
    post = say(town.cat, "not for ann")
    copy_at(town.bea, post)
    assert post["uri"] not in [item["uri"] for item in town.ann.home()]
