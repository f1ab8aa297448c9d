"""Where our requests may go and what may come back (catalogue area fetch): the real client against servers on loopback."""
from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from fedisora.activitypub import markup
from fedisora.activitypub.webfinger import parse_handle, parse_resource
from fedisora.db import Database, Instance
from fedisora.errors import FedisoraError, Forbidden, Gone, Malformed, NotFound, NotOwner, RemoteUnavailable, TooLarge
from fedisora.federation import fetch
from fedisora.federation.client import Client
from fedisora.federation.fetch import Fetcher
from fedisora.federation.peers import Peers
from fedisora.models import Base, RemoteHost
from fedisora.services import instance
from fedisora.settings import Settings, load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.hostile.scene import Peer, answer
from tests.support.remote import AS2

INWARD = "127.0.0.2"
"""Stands for an address that must not be reached; 127.0.0.1 for a public one."""
NAMES: dict[str, list[list[str]]] = {}
"""Answers of the name server: for each name a list of answers, the last one for good."""


@pytest.fixture(autouse=True)
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operating system's resolver, which the client asks through aiohttp, with names of our own."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in NAMES:
            return real(host, port, *args, **options)
        answers = NAMES[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET6 if ":" in item else socket.AF_INET, socket.SOCK_STREAM, 6, "",
                 (item, port, 0, 0) if ":" in item else (item, port)) for item in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    NAMES.clear()


class Trap:
    """A listener that must never be connected to."""

    def __init__(self, address: str = INWARD, port: int = 0) -> None:
        self._listener = socket.create_server((address, port))
        self.port = int(self._listener.getsockname()[1])
        self.caught = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.caught += 1
                connection.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    found = Trap()
    yield found
    found.close()
    assert found.caught == 0, "somebody connected to an address inside"


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


# ---- documents
@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[Callable[[Callable[[Fetcher], Awaitable[None]]], None]]:
    settings = load_settings(tmp_path, base_url="http://here.example", allow_private_network="127.0.0.1/32")
    db = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(db.engine)
    db.write_now(instance.initialise)

    def run(use: Callable[[Fetcher], Awaitable[None]]) -> None:
        async def go() -> None:
            client = Client(settings)
            await client.open()
            try:
                await use(Fetcher(db, client))
            finally:
                await client.close()

        asyncio.run(go())

    yield run
    db.close()


Run = Callable[[Callable[[Fetcher], Awaitable[None]]], None]


def note(peer: Peer, path: str = "/n/1", **more: Any) -> dict[str, Any]:
    return {"@context": AS2, "id": peer.base + path, "type": "Note", "attributedTo": f"{peer.base}/u/a", "content": "x", **more}


def refuses(run: Run, uri: str, *errors: type[Exception]) -> None:
    async def use(found: Fetcher) -> None:
        with pytest.raises(errors or FedisoraError):
            await found.document(uri)

    run(use)


