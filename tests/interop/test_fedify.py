"""Real Fedify servers, 1.5 (draft-cavage) and 2.3 (RFC 9421 first, proofs): everything both ways, and how it was signed."""
from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.agents import AnsweringAgent
from tests.support.environment import require
from tests.support.instances import Api, InstanceProcess, eventually, free_port

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("fedify")]  # its servers start once

FOLDER = Path(__file__).parent
SCHEMES = {"fedify": "cavage", "fedify2": "rfc9421"}
"""How each peer signs when it is not refused."""


class Peer:
    """The Fedify process and its test door."""

    def __init__(self, kind: str, port: int) -> None:
        self.kind = kind
        self.base = f"http://127.0.0.1:{port}"
        self.actor = f"{self.base}/users/fedi"
        self.http = httpx.Client(base_url=self.base, timeout=30)

    def ask(self, command: str, **params: str) -> Any:
        answer = self.http.get(f"/_test/{command}", params=params)
        answer.raise_for_status()
        return answer.json()

    def received(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.ask("received") if item.get("type") == kind]

    def requests(self, kind: str) -> list[dict[str, Any]]:
        """Deliveries of a type, and what Fedify says of their signatures."""
        return [item for item in self.ask("requests") if item.get("type") == kind]


@pytest.fixture(scope="module", params=["fedify", "fedify2"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    kind, node = str(request.param), shutil.which("node")
    require(node is not None and (FOLDER / kind / "node_modules" / "@fedify").is_dir(),
            f"node and `npm install` in tests/interop/{kind}")
    port = free_port()
    log = tmp_path_factory.mktemp(kind) / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([str(node), "peer.mjs"], cwd=FOLDER / kind, env={"PORT": str(port), "PATH": "/usr/bin:/bin"},
                                   stdout=out, stderr=out)
        try:
            eventually(lambda: b"ready" in log.read_bytes(), seconds=60, what=f"Fedify ready: {log}")
            door = Peer(kind, port)
            yield door
            door.http.close()
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def alice(instances: Callable[..., InstanceProcess], peer: Peer) -> Api:
    return instances("f", retry_seconds="1", log_level="debug").user("alice")


@pytest.fixture(scope="module")
def followed(peer: Peer, alice: Api) -> Peer:
    """The peer follows alice and alice follows the peer."""
    peer.ask("follow", uri=alice.actor)
    eventually(lambda: peer.received("Accept"), what="our Accept at Fedify")
    alice.follow(peer.actor)  # its Accept embeds the whole actor
    return peer


def post_of(peer: Peer, alice: Api, text: str, **more: str) -> dict[str, Any]:
    """A post of the peer's, as alice has it."""
    uri = peer.ask("post", text=f"<p>{text}</p>", **more)["uri"]
    return eventually(lambda: alice.find(uri), what=f"{text} in our home timeline")


# ---- wrong ones first
def test_a_request_with_a_wrong_signature_is_refused(peer: Peer, alice: Api) -> None:
    body = json.dumps({"@context": "https://www.w3.org/ns/activitystreams", "id": f"{peer.base}/forged", "type": "Like",
                       "actor": peer.actor, "object": alice.actor})
    headers = {"Content-Type": "application/activity+json", "Date": "Tue, 24 Nov 2026 12:00:00 GMT",
               "Digest": "SHA-256=AAAA", "Signature": f'keyId="{peer.actor}#main-key",algorithm="rsa-sha256",'
               'headers="(request-target) host date digest",signature="AAAA"'}
    answer = httpx.post(f"{alice.instance.base}/inbox", content=body, headers=headers)
    assert answer.status_code == 401


# ---- from us to it
def test_it_follows_us_and_receives_the_video(followed: Peer, alice: Api) -> None:
    video = alice.generate("a calm sea at sunset", text="For the other side")
    create = eventually(lambda: followed.received("Create"), seconds=60, what="our Create at Fedify")[-1]
    note = create["object"]
    assert note["id"] == video["uri"]
    attachment = note["attachment"][0] if isinstance(note["attachment"], list) else note["attachment"]
    assert attachment["type"] == "Video" and attachment["mediaType"] == "video/mp4"


def test_it_can_look_us_up(peer: Peer, alice: Api) -> None:
    assert peer.ask("lookup", uri=alice.actor)["preferredUsername"] == "alice"


def test_our_draft_cavage_signature_holds_there(followed: Peer, alice: Api) -> None:
    alice.post("/api/v1/statuses", status="signed the old way")
    sent = eventually(lambda: followed.requests("Create"), what="a Create")
    assert {(item["scheme"], item["verified"]) for item in sent} == {("cavage", True)}


def test_our_proof_holds_there_and_a_changed_one_does_not(followed: Peer, alice: Api) -> None:
    post = alice.post("/api/v1/statuses", status="proven")
    eventually(lambda: [item for item in followed.received("Create") if item["object"]["id"] == post["uri"]], what="Create")
    assert followed.ask("proof", type="Create")["holds"] is True
    assert followed.ask("proof", type="Create", change="1")["holds"] is False


def test_our_edit_and_delete_arrive(followed: Peer, alice: Api) -> None:
    post = alice.post("/api/v1/statuses", status="a tpyo")
    assert alice.http.put(f"/api/v1/statuses/{post['id']}", json={"status": "a typo"}).status_code == 200
    eventually(lambda: [item for item in followed.received("Update") if "a typo" in item["object"]["content"]], what="Update")
    assert alice.http.delete(f"/api/v1/statuses/{post['id']}").status_code == 200
    deleted = eventually(lambda: followed.received("Delete"), what="Delete")[-1]
    assert post["uri"] in (deleted["object"], deleted["object"]["id"] if isinstance(deleted["object"], dict) else None)


def test_our_like_boost_and_reply_arrive_and_are_taken_back(followed: Peer, alice: Api) -> None:
    copy = post_of(followed, alice, "like me")
    for verb, kind in (("favourite", "Like"), ("reblog", "Announce")):
        alice.post(f"/api/v1/statuses/{copy['id']}/{verb}")
        found = eventually(lambda kind=kind: [item for item in followed.received(kind)  # type: ignore[misc]
                                              if item["object"] == copy["uri"]], what=kind)
        alice.post(f"/api/v1/statuses/{copy['id']}/un{verb}")
        undone = eventually(lambda kind=kind: [  # type: ignore[misc]
            item for item in followed.received("Undo") if item["object"].get("type") == kind], what=f"Undo of {kind}")
        # peers.md, "How real peers behave" 5: Undo is matched by id there
        assert undone[-1]["object"]["id"] == found[-1]["id"]
    reply = alice.post("/api/v1/statuses", status=f"@fedi@{followed.base[7:]} hi", in_reply_to_id=copy["id"])
    eventually(lambda: [item for item in followed.received("Create") if item["object"]["id"] == reply["uri"]
                        and item["object"]["inReplyTo"] == copy["uri"]], what="our reply")


@pytest.fixture
def picky(followed: Peer) -> Iterator[Peer]:
    """The peer, which afterwards refuses no kind of signature any more."""
    yield followed
    followed.ask("refuse", scheme="")


def test_a_refused_kind_of_signature_is_followed_by_the_other_and_remembered(picky: Peer, alice: Api) -> None:
    """peers.md, "What broke" 2: draft-cavage first; what a host takes is remembered."""
    followed = picky
    if followed.kind == "fedify":
        followed.ask("refuse", scheme="rfc9421")
        alice.post("/api/v1/statuses", status="still the old way")
    else:
        followed.ask("refuse", scheme="cavage")
        first = alice.post("/api/v1/statuses", status="the new way")
        eventually(lambda: [item for item in followed.requests("Create") if item["scheme"] == "rfc9421" and item["verified"]],
                   what="an RFC 9421 signature that holds")
        # what the host takes is remembered once it has answered, not when it has got the request
        eventually(lambda: alice.get(f"/api/fedisora/v1/statuses/{first['id']}/deliveries")["pending"] == 0, what="its answer")
        before = len([item for item in followed.requests("Create") if item["scheme"] == "cavage"])
        post = alice.post("/api/v1/statuses", status="the new way at once")
        eventually(lambda: [item for item in followed.received("Create") if item["object"]["id"] == post["uri"]], what="Create")
        assert len([item for item in followed.requests("Create") if item["scheme"] == "cavage"]) == before
        assert all(item["verified"] for item in followed.requests("Create"))


def test_every_fetch_of_ours_is_signed(followed: Peer, alice: Api) -> None:
    """peers.md, "How real peers behave" 4."""
    fetched = [item for item in followed.ask("requests") if item["method"] == "GET" and "/users/" in item["path"]]
    assert fetched and all(item["scheme"] != "none" for item in fetched)


# ---- from it to us
def test_its_posts_edits_and_deletes_arrive(followed: Peer, alice: Api) -> None:
    copy = post_of(followed, alice, "hello from Fedify")
    assert "hello from Fedify" in copy["content"]
    followed.ask("edit", uri=copy["uri"], text="<p>hello again</p>")
    eventually(lambda: "hello again" in alice.get(f"/api/v1/statuses/{copy['id']}")["content"], what="its edit")
    followed.ask("delete", uri=copy["uri"])
    eventually(lambda: alice.http.get(f"/api/v1/statuses/{copy['id']}").status_code == 404, what="its delete")


def test_its_like_and_boost_and_reply_arrive_and_are_taken_back(followed: Peer, alice: Api) -> None:
    post = alice.post("/api/v1/statuses", status="for Fedify")

    def counts() -> tuple[int, int, int]:
        found = alice.get(f"/api/v1/statuses/{post['id']}")
        return found["favourites_count"], found["reblogs_count"], found["replies_count"]

    sent = [followed.ask("like", uri=post["uri"], to=alice.actor)["id"],
            followed.ask("announce", uri=post["uri"], to=alice.actor)["id"]]
    followed.ask("post", text="<p>a reply</p>", reply=post["uri"])
    eventually(lambda: counts() == (1, 1, 1), what="its like, boost and reply")
    for uri in sent:
        followed.ask("undo", id=uri, to=alice.actor)
    eventually(lambda: counts() == (0, 0, 1), what="taken back")


def test_its_signatures_hold_here(followed: Peer, alice: Api) -> None:
    post_of(followed, alice, "signed over there")
    sent = [item for item in followed.ask("outgoing") if item["method"] == "POST" and item["url"].startswith(alice.instance.base)]
    assert {(item["scheme"], item["status"]) for item in sent} == {(SCHEMES[followed.kind], 202)}


def test_its_new_keys_are_found(followed: Peer, alice: Api) -> None:
    """peers.md, "What broke" 3: keys replaced under the same ids."""
    post_of(followed, alice, "with the old keys")
    followed.ask("rotate")
    post_of(followed, alice, "with the new keys")


def test_it_asks_an_agent_and_gets_the_signed_video(peer: Peer, alice: Api) -> None:
    dreamer = AnsweringAgent(alice.instance, f"dreamer{peer.kind}", "ida")
    asked = peer.ask("mention", to=dreamer.actor, text="a lighthouse in fog, portrait, seed 7")["uri"]
    assert dreamer.settled(asked)["state"] == "answered"

    def answers() -> list[dict[str, Any]]:
        return [item["object"] for item in peer.received("Create") if item["object"].get("inReplyTo") == asked]

    note = eventually(answers, seconds=60, what="the answer at Fedify")[0]
    video = note["attachment"][0] if isinstance(note["attachment"], list) else note["attachment"]
    assert video["type"] == "Video" and video["name"].endswith(": a lighthouse in fog") and "seed 7" in note["content"]
    assert "#Procedural" in note["content"]
    sent = eventually(lambda: [item for item in peer.http.get("/_test/raw").json() if item.get("type") == "Create"
                               and item["object"].get("inReplyTo") == asked], what="as it was sent")[0]["object"]
    assert sent["proof"]["cryptosuite"] == "eddsa-jcs-2022" and sent["attachment"][0]["provenance"]["digestMultibase"]
    verdict = alice.post("/api/fedisora/v1/verify", url=sent["attachment"][0]["url"])
    assert verdict["verdict"] == "verified" and verdict["record"]["generator"]["seed"] == "7"
    refused = peer.ask("mention", to=dreamer.actor, text="a pond, 5000 seconds")["uri"]
    assert dreamer.settled(refused)["state"] == "refused"
    again = peer.ask("mention", to=dreamer.actor, text="stop", reply=note["id"])["uri"]
    assert dreamer.settled(again)["state"] in ("told", "ignored")
    after = peer.ask("mention", to=dreamer.actor, text="a cat")["uri"]
    assert "left alone" in dreamer.settled(after)["reason"]


def test_zz_it_unfollows(followed: Peer, alice: Api) -> None:
    follow = followed.ask("follow", uri=alice.actor)
    eventually(lambda: alice.me()["followers_count"] == 1, what="followed")
    followed.ask("undo", id=follow["id"], to=alice.actor)
    eventually(lambda: alice.me()["followers_count"] == 0, what="unfollowed")
