"""Two real instances: one vouches for its own person, the other looks, shows by whom, and sees that it was taken back."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.instances import Api, InstanceProcess, eventually

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("humans")]


@dataclass
class Pair:
    alice: Api
    bob: Api

    def seen(self) -> dict[str, Any]:
        """What bob's server says of alice."""
        account = self.bob.get("/api/v1/accounts/lookup", acct=self.alice.handle)
        found: dict[str, Any] = account["fedisora"]["human"]
        return found

    def until(self, verdict: str) -> dict[str, Any]:
        return eventually(lambda: found if (found := self.seen())["verdict"] == verdict else None, what=f"{verdict} at bob's")


@pytest.fixture(scope="module")
def pair(instances: Callable[..., InstanceProcess]) -> Pair:
    """bob@b follows alice@a, who is not verified."""
    alice, bob = instances("a").user("alice"), instances("b").user("bob")
    bob.follow(f"@{alice.handle}")
    return Pair(alice, bob)


def test_a_servers_word_about_its_own_person_travels_and_is_taken_back(pair: Pair) -> None:
    a = pair.alice.instance
    assert pair.seen()["verdict"] == "none"
    url = a.cli("human", "verify", "alice", "--method", "live-clip", "--reason", "met in person").stdout.strip().splitlines()[-1]
    seen = pair.until("checked-by-own-host")
    assert (seen["checked_by"], seen["method"], seen["credential"]) == (a.host, "fs:LiveClipReviewed", url)
    assert seen["until"]
    page = pair.bob.instance.http.get(f"/@{pair.alice.handle}").text
    assert f"checked by {a.host}" in page and "Live clip, seen by a moderator" in page and url in page
    mine = pair.alice.me()["fedisora"]["human"]
    assert (mine["verdict"], mine["checked_by"]) == ("checked-by-own-host", a.host)

    pair.bob.http.put("/api/fedisora/v1/verifiers", json={"mode": "own"}).raise_for_status()
    assert pair.seen()["verdict"] == "claimed"
    pair.bob.http.put("/api/fedisora/v1/verifiers", json={"mode": "instance"}).raise_for_status()

    a.cli("human", "revoke", "alice", "--reason", "not the same person any more")
    seen = pair.until("revoked")
    assert seen["checked_by"] == a.host
    page = pair.bob.instance.http.get(f"/@{pair.alice.handle}").text
    assert "has taken that back" in page and "checked by" not in page
    assert a.http.get(url.removeprefix(a.base)).status_code == 410
    for private in ("met in person", "not the same person any more"):
        assert private not in page
        assert private.encode() not in pair.bob.instance.log.read_bytes()


def test_the_command_line_keeps_the_list_of_trusted_verifiers(pair: Pair) -> None:
    b = pair.bob.instance
    assert "counts here now" in b.cli("verifier", "add", "https://V.example/", "--note", "meets people").stderr
    assert '"host": "v.example"' in b.cli("verifier", "list", "--json").stdout
    assert "v.example" in b.cli("verifier", "list").stdout
    wrong = b.cli("verifier", "add", b.host, check=False)
    assert wrong.returncode == 2 and "need not be listed" in wrong.stderr
    b.cli("verifier", "remove", "v.example")
    assert b.cli("verifier", "remove", "v.example", check=False).returncode == 2
    assert b.cli("verifier", "list", "--json").stdout.strip() == "[]"