@pytest.mark.parametrize("kind", [
    *(pytest.param(kind, marks=pytest.mark.bad_input("BI-130")) for kind in (
        "application/json", "image/json", "text/plain", "image/png", "text/html", "")),
    *(pytest.param(kind, marks=pytest.mark.bad_input("BI-131")) for kind in (
        "application/ld+json", 'application/ld+json; profile="https://other.example/"', "application/ld+json; charset=utf-8",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams.evil"'))])
def test_documents_of_another_type(kind: str, fetcher: Run) -> None:
    with Peer() as peer:
        peer.answers["/n/1"] = answer(body=note(peer), kind=kind)
        refuses(fetcher, f"{peer.base}/n/1", Malformed)


@pytest.mark.bad_input("BI-132")
def test_a_document_with_an_id_of_another_host(fetcher: Run) -> None:
    with Peer() as evil, Peer() as good:
        evil.answers["/x"] = answer(body=note(good, content="forged"))
        refuses(fetcher, f"{evil.base}/x", NotFound)
        good.documents["/n/1"] = note(good, content="true")

        async def use(found: Fetcher) -> None:
            assert (await found.document(f"{evil.base}/x"))["content"] == "true"

        fetcher(use)


@pytest.mark.bad_input("BI-133")
def test_a_redirect_to_another_host_that_keeps_the_id(fetcher: Run) -> None:
    with Peer() as evil, Peer() as good:
        good.answers["/n/1"] = answer(302, Location=f"{evil.base}/x")
        evil.answers["/x"] = answer(body=note(good, content="forged"))
        refuses(fetcher, f"{good.base}/n/1", NotOwner)
        good.answers["/proxy"] = answer(302, Location=f"{evil.base}/x")
        refuses(fetcher, f"{good.base}/proxy", NotOwner)


@pytest.mark.bad_input("BI-134")
def test_html_instead_of_a_document(fetcher: Run) -> None:
    page = b"<link " * 85_000
    with Peer() as peer:
        peer.answers["/page"] = answer(body=page, kind="text/html")
        began = time.monotonic()
        refuses(fetcher, f"{peer.base}/page", Malformed)
        assert time.monotonic() - began < 2
    began = time.monotonic()
    markup.sanitize(page.decode())
    markup.plain_text(page.decode())
    assert time.monotonic() - began < 1


@pytest.mark.bad_input("BI-135")
def test_a_remote_address_that_leads_to_us(fetcher: Run) -> None:
    NAMES["here.example"] = [["127.0.0.1"]]
    with Peer() as peer:
        peer.answers["/x"] = answer(302, Location="http://here.example/users/ada")
        refuses(fetcher, f"{peer.base}/x", Forbidden)
        refuses(fetcher, "http://here.example/inbox", Forbidden)
        for spelled in ("http://HERE.example:80/users/ada", "http://here.example./users/ada", "https://here.example/users/ada",
                        "http://here.example:80?x", "http://ｈere.example/users/ada"):
            refuses(fetcher, spelled, Forbidden)
        peer.answers["/y"] = answer(body={"id": "http://here.example/users/ada", "type": "Person"})
        refuses(fetcher, f"{peer.base}/y", Forbidden)


@pytest.mark.bad_input("BI-136")
def test_what_refusals_mean(fetcher: Run) -> None:
    with Peer() as peer:
        for status, error in ((401, Forbidden), (403, Forbidden), (404, NotFound), (410, Gone), (429, RemoteUnavailable),
                              (500, RemoteUnavailable), (502, RemoteUnavailable), (503, RemoteUnavailable)):
            peer.answers[f"/{status}"] = answer(status)
            refuses(fetcher, f"{peer.base}/{status}", error)
        for value, wanted in (("7", 7.0), ("99999999", 86400.0), ("never", None), ("-5", None)):
            peer.answers["/busy"] = answer(429, Retry_After=value)

            async def use(found: Fetcher, wanted: float | None = wanted) -> None:
                with pytest.raises(RemoteUnavailable) as caught:
                    await found.document(f"{peer.base}/busy")
                assert caught.value.retry_after == wanted

            fetcher(use)


@pytest.mark.bad_input("BI-122")
def test_a_link_of_nodeinfo_that_leads_inside(fetcher: Run, trap: Trap) -> None:
    with Peer() as peer:
        for href in (f"http://{INWARD}:{trap.port}/", "http://169.254.169.254/", "file:///etc/passwd", "http://127.0.0.1:22/"):
            peer.answers["/.well-known/nodeinfo"] = answer(body={"links": [
                {"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": href}]}, kind="application/json")

            async def use(found: Fetcher) -> None:
                await Peers(found._db, found._client).learn(peer.host)
                found._db.write_now(lambda uow: uow.session.execute(delete(RemoteHost)))  # so that it asks again

            fetcher(use)
        assert peer.asked("/.well-known/nodeinfo") == 4
