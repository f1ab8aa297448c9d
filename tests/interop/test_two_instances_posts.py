"""Two real instances: a poll with votes from both sides, a quote asked for, shown and revoked."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.instances import Api, InstanceProcess, eventually


@pytest.fixture(scope="module")
def friends(instances: Callable[..., InstanceProcess]) -> tuple[Api, Api]:
    """alice@a and bob@b, who follow each other."""
    alice, bob = instances("a").user("alice"), instances("b").user("bob")
    bob.follow(f"@{alice.handle}")
    alice.follow(f"@{bob.handle}")
    return alice, bob


def shown(api: Api, status: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/api/v1/statuses/{status['id']}")
    return found


def test_a_poll_travels_and_its_votes_come_home(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    poll = {"options": ["mountains", "sea", "both"], "expires_in": 86400, "multiple": True}
    mine = alice.post("/api/v1/statuses", status="Where to?", poll=poll)
    copy = eventually(lambda: bob.find(mine["uri"]), what="the poll at bob's")
    assert [option["title"] for option in copy["poll"]["options"]] == poll["options"]
    assert (copy["poll"]["multiple"], copy["poll"]["expires_at"]) == (True, mine["poll"]["expires_at"])
    bob.post(f"/api/v1/polls/{copy['poll']['id']}/votes", choices=[0, 2])

    def votes() -> list[int]:
        return [option["votes_count"] for option in shown(alice, mine)["poll"]["options"]]

    eventually(lambda: votes() == [1, 0, 1], what="both choices at alice's")
    assert shown(alice, mine)["poll"]["voters_count"] == 1
    assert shown(alice, mine)["replies_count"] == 0
    assert bob.http.post(f"/api/v1/polls/{copy['poll']['id']}/votes", json={"choices": [1]}).status_code == 422


def test_a_quote_is_shown_with_consent_and_not_after_it_is_taken_back(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    mine = alice.post("/api/v1/statuses", status="quote me")
    copy = eventually(lambda: bob.find(mine["uri"]), what="the post at bob's")
    quoting = bob.post("/api/v1/statuses", status="well said", quoted_status_id=copy["id"])
    eventually(lambda: shown(bob, quoting)["quote"]["state"] == "accepted", what="the consent at bob's")
    back = eventually(lambda: alice.find(quoting["uri"]), what="the quote at alice's")
    eventually(lambda: shown(alice, back)["quote"]["state"] == "accepted", what="the quote shown at alice's")
    assert shown(alice, back)["quote"]["quoted_status"]["id"] == mine["id"]
    assert shown(alice, mine)["quotes_count"] == 1
    assert [item["type"] for item in alice.get("/api/v1/notifications", **{"types[]": "quote"})] == ["quote"]
    alice.post(f"/api/v1/statuses/{mine['id']}/quotes/{back['id']}/revoke")
    eventually(lambda: shown(bob, quoting)["quote"] == {"state": "revoked", "quoted_status": None}, what="the end of it at bob's")
    assert shown(alice, mine)["quotes_count"] == 0


def test_who_does_not_want_to_be_quoted_is_not(friends: tuple[Api, Api]) -> None:
    alice, bob = friends
    mine = alice.post("/api/v1/statuses", status="not me", quote_approval_policy="nobody")
    copy = eventually(lambda: bob.find(mine["uri"]), what="the post at bob's")
    assert copy["quote_approval"] == {"automatic": [], "manual": [], "current_user": "denied"}
    assert bob.http.post("/api/v1/statuses", json={"status": "x", "quoted_status_id": copy["id"]}).status_code == 403
    close = alice.post("/api/v1/statuses", status="friends only", quote_approval_policy="followers")
    copy = eventually(lambda: bob.find(close["uri"]), what="the second post at bob's")
    quoting = bob.post("/api/v1/statuses", status="thanks", quoted_status_id=copy["id"])
    eventually(lambda: shown(bob, quoting)["quote"]["state"] == "accepted", what="the consent for a follower")
