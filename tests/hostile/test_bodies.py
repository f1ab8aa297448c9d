"""Bytes that are no document, or an odd one (catalogue area json). On SQLite and PostgreSQL: some of them are the database's."""
from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request

from fedisora.errors import Malformed
from fedisora.web.activitypub import respond
from tests.hostile.scene import Peer, Scene
from tests.hostile.signing import Cavage
from tests.support import databases, environment
from tests.support.instances import unique
from tests.support.remote import AS2, RemoteActor

PUBLIC = [f"{AS2}#Public"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    environment.require("postgresql")
    with databases.postgres_database(environment.POSTGRES) as url:
        yield url


@pytest.fixture(scope="module")
def author(scene: Scene) -> Iterator[tuple[Peer, RemoteActor]]:
    """Somebody whose posts are wanted here."""
    with Peer() as world:
        yield world, scene.followed(world)


def send(scene: Scene, sender: RemoteActor, body: bytes) -> int:
    return scene.post(scene.inbox, body, Cavage().headers(sender, scene.inbox, body))


def case(number: str, text: str) -> Any:
    return pytest.param(text.encode(), id=text[:30], marks=pytest.mark.bad_input(number))


ACTOR = "%ACTOR%"


@pytest.mark.parametrize("body", [
    case("BI-087", f'{{"type":"Like","actor":"https://good.example/u/a","object":"https://x.example/1","actor":"{ACTOR}"}}'),
    case("BI-088", f'{{"type":"Like","actor":"{ACTOR}","object":{{"id":"https://a.example/1","id":"https://b.example/2"}}}}'),
    case("BI-089", f'{{"type":"Like","actor":"{ACTOR}","object":"https://x.example/1","width":NaN}}'),
    case("BI-089", f'{{"type":"Like","actor":"{ACTOR}","object":"https://x.example/1","width":Infinity}}'),
    case("BI-089", f'{{"type":"Like","actor":"{ACTOR}","object":"https://x.example/1","width":1e400}}'),
    case("BI-094", "[]"), case("BI-094", '"text"'), case("BI-094", "7"), case("BI-094", "null"), case("BI-094", ""),
    case("BI-094", f'[{{"type":"Like","actor":"{ACTOR}","object":"https://x.example/1"}}]'),
])
def test_not_one_strict_object(body: bytes, scene: Scene, author: tuple[Peer, RemoteActor]) -> None:
    sender = author[1]
    with scene.nothing_changes():
        assert send(scene, sender, body.replace(ACTOR.encode(), sender.uri.encode())) == 400


@pytest.mark.bad_input("BI-090")
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_ten_thousand_deep(opening: bytes, scene: Scene, author: tuple[Peer, RemoteActor]) -> None:
    closing = b"]" if opening == b"[" else b"}"
    body = b'{"type":"Like","actor":"%s","object":"https://x.example/1","x":%s1%s}' % (
        author[1].uri.encode(), opening * 10_000, closing * 10_000)
    with scene.nothing_changes():
        assert send(scene, author[1], body) == 400


@pytest.mark.bad_input("BI-091")
def test_one_byte_too_many(scene: Scene, author: tuple[Peer, RemoteActor]) -> None:
    activity = author[1].activity("Like", "https://x.example/1")
    body = json.dumps({**activity, "x": ""}).encode()
    body = json.dumps({**activity, "x": "x" * ((1 << 20) + 1 - len(body))}).encode()
    assert len(body) == (1 << 20) + 1
    with scene.nothing_changes():
        assert send(scene, author[1], body) == 413
        # announced only: refused before it is sent
        assert scene.raw(["POST /inbox HTTP/1.1", f"Host: {scene.instance.host}", f"Content-Length: {1 << 40}"]) in (400, 413)


@pytest.mark.bad_input("BI-092")
def test_a_body_without_end(scene: Scene) -> None:
    with socket.create_connection(("127.0.0.1", scene.instance.port), timeout=30) as connection:
        connection.sendall(f"POST /inbox HTTP/1.1\r\nHost: {scene.instance.host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        sent = 0
        try:
            while sent < 64 << 20:
                connection.sendall(chunk)
                sent += 0x10000
        except ConnectionError:
            pass  # closed on us, as it should be
        assert sent < 64 << 20
        try:
            head = connection.recv(64)
        except ConnectionError:
            head = b""
    assert not head or int(head.split()[1]) in (400, 408, 413)


@pytest.mark.bad_input("BI-092")
def test_a_body_that_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(respond, "BODY_SECONDS", 0.2)

    async def drip() -> dict[str, Any]:
        await asyncio.sleep(0.05)  # the sender's pace
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def go() -> None:
        request = Request({"type": "http", "method": "POST", "path": "/inbox", "headers": []}, drip)
        with pytest.raises(Malformed, match="in time"):
            await respond.read_body(request)
        assert request.state.hang_up

    asyncio.run(go())


@pytest.mark.bad_input("BI-092")
def test_a_content_length_that_lies(scene: Scene) -> None:
    for lines in ([f"POST /inbox HTTP/1.1\r\nHost: {scene.instance.host}\r\nContent-Length: 5\r\nContent-Length: 500"],
                  [f"POST /inbox HTTP/1.1\r\nHost: {scene.instance.host}\r\nContent-Length: -1"],
                  [f"POST /inbox HTTP/1.1\r\nHost: {scene.instance.host}\r\nTransfer-Encoding: chunked"]):
        with scene.nothing_changes():
            assert scene.raw(lines, b"{}") in (0, 400, 401, 408, 413)


@pytest.mark.bad_input("BI-093")
def test_a_compressed_body(scene: Scene, author: tuple[Peer, RemoteActor]) -> None:
    body = gzip.compress(json.dumps(author[1].activity("Follow", scene.local.actor)).encode() + b" " * (200 << 20), 9)
    assert len(body) < 1 << 20
    with scene.nothing_changes():
        headers = [*Cavage().headers(author[1], scene.inbox, body), ("Content-Encoding", "gzip")]
        assert scene.post(scene.inbox, body, headers) in (400, 413, 415)


# ---- odd, and perhaps wanted
def note_with(author: tuple[Peer, RemoteActor], fields: str) -> tuple[str, bytes]:
    """A Create whose Note has extra JSON; later keys of the text are other keys."""
    actor = author[1]
    uri = f"{actor.uri}/notes/{unique('n')}"
    return uri, (f'{{"id":"{uri}/activity","type":"Create","actor":"{actor.uri}","object":{{"id":"{uri}","type":"Note",'
                 f'"attributedTo":"{actor.uri}",{fields}}}}}').encode()


TO = f'"to":["{AS2}#Public"]'


@pytest.mark.parametrize("fields", [
    pytest.param(f'{TO},"content":"\\ud800"', id="lone surrogate", marks=pytest.mark.bad_input("BI-095")),
    pytest.param(f'{TO},"content":"a","name":"\\udfff\\ud800"', id="reversed pair", marks=pytest.mark.bad_input("BI-095")),
    pytest.param(f'{TO},"content":"a\\u0000b"', id="NUL in content", marks=pytest.mark.bad_input("BI-096")),
    pytest.param(f'{TO},"content":"a","name\\u0000":"b"', id="NUL in a key", marks=pytest.mark.bad_input("BI-096")),
    pytest.param(f'{TO},"content":"a","tag":{{"type":"Hashtag","name":"#a\\u0000"}}', id="NUL in a tag",
                 marks=pytest.mark.bad_input("BI-096")),
    pytest.param('"to":[{"id":"https://a.example/u"},null,[["x"]],5,{}],"cc":{"a":1},"content":"a"', id="to of all kinds",
                 marks=pytest.mark.bad_input("BI-097")),
    pytest.param('"to":[[[]]],"cc":null,"content":{"a":1},"summary":[1],"tag":"x","attachment":7,"url":{"href":[]}',
                 id="everything of the wrong type", marks=pytest.mark.bad_input("BI-097")),
    pytest.param(f'{TO},"content":"a","attachment":{{"type":"Image","url":"https://x.example/1","width":{"9" * 400},'
                 f'"height":1e300,"duration":"PT{"9" * 60}S"}}', id="huge numbers", marks=pytest.mark.bad_input("BI-099")),
    pytest.param(f'{TO},"content":"a","replies":{{"totalItems":1{"0" * 400}}}', id="10**400",
                 marks=pytest.mark.bad_input("BI-099")),
    pytest.param(f'{TO},"content":"a","attachment":{{"type":"Video","mediaType":"video/mp4","url":"https://x.example/1",'
                 f'"width":2147483648,"height":99999999999,"size":9223372036854775807}}', id="beyond 32 bits",
                 marks=pytest.mark.bad_input("BI-099")),
])
def test_odd_values(fields: str, scene: Scene, author: tuple[Peer, RemoteActor]) -> None:
    uri, body = note_with(author, fields)
    status = send(scene, author[1], body)
    assert status in (202, 400, 413)
    scene.settle()
    if status == 202:
        assert scene.outcome({"id": f"{uri}/activity"})[0] in ("done", "refused")
    else:
        assert scene.status(uri) is None


@pytest.mark.bad_input("BI-095")
@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80"])
def test_bytes_that_are_no_utf8(raw: bytes, scene: Scene, author: tuple[Peer, RemoteActor]) -> None:
    _, body = note_with(author, f'{TO},"content":"%RAW%"')
    with scene.nothing_changes():
        assert send(scene, author[1], body.replace(b"%RAW%", raw)) == 400


@pytest.mark.bad_input("BI-098")
@pytest.mark.parametrize("published", ['"+020000-01-01T00:00:00Z"', "1700000000", '""', "null", '"0000-00-00"', '["x"]',
                                       '"9999-12-31T23:59:59-14:00"', '"0001-01-01T00:00:00+14:00"'])
def test_odd_dates(published: str, scene: Scene, author: tuple[Peer, RemoteActor]) -> None:
    uri, body = note_with(author, f'{TO},"content":"a","published":{published},"updated":{published}')
    assert send(scene, author[1], body) == 202
    scene.settle()
    row = scene.status(uri)
    assert row is not None
    if published[:3] not in ('"99', '"00'):
        assert str(row.created_at)[:4] == time.strftime("%Y", time.gmtime())
    assert any(item["uri"] == uri for item in scene.local.home()) or published.startswith('"00')


@pytest.mark.bad_input("BI-100")
def test_a_byte_order_mark(scene: Scene, author: tuple[Peer, RemoteActor]) -> None:
    _, body = note_with(author, f'{TO},"content":"a"')
    assert send(scene, author[1], b"\xef\xbb\xbf" + body) in (202, 400)
    scene.settle()
