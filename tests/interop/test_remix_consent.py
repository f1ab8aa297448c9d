"""Two real instances: a remix asked for, granted, published with its stamp, taken back; one refused; one allowed to all."""
from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually
from tests.support.pictures import png

ACTIVITY = {"Accept": "application/activity+json"}
BASE = "/api/fedisora/v1/consent"


@pytest.fixture(scope="module")
def friends(instances: Callable[..., InstanceProcess]) -> tuple[Api, Api]:
    """alice@a and bob@b, who follow each other."""
    # a request that meets a busy server is tried again in a second, not in a quarter of a minute
    alice, bob = (instances(name, retry_seconds="1").user(who) for name, who in (("ra", "alice"), ("rb", "bob")))
    bob.follow(f"@{alice.handle}")
    alice.follow(f"@{bob.handle}")
    return alice, bob


def shown(api: Api, status_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/api/v1/statuses/{status_id}")
    return found


def picture(api: Api, text: str, **more: Any) -> dict[str, Any]:
    """A post with a small picture: encoded and signed in a moment."""
    media = api.http.post("/api/v2/media", files={"file": ("a.png", png(64, 48), "image/png")}, data={"description": text})
    found: dict[str, Any] = api.post("/api/v1/statuses", status=text, media_ids=[media.json()["id"]], **more)
    return found


def edges(api: Api, status_id: str) -> list[tuple[str, str, str]]:
    """A post's lineage: (child, parent, consent)"""
    found = api.get(f"/api/fedisora/v1/statuses/{status_id}/lineage")["edges"]
    return [(edge["child"], edge["parent"], edge["consent"]) for edge in found]


def token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@contextlib.contextmanager
def browser(api: Api) -> Iterator[httpx.Client]:
    """Somebody logged in with a browser that runs no scripts."""
    with httpx.Client(base_url=api.instance.base, timeout=60) as client:
        form = token(client.get("/login").text)
        answer = client.post("/login", data={"csrf_token": form, "login": api.name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text[:300]
        yield client


def original(alice: Api, bob: Api, text: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(a picture of alice's, its copy at bob's)"""
    mine = picture(alice, text, **more)
    return mine, eventually(lambda: bob.find(mine["uri"]), what="the original at bob's")


def remix(bob: Api, copy: dict[str, Any], text: str) -> dict[str, Any]:
    return picture(bob, text, fedisora_remix_of=copy["id"], fedisora_remix_use="For my film evening.")


def test_a_remix_is_published_with_consent_and_hidden_when_it_is_taken_back(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    mine, copy = original(alice, bob, "paper boat")
    made = bob.generate("the boat at night", text="boat at night", fedisora_remix_of=copy["id"],
                        fedisora_remix_use="For my film evening.")
    assert made["fedisora"]["published"] is False
    assert made["fedisora"]["remix"]["request"]["state"] == "pending"
    assert bob.instance.http.get(f"/@bob/{made['id']}").status_code == 404, "nobody else sees it"

    asked = eventually(lambda: alice.get(f"{BASE}/requests", state="pending"), what="the request at alice's")[0]
    assert (asked["account"]["acct"], asked["use"], asked["kind"]) == (bob.handle, "For my film evening.", "remix")
    assert asked["target"]["status_id"] == mine["id"]
    assert asked["digest"]
    assert asked["preview_url"]
    notes = alice.get("/api/v1/notifications", **{"types[]": "consent.request"})
    assert [item["type"] for item in notes] == ["consent.request"]
    assert all(not item["type"].startswith("consent") for item in alice.get("/api/v1/notifications")), "apps know no such type"
    given = alice.post(f"{BASE}/requests/{asked['id']}/grant")
    assert given["state"] == "accepted"

    eventually(lambda: shown(bob, made["id"])["fedisora"]["published"], what="the remix published at bob's")
    ours = shown(bob, made["id"])
    parent = ours["fedisora"]["remix"]["parents"][0]
    assert (parent["uri"], parent["consent"], parent["stamp"]) == (mine["uri"], "valid", given["stamp"])
    note = bob.instance.http.get(made["uri"].removeprefix(bob.instance.base), headers=ACTIVITY).json()
    file = note["attachment"][0]
    assert (file["isBasedOn"], file["remixAuthorization"]) == ([mine["uri"]], [given["stamp"]])
    assert file["digitalSourceType"].endswith("/composite")
    assert file["digestMultibase"] == asked["digest"]
    stamp = httpx.get(given["stamp"], headers=ACTIVITY)
    assert stamp.content == httpx.get(given["stamp"], headers=ACTIVITY).content
    assert stamp.json()["digestMultibase"] == file["digestMultibase"]
    theirs = eventually(lambda: alice.find(made["uri"]), what="the remix at alice's")
    eventually(lambda: shown(alice, theirs["id"])["fedisora"]["remix"]["parents"][0]["consent"] == "valid",
               what="the stamp checked at alice's")
    for api, row_id in ((bob, made["id"]), (bob, copy["id"]), (alice, theirs["id"]), (alice, mine["id"])):
        assert edges(api, row_id) == [(made["uri"], mine["uri"], "valid")], "the same lineage on both sides, from both ends"

    row = alice.get(f"{BASE}/stamps")[0]
    alice.post(f"{BASE}/stamps/{row['id']}/revoke")
    gone = httpx.get(given["stamp"], headers=ACTIVITY)
    assert (gone.status_code, gone.json()["type"]) == (410, "Tombstone")
    eventually(lambda: shown(bob, made["id"])["fedisora"]["remix"]["hidden"], what="the end of it at bob's")
    assert shown(bob, made["id"])["media_attachments"] == []
    eventually(lambda: edges(alice, mine["id"]) == edges(bob, copy["id"]) == [(made["uri"], mine["uri"], "revoked")],
               what="the lineage says so on both sides")
    for api in (alice, bob):
        assert made["uri"] not in [item["uri"] for item in api.home()]
        assert made["uri"] not in [item["uri"] for item in api.get("/api/v1/timelines/public")]
    note = bob.instance.http.get(made["uri"].removeprefix(bob.instance.base), headers=ACTIVITY).json()
    assert note["attachment"] == [], "also for servers that know nothing of consent"
    assert "<p>boat at night" in note["content"]
    eventually(lambda: httpx.get(file["url"]).status_code == 404, what="the file gone from its address")
    with browser(bob) as mine_still:
        page = mine_still.get(f"/@bob/{made['id']}").text
        source = re.search(r'<video src="([^"]+)"', page)
        assert source is not None
        assert mine_still.get(source[1]).status_code == 200
    page = bob.instance.http.get(f"/@bob/{made['id']}").text
    assert "took back the consent" in page
    assert "<video" not in page


def test_a_refused_remix_shows_why_and_can_be_thrown_away(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    _, copy = original(alice, bob, "only for me")
    made = remix(bob, copy, "not to be")
    asked = eventually(lambda: alice.get(f"{BASE}/requests", state="pending"), what="the request at alice's")[0]
    with browser(alice) as page:  # the pages do it without JavaScript
        shown_to_her = page.get("/consent").text
        assert "For my film evening." in shown_to_her
        assert f'src="/consent/requests/{asked["id"]}/file"' in shown_to_her
        file = page.get(f"/consent/requests/{asked['id']}/file")
        assert (file.status_code, file.headers["content-type"]) == (200, "image/jpeg")
        assert alice.http.get(asked["preview_url"]).content == file.content
        assert bob.instance.http.get(f"/consent/requests/{asked['id']}/file").status_code in (303, 401, 404)
        answer = page.post(f"/consent/requests/{asked['id']}/refuse", data={
            "csrf_token": token(shown_to_her), "reason": "It is about my family."})
        assert answer.headers["location"] == "/consent"
        assert "It is about my family." in page.get("/consent").text
    told = eventually(lambda: bob.get(f"{BASE}/requests", direction="out", state="rejected"), what="the answer at bob's")[0]
    assert told["reason"] == "It is about my family."
    assert shown(bob, made["id"])["fedisora"]["published"] is False
    with browser(bob) as page:
        assert "did not agree" in page.get(f"/@bob/{made['id']}").text
        assert "It is about my family." in page.get("/consent").text
        form = page.get(f"/create?remix={copy['id']}").text
        assert "Its author is asked when the file is finished" in form
    bob.post(f"{BASE}/requests/{told['id']}/withdraw")
    assert bob.http.get(f"/api/v1/statuses/{made['id']}").status_code == 404


def test_what_anyone_may_remix_is_answered_at_once(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    mine, copy = original(alice, bob, "take it", fedisora_remix_policy="anyone")
    made = remix(bob, copy, "taken")
    eventually(lambda: shown(bob, made["id"])["fedisora"]["published"], what="the remix published")
    assert shown(bob, made["id"])["fedisora"]["remix"]["parents"][0]["uri"] == mine["uri"]
    assert made["uri"] not in [item["object"] for item in alice.get(f"{BASE}/requests", state="pending")]
    closed, _ = original(alice, bob, "nobody", fedisora_remix_policy="nobody")
    copy = bob.find(closed["uri"])
    job = bob.http.post("/api/v1/statuses", json={"status": "x", "fedisora_remix_of": copy["id"], "media_ids": ["1"]})
    assert job.status_code == 403
