"""A clip beside or instead of the picture of a likeness: what is taken, who sees it, what others may start from, how it goes."""
from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from starlette.formparsers import MultiPartParser

from fedisora.generation.safety.base import Subject
from fedisora.generation.safety.portraits import CODE, Portraits
from fedisora.models import LikenessHash
from fedisora.services import tokens
from tests.support.clips import clip
from tests.support.photos import photo

from .test_enrolment import Browser
from .test_likeness_pages import ADMIN, HERE, Room
from .test_openapi import BASE

pytestmark = pytest.mark.xdist_group("likeness_clips")  # its tests go through one scene

PLACE = "52.5200 N 13.4050 E"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    made = Room(tmp_path_factory.mktemp("clips"))
    for name in ("ada", "eva", "ida"):
        made.person(name)
    for name in ("mo", "max"):
        made.person(name, moderator=True)
    made.person("bot", operator="ada")
    yield made
    made.client.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip(tmp_path_factory.mktemp("film") / "me.mp4", 9, width=320, height=320, said=PLACE).read_bytes()


def send(browser: Browser, film: bytes, picture: bytes | None = None, path: str = f"{HERE}/enrol") -> httpx.Response:
    files: dict[str, Any] = {"clip": ("me.mp4", film, "video/mp4")}
    if picture is not None:
        files["picture"] = ("me.jpg", picture, "image/jpeg")
    return browser._client.post(path, data={"csrf_token": browser.csrf, "consent": "1"}, files=files, headers=browser._cookie)


def test_what_is_no_clip_leaves_nothing(room: Room, film: bytes, tmp_path: Path) -> None:
    ada = room.browser("ada")
    long = clip(tmp_path / "long.mp4", width=256, height=256, seconds=12, fps=2).read_bytes()
    for data in (b"", b"no clip", photo(), film[:len(film) // 3], long):
        assert send(ada, data, photo()).status_code == 422, data[:8]
    assert send(ada, film, b"\xff\xd8\xff no picture").status_code == 422, "the clip does not stay without its picture"
    assert send(ada, bytes(21 << 20)).status_code == 413
    assert send(room.browser("bot"), film).status_code == 403
    assert room.files() == []


def test_a_clip_alone_gives_its_still_and_is_seen_by_few(room: Room, film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def spooled(file: Any) -> None:
        raise AssertionError("a clip was written to a disk")

    monkeypatch.setattr(MultiPartParser, "spool_max_size", 100)
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", spooled)
    ada, eva, mo, most = (room.browser(name) for name in ("ada", "eva", "mo", "max"))
    assert send(ada, film).status_code == 303
    row = room.row("ada")
    assert (row.state, row.picture_mime, row.clip_mime, row.width) == ("checking", "image/jpeg", "video/mp4", 320)
    assert row.clip_seconds == pytest.approx(2, abs=0.2) and sorted(room.files()) == sorted(
        key for key in (row.picture_key, row.clip_key) if key)
    own = ada.get(f"{HERE}/clip")
    assert own.content[4:8] == b"ftyp" and "no-store" in own.headers["cache-control"] and PLACE.encode() not in own.content
    assert b"mp4a" not in own.content, "without sound"
    part = ada._client.get(f"{HERE}/clip", headers={**ada._cookie, "Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert ada._client.get(f"{HERE}/clip", headers={**ada._cookie, "Range": "bytes=99999999-"}).status_code == 416
    assert ada.get(f"{HERE}/picture").content[:2] == b"\xff\xd8"
    assert "/settings/likeness/clip" in ada.get(HERE).text
    assert eva.get(f"{HERE}/clip").status_code == 404 and room.client.get(f"{HERE}/clip").status_code in (303, 401)
    case_id = room.case_of("ada")
    path = f"{ADMIN}/{case_id}/likeness/clip"
    assert ada.send(case_id, ada.challenge(case_id)["token"], room.film).status_code == 200
    assert send(ada, film).status_code == 409
    assert mo.get(path).status_code == 403 and eva.get(path).status_code == 404
    assert mo.post(f"{ADMIN}/{case_id}/take").status_code == 303
    assert mo.get(path).content == own.content and path in mo.get(ADMIN).text
    assert most.get(path).status_code == 403 and path not in most.get(ADMIN).text
    mo.post(f"{ADMIN}/{case_id}/clip")
    assert mo.post(f"{ADMIN}/{case_id}/approve").status_code == 303
    assert mo.get(path).status_code in (404, 410)


def test_frames_of_the_clip_are_nobody_elses_input(room: Room, film: bytes, tmp_path: Path) -> None:
    upload = tmp_path / "copy.mp4"
    upload.write_bytes(film)
    gate = Portraits(room.house.db, room.house.settings.denylist_distance)

    def verdict(name: str) -> Any:
        return asyncio.run(gate.check(Subject(room.ids[name], "human", "", inputs=(upload,))))

    assert verdict("eva").code == CODE
    assert verdict("ada").decision == "allow"


def test_withdrawing_and_a_no_delete_both(room: Room, film: bytes) -> None:
    ada, row = room.browser("ada"), room.row("ada")
    assert row.clip_key and ada.post(f"{HERE}/withdraw", given="keep").status_code == 303
    gone = room.row("ada")
    assert (gone.clip_key, gone.clip_secret, gone.clip_mime, gone.clip_seconds, gone.picture_key) == (None, None, "", 0.0, None)
    assert ada.get(f"{HERE}/clip").status_code == 404
    assert not room.house.db.read_now(lambda session: session.scalars(
        select(LikenessHash).where(LikenessHash.likeness_id == row.id)).all())
    assert send(ada, film, photo(4)).status_code == 303
    first = room.row("ada")
    assert first.picture_mime == "image/jpeg" and first.width == 640, "the picture that was chosen"
    assert room.enrol(ada, photo(5), consent="1").status_code == 303
    assert room.row("ada").clip_key is None, "enrolling again replaces both"
    room.drain()
    assert room.files() == [room.row("ada").picture_key]


def test_the_api_takes_one_and_gives_none(room: Room, film: bytes) -> None:
    user = room.user("ida").id
    who = {"Authorization": f"Bearer {room.house.db.write_now(lambda uow: tokens.create(uow, user, None, 'write:likeness'))}"}
    assert room.client.post(f"{BASE}/likeness", headers=who).status_code == 422
    answer = room.client.post(f"{BASE}/likeness", headers=who, files={"clip": ("a.mp4", film, "video/mp4")})
    assert answer.status_code == 202 and answer.json()["clip"] is True
    assert set(answer.json()) == {"id", "state", "audience", "forbidden", "agents", "until", "case_id", "enrolled_at", "clip"}
