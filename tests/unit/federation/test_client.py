"""The egress client against real servers on loopback."""
from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from fedisora.errors import Forbidden, Gone, Malformed, NotFound, RemoteUnavailable, TooLarge, Unsupported
from fedisora.federation.client import Client
from fedisora.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, address: str = "127.0.0.1") -> AsyncIterator[str]:
    """A web server on a free loopback port; its origin."""
    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address, 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened(**settings: object) -> AsyncIterator[Client]:
    values = {"base_url": "http://127.0.0.1:1", "allow_private_network": "127.0.0.0/8", **settings}
    client = Client(Settings(**values))  # type: ignore[arg-type]
    await client.open()
    try:
        yield client
    finally:
        await client.close()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello", content_type="text/plain")


@pytest.mark.parametrize("url", [
    "http://127.0.0.1:8000/", "http://[::1]:8000/", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://0x7f.1/",
    "http://0177.0.0.1/", "http://127.1/", "http://0.0.0.0/", "http://169.254.169.254/latest/meta-data/",
    "http://localhost/", "http://localhost./", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::1]/"])
def test_private_addresses_are_never_connected_to(url: str) -> None:
    async def go() -> None:
        async with opened(allow_private_network=False) as client:
            with pytest.raises((Forbidden, Malformed)):
                await client.get(url)
            with pytest.raises((Forbidden, Malformed)):
                await client.post(url, b"{}", {})

    asyncio.run(go())


@pytest.mark.parametrize("url", ["ftp://example.com/", "file:///etc/passwd", "gopher://x/", "//example.com/", "x", "",
                                 "http://user:pw@example.com/", "http://exa mple.com/", "http:///x", "http://a:99999/",
                                 "https://example.com/" + "x" * 3000])
def test_other_urls_are_malformed(url: str) -> None:
    async def go() -> None:
        async with opened() as client:
            with pytest.raises(Malformed):
                await client.get(url)

    asyncio.run(go())


def test_plain_http_needs_a_reason() -> None:
    async def go() -> None:
        async with opened(base_url="https://video.example", allow_private_network=False) as client:
            with pytest.raises(Forbidden, match="https"):
                await client.get("http://example.com/")

    asyncio.run(go())


def test_low_ports_are_refused() -> None:
    async def go() -> None:
        async with opened() as client:
            with pytest.raises(Forbidden):
                await client.get("http://127.0.0.1:22/")

    asyncio.run(go())


def test_a_redirect_inward_is_refused() -> None:
    async def inward(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://10.1.2.3/secret")

    async def go() -> None:
        async with serving(inward) as base, opened() as client:
            with pytest.raises(Forbidden):
                await client.get(base + "/")

    asyncio.run(go())


def test_redirects_are_counted_and_loops_end() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/loop":
            raise web.HTTPFound("/loop")
        number = int(request.path[1:])
        if number == 0:
            return web.Response(text="end")
        raise web.HTTPFound(f"/{number - 1}")

    async def go() -> None:
        async with serving(handler) as base, opened() as client:
            answer = await client.get(base + "/3")
            assert (answer.body, answer.url) == (b"end", base + "/0")
            asked.clear()
            with pytest.raises(Forbidden):
                await client.get(base + "/50")
            assert len(asked) == 4
            with pytest.raises(Forbidden):
                await client.get(base + "/loop")

    asyncio.run(go())


def test_every_hop_is_signed_anew() -> None:
    seen: list[tuple[str, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("Signature")))
        if request.path == "/a":
            raise web.HTTPFound("/b")
        return web.Response(text="ok")

    async def go() -> None:
        async with serving(handler) as base, opened() as client:
            await client.get(base + "/a", signer=lambda method, url, body: {"Signature": f"{method} {url[len(base):]}"})

    asyncio.run(go())
    assert seen == [("/a", "GET /a"), ("/b", "GET /b")]


def test_post_never_follows() -> None:
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async def go() -> None:
        async with serving(handler) as base, opened() as client:
            assert (await client.post(base + "/inbox", b"{}", {})).status == 307

    asyncio.run(go())
    assert paths == ["/inbox"]


def test_large_answers_stop_at_the_limit() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while sent < 1 << 30:
                await answer.write(b"x" * 65536)
                sent += 65536
        except ConnectionError:
            pass  # the client hung up, as it should
        return answer

    async def declared(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 5000)

    async def go() -> None:
        async with serving(endless) as base, opened() as client:
            with pytest.raises(TooLarge):
                await client.get(base + "/", max_bytes=100_000)
        async with serving(declared) as base, opened() as client:
            with pytest.raises(TooLarge):
                await client.get(base + "/", max_bytes=4999)
            assert len((await client.get(base + "/", max_bytes=5000)).body) == 5000

    asyncio.run(go())
    assert sent < 64 << 20


def test_a_compression_bomb_stops_at_the_decompressed_limit() -> None:
    bomb = gzip.compress(bytes(64 << 20))

    async def handler(request: web.Request) -> web.Response:
        coding = {"/gzip": "gzip", "/br": "br", "/damaged": "gzip", "/short": "gzip", "/fine": "gzip"}[request.path]
        body = {"/damaged": b"not gzip", "/short": gzip.compress(b"hello")[:-9], "/fine": gzip.compress(b"hello")}
        return web.Response(body=body.get(request.path, bomb), headers={"Content-Encoding": coding})

    async def go() -> None:
        async with serving(handler) as base, opened() as client:
            with pytest.raises(TooLarge):
                await client.get(base + "/gzip")
            with pytest.raises(Unsupported):
                await client.get(base + "/br")
            for path in ("/damaged", "/short"):
                with pytest.raises(Malformed):
                    await client.get(base + path)
            assert (await client.get(base + "/fine")).body == b"hello"

    asyncio.run(go())


def test_one_deadline_for_everything() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            for _ in range(200):
                await answer.write(b".")
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass  # the client hung up, as it should
        return answer

    async def go() -> None:
        async with serving(drip) as base, opened() as client:
            with pytest.raises(RemoteUnavailable, match="no answer within"):
                await client.get(base + "/", deadline=0.3)

    asyncio.run(go())


def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def go() -> None:
        async with opened() as client:
            with pytest.raises(RemoteUnavailable):
                await client.get(f"http://127.0.0.1:{port}/")

    asyncio.run(go())


def test_answers_become_our_errors() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=int(request.path[1:]))

    async def go() -> None:
        async with serving(handler) as base, opened() as client:
            for status, error in ((404, NotFound), (410, Gone), (403, Forbidden), (401, Forbidden),
                                  (500, RemoteUnavailable), (503, RemoteUnavailable), (429, RemoteUnavailable)):
                with pytest.raises(error):
                    (await client.get(f"{base}/{status}")).expect_ok()
            (await client.get(f"{base}/204")).expect_ok()

    asyncio.run(go())


def test_nothing_of_ours_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        assert request.headers["User-Agent"].startswith("Fedisora/")
        answer = web.Response(text="x")
        answer.set_cookie("track", "me")
        return answer

    async def go() -> None:
        async with serving(handler) as base, opened() as client:
            await client.get(base + "/")
            await client.get(base + "/")

    asyncio.run(go())
    assert cookies == [None, None]


def test_download_goes_to_a_file(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"v" * 300_000, content_type="video/mp4") if request.path == "/v" else web.Response(status=404)

    async def go() -> None:
        async with serving(handler) as base, opened() as client:
            head = await client.download(base + "/v", tmp_path / "v", max_bytes=1 << 20, deadline=10)
            assert head.content_type == "video/mp4" and (tmp_path / "v").stat().st_size == 300_000
            with pytest.raises(TooLarge):
                await client.download(base + "/v", tmp_path / "w", max_bytes=1000, deadline=10)
            with pytest.raises(NotFound):
                await client.download(base + "/x", tmp_path / "x", max_bytes=1000, deadline=10)

    asyncio.run(go())
