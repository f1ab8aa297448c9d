"""Two real instances: a remix asked for, granted, published with its stamp, taken back; one refused; one allowed to all."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.instances import Api, InstanceProcess, eventually
from tests.support.pictures import png

ACTIVITY = {"Accept": "application/activity+json"}
BASE = "/api/fedisora/v1/consent"


@pytest.fixture(scope="module")
def friends(instances: Callable[..., InstanceProcess]) -> tuple[Api, Api]:
    """alice@a and bob@b, who follow each other."""
    alice, bob = instances("a").user("alice"), instances("b").user("bob")
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


def original(alice: Api, bob: Api, text: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(a picture of alice's, its copy at bob's)"""
    mine = picture(alice, text, **more)
    return mine, eventually(lambda: bob.find(mine["uri"]), what="the original at bob's")


def remix(bob: Api, copy: dict[str, Any], text: str) -> dict[str, Any]:
    return picture(bob, text, fedisora_remix_of=copy["id"], fedisora_remix_use="For my film evening.")


def test_a_remix_is_published_with_consent_and_hidden_when_it_is_taken_back(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    mine = alice.generate("a paper boat", text="paper boat")
    copy = eventually(lambda: bob.find(mine["uri"]), what="the original at bob's")
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
    page = bob.instance.http.get(f"/@bob/{made['id']}").text
    assert "took back the consent" in page
    assert "<video" not in page


def test_a_refused_remix_shows_why_and_can_be_thrown_away(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    _, copy = original(alice, bob, "only for me")
    made = remix(bob, copy, "not to be")
    asked = eventually(lambda: alice.get(f"{BASE}/requests", state="pending"), what="the request at alice's")[0]
    alice.post(f"{BASE}/requests/{asked['id']}/refuse", reason="It is about my family.")
    told = eventually(lambda: bob.get(f"{BASE}/requests", direction="out", state="rejected"), what="the answer at bob's")[0]
    assert told["reason"] == "It is about my family."
    assert shown(bob, made["id"])["fedisora"]["published"] is False
    bob.post(f"{BASE}/requests/{told['id']}/withdraw")
    assert bob.http.get(f"/api/v1/statuses/{made['id']}").status_code == 404


def test_what_anyone_may_remix_is_answered_at_once(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    mine, copy = original(alice, bob, "take it", fedisora_remix_policy="anyone")
    made = remix(bob, copy, "taken")
    eventually(lambda: shown(bob, made["id"])["fedisora"]["published"], what="the remix published")
    assert shown(bob, made["id"])["fedisora"]["remix"]["parents"][0]["uri"] == mine["uri"]
    assert alice.get(f"{BASE}/requests", state="pending") == []
    closed, _ = original(alice, bob, "nobody", fedisora_remix_policy="nobody")
    copy = bob.find(closed["uri"])
    job = bob.http.post("/api/v1/statuses", json={"status": "x", "fedisora_remix_of": copy["id"], "media_ids": ["1"]})
    assert job.status_code == 403
