"""Servers that misbehave, for a while and for good: what was due arrives once they mend, and nobody else waits for them."""
from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.faults.conftest import followed, follower, rows
from tests.support.instances import Api, InstanceProcess, eventually
from tests.support.remote import AS2
from tests.support.world import World

pytestmark = pytest.mark.faults
MODES = ["500", "503", "hang", "refuse", "reset", "cut before the status", "307", "429"]
ANSWERED = ["cut mid-body", "length too long", "endless"]
"""The answer is odd, but its status says that the activity was taken."""


class Unruly(World):
    """A world whose inboxes do what `mode` says."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = ""
        self.get_mode = ""
        """What GETs of documents do: `500`, `cut`, `reset` or nothing special."""
        self.posts: list[float] = []
        self.elsewhere: list[str] = []

    def answer_post(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/elsewhere":
            self.elsewhere.append(handler.path)
        mode = self.mode
        if not mode:
            super().answer_post(handler)
            return
        self.posts.append(time.monotonic())
        handler.close_connection = True
        if mode in ("500", "503", "429", "307"):
            handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            handler.send_response(int(mode))
            handler.send_header("Location", f"{self.base}/elsewhere")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif mode == "hang":
            self.hang.wait(60)
        elif mode == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            handler.connection.close()
        elif mode == "cut before the status":
            handler.wfile.write(b"HTTP/1.1 2")
        else:
            super().answer_post(_Liar(handler, mode))  # type: ignore[arg-type]

    def answer_get(self, handler: BaseHTTPRequestHandler) -> None:
        if not self.get_mode or not handler.path.startswith(("/users/", "/notes/")):
            super().answer_get(handler)
            return
        self.requests.append(handler.path)
        handler.close_connection = True
        if self.get_mode == "500":
            handler.send_error(500)
        elif self.get_mode == "cut":
            handler.send_response(200)
            handler.send_header("Content-Type", "application/activity+json")
            handler.send_header("Content-Length", "5000")
            handler.end_headers()
            handler.wfile.write(b'{"id": "')
        elif self.get_mode == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            handler.connection.close()

    def refuse_connections(self) -> None:
        """As a server that is down: its port is closed."""
        self._server.shutdown()
        self._server.server_close()

    def accept_connections(self) -> None:
        """Up again, on the same port."""
        old = self._server
        self._server = type(old)(old.server_address, old.RequestHandlerClass)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class _Liar:
    """A handler whose answer says another length than it has."""

    def __init__(self, handler: BaseHTTPRequestHandler, mode: str) -> None:
        self._handler = handler
        self._mode = mode
        self.wfile = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    def send_header(self, name: str, value: str) -> None:
        if name == "Content-Length":
            value = {"length too short": "1", "endless": str(1 << 40)}.get(self._mode, "5000")
        self._handler.send_header(name, value)

    def write(self, data: bytes) -> None:
        if self._mode == "cut mid-body":
            self._handler.wfile.write(data[:1])
            self._handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._handler.wfile.write(data if self._mode != "endless" else b"x" * (1 << 20))


@pytest.fixture
def alice(starting: Callable[..., InstanceProcess]) -> Api:
    return starting().user("alice")


def creates(world: World, post: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in world.activities("Create") if item["object"]["id"] == post["uri"]]


@pytest.mark.parametrize("mode", MODES)
def test_a_peer_that_misbehaves_for_a_while_gets_everything_later(alice: Api, world: World, mode: str) -> None:
    with Unruly() as peer:
        follower(peer, alice, "fan")
        follower(world, alice, "healthy")
        peer.mode = mode
        if mode == "hang":
            peer.hang.clear()
        if mode == "refuse":
            peer.refuse_connections()
        posts = [alice.post("/api/v1/statuses", status=f"post {number}") for number in range(3)]
        # the others do not wait
        for post in posts:
            eventually(lambda post=post: creates(world, post), seconds=5, what="the healthy peer")  # type: ignore[misc]
        eventually(lambda: rows(alice.instance, "SELECT 1 FROM deliveries WHERE state = 'pending' AND attempt > 0"),
                   what="it was tried")
        if mode not in ("refuse", "hang"):
            eventually(lambda: len(peer.posts) > 3, what="tried again")
        peer.mode = ""
        peer.hang.set()
        if mode == "refuse":
            peer.accept_connections()
        for post in posts:
            eventually(lambda post=post: creates(peer, post), seconds=60, what=f"{post['uri']} later")  # type: ignore[misc]
        eventually(lambda: rows(alice.instance, "SELECT 1 FROM deliveries WHERE state = 'pending'") == [], what="all done")
        assert [len(creates(peer, post)) for post in posts] == [1, 1, 1]
        assert peer.elsewhere == [], "a redirect of a delivery is never followed"


@pytest.mark.parametrize("mode", ANSWERED)
def test_an_odd_answer_after_a_good_status_is_an_answer(alice: Api, mode: str) -> None:
    with Unruly() as peer:
        follower(peer, alice, "fan")
        peer.mode = mode
        posts = [alice.post("/api/v1/statuses", status=f"post {number}") for number in range(3)]
        for post in posts:
            eventually(lambda post=post: creates(peer, post), what="delivered")  # type: ignore[misc]
        eventually(lambda: rows(alice.instance, "SELECT 1 FROM deliveries WHERE state <> 'done'") == [], what="all done")
        assert [len(creates(peer, post)) for post in posts] == [1, 1, 1]


def test_an_answer_with_more_bytes_than_it_says_is_at_worst_repeated(alice: Api) -> None:
    """What follows is read as a broken second answer: the status may be lost with it, the activity is not."""
    with Unruly() as peer:
        follower(peer, alice, "fan")
        peer.mode = "length too short"
        posts = [alice.post("/api/v1/statuses", status=f"post {number}") for number in range(3)]
        for post in posts:
            eventually(lambda post=post: creates(peer, post), what="delivered")  # type: ignore[misc]
        peer.mode = ""
        eventually(lambda: rows(alice.instance, "SELECT 1 FROM deliveries WHERE state <> 'done'") == [], what="all done")
        assert all(copy == creates(peer, post)[0] for post in posts for copy in creates(peer, post))


@pytest.mark.parametrize("mode", ["500", "refuse"])
def test_a_peer_that_stays_away_is_left_alone_and_keeps_its_rows(starting: Callable[..., InstanceProcess], world: World,
                                                                 mode: str) -> None:
    instance = starting(retry_seconds="0.01")
    alice = instance.user("alice")
    with Unruly() as peer:
        follower(peer, alice, "fan")
        follower(world, alice, "healthy")
        peer.mode = "500"
        if mode == "refuse":
            peer.refuse_connections()
        for number in range(5):
            alice.post("/api/v1/statuses", status=f"post {number}")
        eventually(lambda: rows(instance, "SELECT 1 FROM remote_hosts WHERE blocked_until IS NOT NULL"), what="the circuit opens")
        tried = len(peer.posts)
        posts = [alice.post("/api/v1/statuses", status=f"later {number}") for number in range(20)]
        for post in posts:
            eventually(lambda post=post: creates(world, post), what="the healthy peer")  # type: ignore[misc]
        assert len(peer.posts) - tried <= 4, "what was under way, and no more"
        count = rows(instance, f"SELECT count(*) FROM deliveries WHERE state = 'pending' AND host = '{peer.host}'")
        assert count == [(25,)], "everything waits, nothing is thrown away"


@pytest.mark.parametrize(("status", "state"), [(404, "failed"), (400, "failed"), (403, "failed"), (410, "failed")])
def test_a_final_refusal_is_final(alice: Api, world: World, status: int, state: str) -> None:
    follower(world, alice, "fan")
    world.status = status
    alice.post("/api/v1/statuses", status="not wanted")
    eventually(lambda: rows(alice.instance, "SELECT state FROM deliveries WHERE state = 'failed'") == [(state,)], what="given up")
    assert rows(alice.instance, "SELECT count(*) FROM deliveries WHERE state = 'pending'") == [(0,)]
    if status == 410:
        eventually(lambda: alice.me()["followers_count"] == 0, what="nobody is behind that inbox")


def test_a_sender_whose_server_hangs_is_asked_to_come_again(alice: Api, world: World) -> None:
    """Its key cannot be fetched: 503, nothing stored; once it answers, the same activity is taken."""
    fan = world.actor("fan")
    world.held["/users/fan"] = threading.Event()
    follow = fan.activity("Follow", alice.actor)
    assert fan.send(f"{alice.instance.base}/inbox", follow).status_code == 503
    assert rows(alice.instance, "SELECT 1 FROM inbox_messages") == []
    world.held.pop("/users/fan").set()
    assert fan.send(f"{alice.instance.base}/inbox", follow).status_code == 202
    eventually(lambda: alice.me()["followers_count"] == 1, what="the follow")


@pytest.mark.parametrize("mode", ["500", "cut", "reset"])
def test_a_sender_whose_key_cannot_be_had_now_is_asked_to_come_again(alice: Api, mode: str) -> None:
    with Unruly() as peer:
        fan = peer.actor("fan")
        peer.get_mode = mode
        follow = fan.activity("Follow", alice.actor)
        assert fan.send(f"{alice.instance.base}/inbox", follow).status_code == 503
        assert rows(alice.instance, "SELECT 1 FROM inbox_messages") == []
        peer.get_mode = ""
        assert fan.send(f"{alice.instance.base}/inbox", follow).status_code == 202
        eventually(lambda: alice.me()["followers_count"] == 1, what="the follow")


@pytest.mark.parametrize("mode", ["500", "cut", "reset"])
def test_what_an_activity_needs_is_fetched_once_its_server_mends(alice: Api, world: World, mode: str) -> None:
    with Unruly() as peer:
        author = peer.actor("author")
        note = peer.note(author, "boosted")
        booster = followed(world, alice, "booster")
        peer.get_mode = mode
        boost = booster.activity("Announce", note["id"], to=[f"{AS2}#Public"])
        assert booster.send(f"{alice.instance.base}/inbox", boost).status_code == 202
        eventually(lambda: rows(alice.instance, "SELECT 1 FROM inbox_messages WHERE type = 'Announce' AND attempt > 0 "
                                                "AND lease_owner IS NULL"), what="tried in vain")
        peer.get_mode = ""
        eventually(lambda: [item for item in alice.home() if item["reblog"] and item["reblog"]["uri"] == note["id"]],
                   what="the boost")


# ---- wrong lengths on the way in
@pytest.mark.parametrize("case", ["cut off", "longer than it says", "endless", "two lengths"])
def test_a_request_that_lies_about_its_length_leaves_nothing(alice: Api, world: World, case: str) -> None:
    fan = world.actor("fan")
    body = json.dumps(fan.activity("Follow", alice.actor)).encode()
    url = f"{alice.instance.base}/inbox"
    headers = fan.headers(url, body)
    length = {"cut off": [len(body) + 100], "longer than it says": [len(body) - 5], "endless": [1 << 40],
              "two lengths": [len(body), 5]}[case]
    head = "POST /inbox HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "".join(
        f"Content-Length: {number}\r\n" for number in length) + "\r\n"
    with socket.create_connection(("127.0.0.1", alice.instance.port), 10) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1 << 16)
    assert answer == b"" or answer.split()[1] in (b"400", b"401", b"413"), answer
    assert rows(alice.instance, "SELECT 1 FROM inbox_messages") == []
    assert fan.send(url, json.loads(body)).status_code == 202, "and the server goes on"
