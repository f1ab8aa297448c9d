"""A real Fedify server: follows us and gets the video, is followed, posts; a wrong signature of its is refused."""
from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.environment import require
from tests.support.instances import Api, InstanceProcess, eventually, free_port

FOLDER = Path(__file__).parent / "fedify"


class Peer:
    """The Fedify process and its test door."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.actor = f"{self.base}/users/fedi"
        self.http = httpx.Client(base_url=self.base, timeout=30)

    def ask(self, path: str, **params: str) -> Any:
        answer = self.http.get(f"/_test/{path}", params=params)
        answer.raise_for_status()
        return answer.json()

    def received(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.ask("received") if item.get("type") == kind]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    node = shutil.which("node")
    require(node is not None and (FOLDER / "node_modules" / "@fedify").is_dir(), "node and `npm install` in tests/interop/fedify")
    port = free_port()
    log = tmp_path_factory.mktemp("fedify") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([str(node), "peer.mjs"], cwd=FOLDER, env={"PORT": str(port), "PATH": "/usr/bin:/bin"},
                                   stdout=out, stderr=out)
        try:
            eventually(lambda: b"ready" in log.read_bytes(), seconds=60, what=f"Fedify ready: {log}")
            door = Peer(port)
            yield door
            door.http.close()
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def alice(instances: Callable[..., InstanceProcess]) -> Api:
    return instances("f").user("alice")


def test_it_follows_us_and_receives_the_video(peer: Peer, alice: Api) -> None:
    peer.ask("follow", uri=alice.actor)
    eventually(lambda: peer.received("Accept"), what="our Accept at Fedify")
    video = alice.generate("a calm sea at sunset", text="For the other side")
    create = eventually(lambda: peer.received("Create"), seconds=60, what="our Create at Fedify")[-1]
    note = create["object"]
    assert note["id"] == video["uri"]
    attachment = note["attachment"][0] if isinstance(note["attachment"], list) else note["attachment"]
    assert attachment["type"] == "Video" and attachment["mediaType"] == "video/mp4"


def test_it_can_look_us_up(peer: Peer, alice: Api) -> None:
    assert peer.ask("lookup", uri=alice.actor)["preferredUsername"] == "alice"


def test_we_follow_it_and_receive_its_posts(peer: Peer, alice: Api) -> None:
    alice.follow(peer.actor)  # its Accept embeds the whole actor
    uri = peer.ask("post", text="<p>hello from Fedify</p>")["uri"]
    status = eventually(lambda: alice.find(uri), what="its Note in our home timeline")
    assert "hello from Fedify" in status["content"]


def test_its_request_with_a_wrong_signature_is_refused(peer: Peer, alice: Api) -> None:
    body = json.dumps({"@context": "https://www.w3.org/ns/activitystreams", "id": f"{peer.base}/forged", "type": "Like",
                       "actor": peer.actor, "object": alice.actor})
    headers = {"Content-Type": "application/activity+json", "Date": "Tue, 24 Nov 2026 12:00:00 GMT",
               "Digest": "SHA-256=AAAA", "Signature": f'keyId="{peer.actor}#main-key",algorithm="rsa-sha256",'
               'headers="(request-target) host date digest",signature="AAAA"'}
    answer = httpx.post(f"{alice.instance.base}/inbox", content=body, headers=headers)
    assert answer.status_code == 401
