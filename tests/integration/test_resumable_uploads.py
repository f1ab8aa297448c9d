"""Resumable uploads: a real tus client, connections that break, a server that is killed, and everything that is refused."""
from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fedisora.app import build_house
from fedisora.db import UnitOfWork
from fedisora.services import accounts, tokens
from fedisora.settings import load_settings
from tests.support import environment
from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually
from tests.support.pictures import clip

UPLOADS = "/api/fedisora/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InstanceProcess, dict[str, str]]]:
    """An instance with Ada and Bob, and their tokens; made without the command line, which would take seconds of its own."""
    instance = InstanceProcess(tmp_path_factory.mktemp("uploads") / "data", max_upload_mb="1", storage_quota_mb="3")
    house = build_house(load_settings(instance.folder, base_url=instance.base))

    def people(uow: UnitOfWork) -> dict[str, str]:
        made = {name: accounts.create(uow, name, f"{name}@example.org", PASSWORD) for name in ("ada", "bob")}
        return {name: tokens.create(uow, user.id, None, "read write") for name, user in made.items()}

    found = house.db.write_now(people)
    house.db.close()
    yield instance.start(), found
    instance.close()


@pytest.fixture(scope="module")
def here(town: tuple[InstanceProcess, dict[str, str]]) -> InstanceProcess:
    return town[0]


@pytest.fixture(scope="module")
def ada(town: tuple[InstanceProcess, dict[str, str]]) -> Api:
    return Api(town[0], "ada", town[1]["ada"])


@pytest.fixture(scope="module")
def bob(town: tuple[InstanceProcess, dict[str, str]]) -> Api:
    return Api(town[0], "bob", town[1]["bob"])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip(tmp_path_factory.mktemp("film") / "film.mp4", width=320, height=180, frames=48).read_bytes()


