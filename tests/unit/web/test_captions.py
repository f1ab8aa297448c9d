"""Captions at the doors: who may give, read and remove them, and what a browser gets."""
from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import pytest
from sqlalchemy import select

from fedisora.app import House, build_house, create_app
from fedisora.models import Actor, Caption, Media, Status, User
from fedisora.services import accounts, publish, sessions, tokens
from fedisora.settings import load_settings
from fedisora.store import actors
from fedisora.web.pages.render import SPOKEN, _preferred

BASE = "/api/fedisora/v1/media"
TYPED = {"Content-Type": "text/vtt"}
VTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\n<b>Hi</b> <script>there</script>\n"
CLEAN = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<b>Hi</b> there\n"


class Door:
    """The application without a socket, and two people."""

    def __init__(self, house: House) -> None:
        self.house, self._runner = house, asyncio.Runner()
        self._runner.run(house.open())
        transport = httpx.ASGITransport(app=create_app(house.settings, local_workers=False, house=house))
        self._http = httpx.AsyncClient(transport=transport, base_url=house.uris.base)
        self.ada, self.eve = (house.db.write_now(lambda uow, name=name: self._account(uow, name)) for name in ("ada", "eve"))

    @staticmethod
    def _account(uow: Any, name: str) -> dict[str, str]:
        accounts.create(uow, name, f"{name}@example.org", "a fine password")
        user = uow.session.scalars(select(User).join(Actor, Actor.id == User.actor_id).where(Actor.username == name)).one()
        token = tokens.create(uow, user.id, None, "read write")
        cookie = sessions.start(uow, user, "test", "127.0.0.1")
        return {"bearer": f"Bearer {token}", "cookie": f"{sessions.COOKIE}={cookie}",
                "csrf": sessions.csrf_token(uow.vault, cookie), "actor": str(user.actor_id)}

    def ask(self, method: str, path: str, who: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {}) | ({"Authorization": who["bearer"]} if who else {})
        return self._runner.run(self._http.request(method, path, headers=headers, **more))

    def browse(self, method: str, path: str, who: dict[str, str], **more: Any) -> httpx.Response:
        return self._runner.run(self._http.request(method, path, headers={"Cookie": who["cookie"]}, **more))

    def film(self, visibility: str = "public") -> tuple[int, int]:
        """(file, post) of Ada's."""
        def insert(uow: Any) -> tuple[int, int]:
            media = Media(id=uow.new_id(), actor_id=int(self.ada["actor"]), state="signed", kind="video", mime="video/mp4",
                          storage_key="ab/1-x.mp4", poster_key="ab/1-x.webp", width=640, height=360, duration=8.0, size=16000,
                          generator={"parameters": {"fps": 24}}, created_at=uow.now, storyboard_key="ab/1-s.jpg",
                          storyboard={"width": 160, "height": 90, "columns": 8, "rows": 1, "count": 8, "interval": 1})
            uow.session.add(media)
            uow.session.flush()
            ada = actors.get(uow.session, int(self.ada["actor"]))
            status = publish.create(uow, ada, publish.Draft(text="a film", visibility=visibility, media_ids=(media.id,)))
            publish.finish(uow, status.id)
            return media.id, status.id

        return self.house.db.write_now(insert)

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.run(self.house.close())
        self._runner.close()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    found = Door(build_house(load_settings(
        tmp_path_factory.mktemp("captions"), base_url="http://here.example", allow_private_network="127.0.0.0/8")))
    yield found
    found.close()


