"""Passkeys are made and used for this site, by their person, with a fresh challenge; nothing else logs in."""
from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update

from fedisora.models import LoginAttempt, User
from fedisora.services import accounts, sessions
from fedisora.services.verification import passkeys
from tests.support.authenticator import Authenticator, coded, decoded

from .test_enrolment import Desk

pytestmark = pytest.mark.xdist_group("passkeys")  # its tests go through one scene

ORIGIN, RP = "https://here.example", "here.example"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("passkeys"))
    made.person("ada")
    made.person("eva")
    yield made
    made.client.close()


class Stranger:
    """A browser in which nobody is logged in."""

    def __init__(self, desk: Desk) -> None:
        desk.client._http.cookies.clear()  # what others' log-ins left in it
        page = desk.client.get("/login")
        self._cookie = {"Cookie": page.headers["set-cookie"].partition(";")[0], "Accept": "application/json"}
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert found
        self._csrf, self._client = found[1], desk.client

    def options(self) -> dict[str, Any]:
        answer = self._client.post("/login/passkey/options", data={"csrf_token": self._csrf}, headers=self._cookie)
        made: dict[str, Any] = answer.json()
        return made

    def log_in(self, answer: dict[str, Any], where: str = "/create") -> httpx.Response:
        return self._client.post("/login/passkey", data={"csrf_token": self._csrf, "answer": json.dumps(answer), "next": where},
                                 headers=self._cookie)


@pytest.fixture
def key(desk: Desk) -> Authenticator:
    """Ada's passkey."""
    ada, made = desk.browser("ada"), Authenticator(ORIGIN, RP)
    answer = made.make(ada.post("/settings/human/passkeys/options").json())
    assert ada.post("/settings/human/passkeys", answer=json.dumps(answer), name="Phone").json() == {"next": "/settings/human"}
    return made


def test_a_passkey_logs_its_person_in_once_for_each_challenge(desk: Desk, key: Authenticator) -> None:
    stranger = Stranger(desk)
    options = stranger.options()
    assert options["rpId"] == RP and options["userVerification"] == "required" and not options.get("allowCredentials")
    answer = key.sign(options)
    done = stranger.log_in(answer)
    assert done.json() == {"next": "/create"} and sessions.COOKIE in done.headers["set-cookie"]
    again = stranger.log_in(answer)
    assert again.status_code == 422 and "set-cookie" not in again.headers
    assert stranger.log_in(key.sign(stranger.options()), "https://evil.example/").json() == {"next": "/"}


def test_what_does_not_log_in(desk: Desk, key: Authenticator) -> None:
    stranger = Stranger(desk)

    def refused(answer: dict[str, Any], status: int = 401) -> bool:
        said = stranger.log_in(answer)
        return said.status_code == status and "set-cookie" not in said.headers

    unknown = Authenticator(ORIGIN, RP)
    assert refused(unknown.sign(stranger.options()))
    unknown.id = key.id
    assert refused(unknown.sign(stranger.options())), "another key under a known name"
    for name, value in (("origin", "https://evil.example"), ("rp_id", "evil.example"), ("verifies", False)):
        honest = getattr(key, name)
        setattr(key, name, value)
        assert refused(key.sign(stranger.options())), name
        setattr(key, name, honest)
    changed = key.sign(stranger.options())
    signature = decoded(changed["response"]["signature"])
    changed["response"]["signature"] = coded(signature[:-1] + bytes([signature[-1] ^ 1]))
    assert refused(changed)
    for challenge in ("AAAA", coded(bytes(56)), coded(decoded(stranger.options()["challenge"])[:-1])):
        assert refused(key.sign({"challenge": challenge}), 422), challenge
    desk.house.db.write_now(lambda uow: uow.session.execute(delete(LoginAttempt)))
    ada = desk.browser("ada").post("/settings/human/passkeys/options").json()
    assert refused(key.sign(ada), 422), "a challenge of another purpose"
    assert stranger.log_in(key.sign(stranger.options())).status_code == 200
    key.count = 0
    assert refused(key.sign(stranger.options())), "its counter went back: a copy signs"
    key.count = 100
    options, clock = stranger.options(), desk.house.db.clock
    desk.house.db.clock = lambda: dt.datetime.now(dt.UTC) + passkeys.LIFETIME + dt.timedelta(seconds=2)
    assert refused(key.sign(options), 422)
    desk.house.db.clock = clock
    known = coded(key.id)
    for body in ({}, {"rawId": 7}, {"rawId": "é", "response": {}}, {"rawId": known, "response": {"clientDataJSON": "e30"}}):
        assert refused(body, 422), body


def test_disabled_people_and_forgotten_passkeys_stay_out(desk: Desk, key: Authenticator) -> None:
    stranger = Stranger(desk)

    def state(now: str) -> None:
        desk.house.db.write_now(lambda uow: uow.session.execute(
            update(User).where(User.actor_id == desk.ids["ada"]).values(state=now)))

    state("disabled")
    assert stranger.log_in(key.sign(stranger.options())).status_code == 403
    state("active")
    ada = desk.browser("ada")
    found = re.findall(r"/settings/human/passkeys/(\d+)/remove", ada.get("/settings/human").text)
    for row in found:
        ada.post(f"/settings/human/passkeys/{row}/remove")
    assert stranger.log_in(key.sign(stranger.options())).status_code == 401


def test_guessing_is_slowed_down(desk: Desk, key: Authenticator) -> None:
    stranger, wrong = Stranger(desk), Authenticator(ORIGIN, RP)
    wrong.id = key.id
    for _ in range(accounts.FAILURES_PER_LOGIN):
        assert stranger.log_in(wrong.sign(stranger.options())).status_code == 401
    assert stranger.log_in(key.sign(stranger.options())).status_code == 429


def test_a_passkey_made_for_another_site_or_twice_is_not_kept(desk: Desk, key: Authenticator, tmp_path: Path) -> None:
    eva = desk.browser("eva")
    for bad in (Authenticator("https://evil.example", RP), Authenticator(ORIGIN, "evil.example")):
        answer = bad.make(eva.post("/settings/human/passkeys/options").json())
        assert eva.post("/settings/human/passkeys", answer=json.dumps(answer)).status_code == 422
    answer = key.make(eva.post("/settings/human/passkeys/options").json())
    assert eva.post("/settings/human/passkeys", answer=json.dumps(answer)).status_code == 409
    assert "Passkey" not in re.findall(r'name="name" value="([^"]*)"', eva.get("/settings/human").text)