def encoded(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def begin(who: Api, length: int, **about: str) -> str:
    answer = who.http.post(UPLOADS, headers={**TUS, "Upload-Length": str(length), "Upload-Metadata": encoded(**about)})
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == "0"
    assert answer.headers["upload-expires"].endswith("GMT")
    return answer.headers["location"]


def send(who: Api, url: str, offset: int, data: bytes, **more: str) -> httpx.Response:
    return who.http.patch(url, content=data, headers={**BYTES, "Upload-Offset": str(offset), **more})


def offset(who: Api, url: str) -> int:
    answer = who.http.head(url, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def ready(who: Api, media_id: str) -> dict[str, Any]:
    def processed() -> dict[str, Any]:
        answer = who.http.get(f"/api/v1/media/{media_id}")
        assert answer.status_code in (200, 206), answer.text
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return found

    return eventually(processed, what="the upload is processed")


def test_what_the_server_can_do(here: InstanceProcess) -> None:
    answer = here.http.options(UPLOADS)
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {"creation", "expiration", "termination", "checksum"}
    assert answer.headers["tus-max-size"] == str(1 << 20)
    asked = here.http.options(UPLOADS, headers={"Origin": "https://a.example", "Access-Control-Request-Method": "PATCH"})
    assert "upload-offset" in asked.headers["access-control-allow-headers"].lower()


def test_a_real_client_uploads_in_pieces_and_the_file_is_processed(ada: Api, film: bytes) -> None:
    environment.require(importlib.util.find_spec("tusclient") is not None, "tuspy is not installed (the extra test)")
    from tusclient.client import TusClient

    client = TusClient(f"{ada.instance.base}{UPLOADS}", headers={"Authorization": f"Bearer {ada.token}"})
    about = {"filename": "film.mp4", "description": "a moving gradient", "fedisora_source": "captured"}
    first = client.uploader(file_stream=io.BytesIO(film), chunk_size=5000, metadata=about)
    first.upload_chunk()
    url = first.url
    assert offset(ada, url) == 5000
    # the application is closed; another day it goes on from where it was
    again = client.uploader(file_stream=io.BytesIO(film), chunk_size=9000, url=url)
    assert again.offset == 5000
    again.upload()
    answer = ada.http.head(url, headers=TUS)
    assert dict(pair.split() for pair in answer.headers["upload-metadata"].split(",")) == dict(
        pair.split() for pair in encoded(**about).split(","))
    media_id = answer.headers["fedisora-media-id"]
    media = ready(ada, media_id)
    assert (media["description"], media["fedisora"]["declared"]) == ("a moving gradient", True)
    assert media["meta"]["original"]["duration"] == pytest.approx(2.0, abs=0.1)
    assert send(ada, url, len(film), b"").status_code == 409  # complete is complete
    posted = ada.post("/api/v1/statuses", status="look", media_ids=[media_id])
    assert posted["media_attachments"][0]["id"] == media_id


def test_a_connection_that_breaks_loses_nothing_that_came(here: InstanceProcess, ada: Api, film: bytes) -> None:
    url = begin(ada, len(film))
    with socket.create_connection(("127.0.0.1", here.port)) as line:
        head = [f"PATCH {httpx.URL(url).path} HTTP/1.1", f"Host: {here.host}", f"Authorization: Bearer {ada.token}",
                "Upload-Offset: 0", f"Content-Length: {len(film)}", *(f"{name}: {value}" for name, value in BYTES.items())]
        line.sendall("\r\n".join([*head, "", ""]).encode() + film[:7000])
        # while it is open nobody else may write; its client asks how far it is only after it gave up
        eventually(lambda: send(ada, url, 999_999, b"x").status_code == 423, what="the upload is held")
    eventually(lambda: offset(ada, url) == 7000, what="what came is kept")
    assert send(ada, url, 0, film).status_code == 409
    answer = eventually(lambda: (found := send(ada, url, 7000, film[7000:])).status_code == 204 and found, what="it goes on")
    assert answer.headers["upload-offset"] == str(len(film))
    assert ready(ada, answer.headers["fedisora-media-id"])["type"] == "video"


def test_a_killed_server_knows_how_far_it_was(here: InstanceProcess, ada: Api, film: bytes) -> None:
    url = begin(ada, len(film), description="after the kill")
    assert send(ada, url, 0, film[:9000]).status_code == 204
    here.kill()
    here.start()
    assert offset(ada, url) == 9000
    assert send(ada, url, 9000, film[9000:-1]).status_code == 204
    # as if the server had ended between the last byte and what follows it
    part, = [path for path in (here.folder / "uploads-part").iterdir() if path.stat().st_size == len(film) - 1]
    with part.open("ab") as file:
        file.write(film[-1:])
    answer = ada.http.head(url, headers=TUS)
    assert answer.headers["upload-offset"] == str(len(film))
    assert ready(ada, answer.headers["fedisora-media-id"])["description"] == "after the kill"
    assert not part.exists()


def test_what_is_refused(here: InstanceProcess, ada: Api, bob: Api) -> None:
    def create(headers: dict[str, str]) -> int:
        return ada.http.post(UPLOADS, headers=headers).status_code

    assert create({"Upload-Length": "5"}) == 412
    assert create(TUS) == 422
    assert create({**TUS, "Upload-Length": "0"}) == 422
    assert create({**TUS, "Upload-Length": str((1 << 20) + 1)}) == 413
    assert create({**TUS, "Upload-Length": "5", "Upload-Metadata": "x !!!"}) == 400
    assert create({**TUS, "Upload-Length": "5", "Upload-Metadata": encoded(fedisora_source="magic")}) == 422
    assert here.http.post(UPLOADS, headers={**TUS, "Upload-Length": "5"}).status_code == 401
    url = begin(ada, 10)
    assert ada.http.patch(url, content=b"x", headers={**TUS, "Upload-Offset": "0"}).status_code == 415
    assert ada.http.patch(url, content=b"x", headers=BYTES).status_code == 400
    assert send(ada, url, 3, b"x").status_code == 409
    assert send(ada, url, 0, b"x" * 11).status_code == 413
    start = offset(ada, url)
    wrong = base64.b64encode(hashlib.sha1(b"other").digest()).decode()
    assert send(ada, url, start, b"y", **{"Upload-Checksum": f"sha1 {wrong}"}).status_code == 460
    assert offset(ada, url) == start
    assert send(ada, url, start, b"y", **{"Upload-Checksum": "crc32 AAAA"}).status_code == 400
    right = base64.b64encode(hashlib.sha256(b"y").digest()).decode()
    assert send(ada, url, start, b"y", **{"Upload-Checksum": f"sha256 {right}"}).status_code == 204
    assert bob.http.head(url, headers=TUS).status_code == 404
    assert ada.http.post(url, headers=TUS).status_code == 400
    assert ada.http.post(url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert ada.http.head(url, headers=TUS).status_code == 404


def test_uploads_under_way_count_for_the_quota(bob: Api) -> None:
    assert bob.get("/api/fedisora/v1/storage") == {"used": 0, "limit": 3 << 20, "left": 3 << 20, "files": 0}
    first = [begin(bob, 1 << 20) for _ in range(3)]
    refused = bob.http.post(UPLOADS, headers={**TUS, "Upload-Length": "1000"})
    assert refused.status_code == 413
    assert "Your storage is full: 0 files use 3 MB of 3 MB" in refused.json()["error"]
    assert bob.http.post("/api/v2/media", files={"file": ("x.png", b"x" * 100)}).status_code == 413
    bob.http.delete(first[0], headers=TUS)
    begin(bob, 1000)


def test_a_browser_uploads_with_its_session_and_token(here: InstanceProcess, ada: Api) -> None:
    with httpx.Client(base_url=here.base) as browser:
        page = browser.get("/login")
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        browser.post("/login", data={"login": "ada", "password": PASSWORD, "csrf_token": token})
        assert browser.post(UPLOADS, headers={**TUS, "Upload-Length": "5"}).status_code == 403
        inside = browser.get("/create").text.split('name="csrf_token" value="')[1].split('"')[0]
        answer = browser.post(UPLOADS, headers={**TUS, "Upload-Length": "5", "X-CSRF-Token": inside})
        assert answer.status_code == 201
        assert browser.head(answer.headers["location"], headers={**TUS, "X-CSRF-Token": inside}).status_code == 200
