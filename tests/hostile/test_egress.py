"""Where our requests may go and what may come back (catalogue area fetch): the real client against servers on loopback."""
from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import threading
import time
import zlib
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from fedisora.activitypub.webfinger import parse_handle, parse_resource
from fedisora.errors import FedisoraError, Forbidden, Malformed, RemoteUnavailable, TooLarge
from fedisora.federation import client as guarded
from fedisora.federation import fetch
from fedisora.federation.client import Client
from fedisora.settings import Settings
from tests.hostile.names import INWARD, NAMES, Trap, name_server, trap
from tests.hostile.scene import Peer, answer

__all__ = ["name_server", "trap"]


def with_client(use: Callable[[Client], Awaitable[None]], allowed: str | bool = "127.0.0.1/32") -> None:
    async def go() -> None:
        client = Client(Settings(base_url="http://here.example", allow_private_network=allowed))  # type: ignore[arg-type]
        await client.open()
        try:
            await use(client)
        finally:
            await client.close()

    asyncio.run(go())


def refused(url: str, allowed: str | bool = "127.0.0.1/32") -> None:
    """Neither read nor written to."""
    async def use(client: Client) -> None:
        with pytest.raises((Forbidden, Malformed)):
            await client.get(url, deadline=5)
        with pytest.raises((Forbidden, Malformed)):
            await client.post(url, b"{}", {}, deadline=5)
        with pytest.raises((Forbidden, Malformed)):
            await client.download(url, Path("/dev/null"), max_bytes=10, deadline=5)

    with_client(use, allowed)


def url(case: str, text: str) -> Any:
    return pytest.param(text, marks=pytest.mark.bad_input(case), id=f"{case} {text}")


@pytest.mark.parametrize("address", [
    url("BI-113", "http://169.254.169.254/latest"), url("BI-113", "http://[fd00:ec2::254]/latest"),
    url("BI-114", "http://[::ffff:127.0.0.1]/"), url("BI-114", "http://[::ffff:7f00:1]/"),
    url("BI-114", "http://[::ffff:10.0.0.1]/"),
    url("BI-115", "http://[::127.0.0.1]/"), url("BI-115", "http://[::7f00:1]/"),
    url("BI-116", "http://[64:ff9b::7f00:1]/"), url("BI-116", "http://[2002:7f00:1::1]/"),
    url("BI-116", "http://[2001:0:7f00:1::1]/"), url("BI-116", "http://[64:ff9b:1::7f00:1]/"),
    url("BI-117", "http://100.64.0.1/"), url("BI-117", "http://198.18.0.1/"), url("BI-117", "http://224.0.0.1/"),
    url("BI-117", "http://240.0.0.1/"), url("BI-117", "http://255.255.255.255/"), url("BI-117", "http://192.0.0.1/"),
    url("BI-118", "http://0/"), url("BI-118", "http://0.0.0.0/"), url("BI-118", "http://2130706433/"),
    url("BI-118", "http://0177.0.0.1/"),
    url("BI-118", "http://0x7f000001/"), url("BI-118", "http://127.1/"), url("BI-118", "http://0x7f.1/"), url("BI-118", "http://[::]/"),
    url("BI-118", "http://１２７.0.0.1/"), url("BI-118", "http://127。0。0。1/"),
    url("BI-123", "http://10.0.0.1/x.mp4"),
    url("BI-124", "file:///etc/passwd"), url("BI-124", "gopher://x.example:70/_x"), url("BI-124", "data:text/html,x"),
    url("BI-124", "ftp://x.example/"), url("BI-124", "unix:/run/x.sock"),
    url("BI-124", "HTTP+unix://x"),
    url("BI-124", "javascript:1"),
])
def test_addresses_inside(address: str) -> None:
    refused(address, allowed=False)


@pytest.mark.bad_input("BI-112")
@pytest.mark.parametrize("addresses", [[INWARD], ["::1"], ["169.254.169.254"], ["64:ff9b::7f00:2"], ["::ffff:127.0.0.2"],
                                       ["2002:7f00:2::1"], [INWARD, "10.0.0.1", "fd00::1"]])
def test_names_that_lead_inside(addresses: list[str], trap: Trap) -> None:
    NAMES["inside.example"] = [addresses]
    refused(f"http://inside.example:{trap.port}/")


@pytest.mark.bad_input("BI-119")
def test_a_redirect_inside(trap: Trap) -> None:
    NAMES["inside.example"] = [[INWARD]]
    with Peer() as peer:
        for number, target in enumerate((f"http://{INWARD}:{trap.port}/", f"//{INWARD}:{trap.port}/x", "http://169.254.169.254/",
                                         f"http://inside.example:{trap.port}/", "http://127.0.0.1:6379/", "file:///etc/passwd",
                                         f"http://u:p@{INWARD}:{trap.port}/")):
            for status in (301, 302, 303, 307, 308):
                peer.answers[f"/{number}/{status}"] = answer(status, Location=target)

                async def use(client: Client, path: str = f"/{number}/{status}") -> None:
                    with pytest.raises((Forbidden, Malformed)):
                        await client.get(peer.base + path, deadline=5)

                with_client(use)