def test_the_api_keeps_reads_and_removes_captions(door: Door) -> None:
    media_id, status_id = door.film()
    one = f"{BASE}/{media_id}/captions"
    kept = door.ask("PUT", f"{one}/EN", door.ada, content=VTT, headers=TYPED)
    assert (kept.status_code, kept.json()["language"], kept.json()["label"]) == (200, "en", "English"), kept.text
    assert door.ask("PUT", f"{one}/de", door.ada, json={"text": VTT.decode(), "label": "Text"}).json()["label"] == "Text"
    srt = b"1\n00:00:01,000 --> 00:00:02,000\nBonjour\n"
    assert door.ask("PUT", f"{one}/fr", door.ada, files={"file": ("x.srt", srt)}).status_code == 200
    listed = door.ask("GET", one).json()
    assert [row["language"] for row in listed] == ["de", "en", "fr"]
    shown = door.ask("GET", f"{one}/en")
    assert (shown.text, shown.headers["content-type"]) == (CLEAN, "text/vtt; charset=utf-8")
    served = door.ask("GET", httpx.URL(listed[1]["url"]).path)
    assert served.text == CLEAN
    assert served.headers["access-control-allow-origin"] == "*"
    assert served.headers["cache-control"] == "public, max-age=60"
    entity = door.ask("GET", f"/api/v1/statuses/{status_id}").json()["media_attachments"][0]
    assert entity["fedisora"]["captions"] == listed
    assert entity["meta"]["original"] == {"width": 640, "height": 360, "duration": 8.0, "frame_rate": "24/1", "bitrate": 16000}
    assert door.ask("DELETE", f"{one}/fr", door.ada).status_code == 204
    assert door.ask("DELETE", f"{one}/fr", door.ada).status_code == 404
    for who, status in ((None, 401), (door.eve, 404)):
        assert door.ask("PUT", f"{one}/en", who, content=VTT, headers=TYPED).status_code == status
        assert door.ask("DELETE", f"{one}/en", who).status_code == status
    wrong = door.ask("PUT", f"{one}/en", door.ada, content=b"WEBVTT\n\n00:03.000 --> 00:02.000\nx", headers=TYPED)
    assert (wrong.status_code, wrong.json()["error"]) == (422, "Line 3 of the captions: it ends before it begins.")
    assert door.ask("PUT", f"{one}/en", door.ada, content=b"x" * (3 << 20), headers=TYPED).status_code == 413
    assert door.ask("PUT", f"{one}/englisch", door.ada, content=VTT, headers=TYPED).status_code == 422


def test_captions_are_seen_by_who_may_see_the_post(door: Door) -> None:
    media_id, _ = door.film("private")
    url = door.ask("PUT", f"{BASE}/{media_id}/captions/en", door.ada, content=VTT, headers=TYPED).json()["url"]
    path = httpx.URL(url).path
    for who, status in ((None, 404), (door.eve, 404), (door.ada, 200)):
        assert door.ask("GET", path, who).status_code == status
        assert door.ask("GET", f"{BASE}/{media_id}/captions", who).status_code == status
    mine = door.browse("GET", path, door.ada)
    assert (mine.status_code, mine.headers["cache-control"]) == (200, "private, no-store")
    assert door.browse("GET", path, door.eve).status_code == 404
    assert door.ask("HEAD", path, door.ada).status_code == 200
    assert door.ask("GET", "/media/captions/1.vtt").status_code == 404


def test_the_author_adds_checks_and_removes_captions_on_the_page(door: Door) -> None:
    media_id, status_id = door.film()
    page = f"/@ada/{status_id}"
    form = {"csrf_token": door.ada["csrf"], "media": str(media_id), "captions_language": "en"}

    def send(who: dict[str, str], verb: str = "", **more: Any) -> httpx.Response:
        return door.browse("POST", f"/posts/{status_id}/captions{verb}", who, data=form, **more)

    assert send(door.ada, files={"captions": ("x.vtt", VTT)}).headers["location"] == page
    shown = door.browse("GET", page, door.ada)
    row = door.house.db.read_now(lambda session: session.scalars(select(Caption).where(Caption.media_id == media_id)).one())
    track = f'<track kind="captions" src="/media/captions/{row.id}.vtt" srclang="en" label="English" default>'
    assert track in shown.text
    assert 'data-storyboard="/media/ab/1-s.jpg" data-strip="160 90 8 8 1"' in shown.text
    assert "&lt;b&gt;Hi&lt;/b&gt; there" in shown.text
    stranger = door.ask("GET", page, headers={"Accept-Language": "fr, de;q=0.5"})
    assert track.replace(" default", "") in stranger.text
    assert "captions_text" not in stranger.text
    assert "accept-language" in stranger.headers["vary"].lower()
    assert "<track" in door.ask("GET", f"{page}/embed").text
    door.house.db.write_now(lambda uow: setattr(uow.session.get_one(Caption, row.id), "automatic", True))
    assert 'label="English (automatic, not checked)"' in door.browse("GET", page, door.ada).text
    form["captions_text"] = CLEAN.replace("Hi", "Hello")
    send(door.ada)
    checked = door.house.db.read_now(lambda session: session.get_one(Caption, row.id))
    assert (checked.automatic, "Hello" in checked.text) == (False, True)
    form["captions_text"] = "nonsense"
    said = send(door.ada)
    assert "begins%20with%20WEBVTT" in said.headers["set-cookie"]
    assert send({**door.eve}).status_code == 403  # her token is not Ada's
    send(door.ada, "/remove")
    assert "<track" not in door.browse("GET", page, door.ada).text


def test_settings_show_the_storage(door: Door) -> None:
    page = door.browse("GET", "/settings", door.ada).text
    assert "10,240 MB" in page
    assert re.search(r"\d+ files?\b", page)
    assert door.ask("GET", "/api/fedisora/v1/storage", door.ada).json()["limit"] == 10240 << 20


class Far(BaseHTTPRequestHandler):
    """Another server's files, by path."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200 if self.path in self.files else 404)
        self.end_headers()
        self.wfile.write(self.files.get(self.path, b""))

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def far() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Far)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_captions_of_another_server_come_clean_and_through_this_one(door: Door, far: str) -> None:
    Far.files = {"/good.vtt": VTT, "/bad.vtt": b"<html>no captions</html>"}

    def insert(uow: Any) -> list[int]:
        owner = Actor(id=uow.new_id(), uri="https://far.example/u/1", type="Person", username="far", username_key="far",
                      domain="far.example", inbox="https://far.example/inbox", created_at=uow.now, updated_at=uow.now)
        uow.session.add(owner)
        uow.session.flush()
        status = Status(id=uow.new_id(), uri="https://far.example/1", actor_id=owner.id, local=False, visibility="public",
                        created_at=uow.now)
        uow.session.add(status)
        uow.session.flush()
        media = Media(id=uow.new_id(), actor_id=owner.id, status_id=status.id, state="remote", kind="video",
                      remote_url="https://far.example/1.mp4", created_at=uow.now)
        uow.session.add(media)
        uow.session.flush()
        rows = [Caption(id=uow.new_id(), media_id=media.id, language=name[:2], label=name, text=f"{far}/{name}.vtt",
                        created_at=uow.now, updated_at=uow.now) for name in ("good", "bad")]
        uow.session.add_all(rows)
        return [row.id for row in rows]

    good, bad = door.house.db.write_now(insert)
    assert Far.asked == []  # nobody watched yet
    for _ in range(2):
        assert door.ask("GET", f"/media/captions/{good}.vtt").text == CLEAN
    assert Far.asked == ["/good.vtt"]
    assert door.ask("GET", f"/media/captions/{bad}.vtt").status_code == 404


def test_the_captions_that_are_shown_at_first() -> None:
    class Track:
        def __init__(self, number: int, language: str, automatic: bool = False) -> None:
            self.id, self.language, self.automatic = number, language, automatic

    tracks = [Track(1, "pt-BR"), Track(2, "en", automatic=True), Track(3, "en-GB"), Track(4, "de")]
    for languages, wanted in ((("de",), 4), (("pt",), 1), (("en",), 2), (("en-us",), 3), (("fr", "de-at"), 4), ((), None),
                              (("fr",), None)):
        token = SPOKEN.set(languages)
        assert _preferred(tracks) == wanted, languages
        SPOKEN.reset(token)