@pytest.mark.bad_input("BI-120")
def test_a_name_that_changes_between_check_and_connect(trap: Trap) -> None:
    with Peer() as peer:
        port = int(peer.host.rpartition(":")[2])
        inside = Trap(INWARD, port)
        try:
            NAMES["flip.example"] = [["127.0.0.1"], [INWARD]]
            peer.documents["/x"] = {"id": "x"}

            async def use(client: Client) -> None:
                assert (await client.get(f"http://flip.example:{port}/x")).ok

            with_client(use)
            refused(f"http://flip.example:{port}/x")  # the second answer is checked like the first
        finally:
            inside.close()
        assert inside.caught == 0
        assert peer.asked("/x") == 1


@pytest.mark.bad_input("BI-121")
def test_one_good_address_among_bad_ones() -> None:
    with Peer() as peer:
        port = int(peer.host.rpartition(":")[2])
        inside = Trap(INWARD, port)
        try:
            peer.documents["/x"] = {"id": "x"}
            for order in ([INWARD, "127.0.0.1"], ["127.0.0.1", INWARD], ["::1", INWARD, "127.0.0.1"]):
                NAMES["mixed.example"] = [order]

                async def use(client: Client) -> None:
                    assert (await client.get(f"http://mixed.example:{port}/x")).ok

                with_client(use)
        finally:
            inside.close()
        assert inside.caught == 0


@pytest.mark.bad_input("BI-125")
@pytest.mark.parametrize("handle", ["hacker@localh.st:1234/secret.txt?x=1#", "a@host/path", "a@host?q", "a@host#f", "a@b@c",
                                    "a@h\\x",
                                    "a@user:pw@host", "a@host:99999", "a@[::1", "a@host%2fpath", "a@ho st", "a@127.1:x"])
def test_handles_with_more_than_a_host(handle: str) -> None:
    assert parse_handle(handle) is None
    with pytest.raises(Malformed):
        parse_resource(f"acct:{handle}")


@pytest.mark.bad_input("BI-126")
def test_loops_and_long_chains() -> None:
    with Peer() as peer:
        peer.answers["/a"], peer.answers["/b"] = answer(302, Location="/b"), answer(302, Location="/a")
        for number in range(50):
            peer.answers[f"/chain/{number}"] = answer(302, Location=f"/chain/{number + 1}")

        async def use(client: Client) -> None:
            for path in ("/a", "/chain/0"):
                with pytest.raises(Forbidden):
                    await client.get(peer.base + path)

        with_client(use)
        assert peer.asked("/a") + peer.asked("/b") <= 4
        assert peer.asked("/chain/*") <= 4


def endless(piece: bytes, pause: float = 0, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer without end."""
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/activity+json")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            handler.wfile.write(piece)
            if pause:
                time.sleep(pause)  # the sender's pace

    return send


@pytest.mark.bad_input("BI-127")
def test_a_slow_answer() -> None:
    assert fetch.DEADLINE <= 30
    with Peer() as peer:
        peer.answers["/drip"] = endless(b" ", 0.05)

        async def use(client: Client) -> None:
            began = time.monotonic()
            with pytest.raises(RemoteUnavailable):
                await client.get(f"{peer.base}/drip", deadline=0.5)
            assert time.monotonic() - began < 3

        with_client(use)


@pytest.mark.bad_input("BI-127")
def test_a_file_that_drips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its deadline is minutes away; who waits behind it does not wait for that."""
    monkeypatch.setattr(guarded, "PATIENCE", 1.0)
    with Peer() as peer:
        peer.answers["/drip"] = endless(b" ", 0.05)
        peer.answers["/steady"] = endless(b" " * guarded.STRIDE, 0.25, Content_Length=str(6 * guarded.STRIDE))

        async def use(client: Client) -> None:
            began = time.monotonic()
            with pytest.raises(RemoteUnavailable):
                await client.download(f"{peer.base}/drip", tmp_path / "1", max_bytes=1 << 20, deadline=60)
            assert time.monotonic() - began < 5
            await client.download(f"{peer.base}/steady", tmp_path / "2", max_bytes=1 << 20, deadline=60)

        with_client(use)
    assert (tmp_path / "2").stat().st_size == 6 * guarded.STRIDE


@pytest.mark.bad_input("BI-127")
def test_slow_headers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def drip() -> None:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), connection:
                for byte in b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 400:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)  # the sender's pace

        threading.Thread(target=drip, daemon=True).start()

        async def use(client: Client) -> None:
            with pytest.raises(RemoteUnavailable):
                await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", deadline=0.5)

        with_client(use)


@pytest.mark.bad_input("BI-128")
@pytest.mark.bad_input("BI-129")
def test_too_much() -> None:
    squeezed = zlib.compressobj(9, wbits=31)
    bomb = squeezed.compress(b" " * (256 << 20)) + squeezed.flush()
    with Peer() as peer:
        peer.answers["/endless"] = endless(b"x" * 65536)
        peer.answers["/gzip"] = answer(body=bomb, Content_Encoding="gzip")
        peer.answers["/deflate"] = answer(body=zlib.compress(b" " * (64 << 20)), Content_Encoding="deflate")
        peer.answers["/twice"] = answer(body=gzip.compress(bomb), Content_Encoding="gzip, gzip")
        peer.answers["/br"] = answer(body=b"\x0b\x02\x80", Content_Encoding="br")

        async def use(client: Client) -> None:
            for path in ("/endless", "/gzip", "/deflate"):
                with pytest.raises(TooLarge):
                    await client.get(peer.base + path, max_bytes=1 << 20)
            for path in ("/twice", "/br"):
                with pytest.raises(FedisoraError):
                    await client.get(peer.base + path, max_bytes=1 << 20)

        with_client(use)
