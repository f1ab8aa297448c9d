"""Enrolling over HTTP: whose clip is taken, who sees it, and what of it is anywhere. What is wrong comes first."""
from __future__ import annotations

import datetime as dt
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from fedisora.models import Actor, AuditEntry, HumanCredential, Passkey, StatusIndex, User, Vouch
from fedisora.services import sessions, tokens
from fedisora.services.verification import cases, challenges, credentials, passkeys, phrases
from fedisora.store import verification
from fedisora.workers.clips import sweep
from tests.support.clips import clip as film
from tests.support.enrolment import Office, unique_note

from .test_openapi import BASE, Client

pytestmark = pytest.mark.xdist_group("enrolment")  # its tests go through one scene

HERE = "/settings/human"


class Desk(Office):
    """The office with its pages."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.client = Client(self.house)
        self.film = film(folder / "film.mp4", width=64, height=64).read_bytes()

    def browser(self, name: str) -> Browser:
        return Browser(self, name)

    def user(self, name: str) -> User:
        return self.house.db.read_now(lambda session: session.scalars(
            select(User).where(User.actor_id == self.ids[name])).one())

    def with_passkey(self, name: str) -> None:
        user = self.user(name)
        self.house.db.write_now(lambda uow: uow.session.add(Passkey(
            id=uow.new_id(), user_id=user.id, credential_id=name.encode(), public_key=b"k", name="Phone", created_at=uow.now)))


class Browser:
    """Somebody who is logged in."""

    def __init__(self, desk: Desk, name: str) -> None:
        user = desk.user(name)
        token = desk.house.db.write_now(lambda uow: sessions.start(uow, user, "", ""))
        self.csrf, self._client = sessions.csrf_token(desk.house.vault, token), desk.client
        self._cookie = {"Cookie": f"{sessions.COOKIE}={token}", "Accept": "application/json"}

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path, headers=self._cookie)

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self._client.post(path, data={"csrf_token": self.csrf, **fields}, headers=self._cookie)

    def challenge(self, case_id: int) -> dict[str, Any]:
        answer = self.post(f"{HERE}/cases/{case_id}/challenge")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def send(self, case_id: int, token: str | bytes, data: bytes, csrf: str | None = None) -> httpx.Response:
        return self._client.post(f"{HERE}/cases/{case_id}/clip", content=data, headers={
            **self._cookie, "Content-Type": "video/mp4", "X-CSRF-Token": self.csrf if csrf is None else csrf,
            "X-Clip-Challenge": token})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"))
    for name in ("ada", "eva", "ida", "uma", "zoe", "kim"):
        made.person(name)
    for name in ("mo", "max"):
        made.person(name, moderator=True)
    made.person("bot", operator="ada")
    yield made
    made.client.close()


def begun(desk: Desk, name: str) -> int:
    return int(desk.act(cases.open_case, name, "live-clip").id)


def test_a_challenge_is_fresh_sealed_for_its_person_and_not_endless(desk: Desk) -> None:
    case_id, ada, eva = begun(desk, "ada"), desk.browser("ada"), desk.browser("eva")
    assert ada.post(f"{HERE}/cases/{case_id}/challenge").status_code == 409, "without a passkey"
    desk.with_passkey("ada")
    assert eva.post(f"{HERE}/cases/{case_id}/challenge").status_code == 404
    made = [ada.challenge(case_id) for _ in range(challenges.TRIES_PER_HOUR)]
    assert len({item["phrase"] for item in made}) == len({item["token"] for item in made}) == challenges.TRIES_PER_HOUR
    assert set(made[0]["phrase"].split()) <= set(phrases.WORDS["en"]) and made[0]["turn"] in phrases.TURNS
    kept = desk.case(case_id).challenge or b""
    assert not any(word.encode() in kept for word in made[-1]["phrase"].split())
    ended = ada.post(f"{HERE}/cases/{case_id}/challenge")
    assert ended.status_code == 429 and int(ended.headers["retry-after"]) > 3000
    ada.post(f"{HERE}/cases/{case_id}/withdraw")
    assert ada.post(f"{HERE}/cases/{begun(desk, 'ada')}/challenge").status_code == 429, "a new case is no way around it"
    assert desk.case(case_id).challenge is None


def test_a_clip_that_answers_nothing_is_not_kept(desk: Desk) -> None:
    case_id, eva = begun(desk, "eva"), desk.browser("eva")
    desk.with_passkey("eva")
    assert eva.send(case_id, "", desk.film).status_code == 409, "nothing was asked"
    first, second = eva.challenge(case_id), eva.challenge(case_id)
    for token in (first["token"], "", "é".encode()):
        assert "another phrase" in eva.send(case_id, token, desk.film).text
    assert eva.send(case_id, second["token"], desk.film, csrf="").status_code == 403
    assert desk.browser("ada").send(case_id, second["token"], desk.film).status_code == 404
    assert eva.send(case_id, second["token"], b"").status_code == 422
    assert eva.send(case_id, second["token"], b"\x1aE\xdf\xa3" + b"nothing" * 50).status_code == 422
    assert "WebM or MP4" in eva.send(case_id, second["token"], b"GIF89a" + bytes(80)).text
    assert eva.send(case_id, second["token"], bytes(21 << 20)).status_code == 413
    too_long = film(desk.folder / "long.mp4", width=32, height=32, seconds=23, fps=2).read_bytes()
    assert "20 seconds" in eva.send(case_id, second["token"], too_long).text
    clock = desk.house.db.clock
    desk.house.db.clock = lambda: dt.datetime.now(dt.UTC) + challenges.LIFETIME + dt.timedelta(seconds=1)
    late = eva.send(case_id, second["token"], desk.film)
    desk.house.db.clock = clock
    assert late.status_code == 422 and "minute is over" in late.text
    assert not desk.sealed_files() and desk.case(case_id).state == "started"


def test_a_clip_is_taken_once_and_seen_by_the_one_who_has_it(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    case_id, ida, mo, other = begun(desk, "ida"), desk.browser("ida"), desk.browser("mo"), desk.browser("max")
    desk.with_passkey("ida")
    asked = ida.challenge(case_id)
    sent = ida.send(case_id, asked["token"], desk.film)
    assert sent.json() == {"next": HERE} and sent.headers["cache-control"] == "no-store"
    assert ida.send(case_id, asked["token"], desk.film).status_code == 409
    assert len(desk.sealed_files()) == 1
    row = desk.case(case_id)
    assert (row.state, row.clip_mime, row.challenge_until) == ("submitted", "video/mp4", None)
    clip = f"/admin/verification/{case_id}/clip"
    assert ida.get("/admin/verification").status_code == 404
    assert ida.post(clip).status_code == 404
    assert mo.get(clip).status_code == 405, "a look leaves a trace: it is a POST"
    assert mo.post(clip).status_code == 403, "not taken yet"
    assert asked["phrase"] not in mo.get("/admin/verification").text
    assert mo.post(f"/admin/verification/{case_id}/take").status_code == 303
    assert asked["phrase"] in mo.get("/admin/verification").text
    assert asked["phrase"] not in other.get("/admin/verification").text
    assert other.post(clip).status_code == 403
    assert other.post(f"/admin/verification/{case_id}/approve").status_code == 403
    assert "Look at the clip" in mo.post(f"/admin/verification/{case_id}/approve").text
    sealed = Path(desk.sealed_files()[0])
    away = sealed.rename(sealed.with_suffix(".away"))  # the storage does not give it
    assert mo.post(clip).status_code == 404
    assert "Look at the clip" in mo.post(f"/admin/verification/{case_id}/approve").text, "there was nothing to be seen"
    away.rename(sealed)
    assert 'controlslist="nodownload' in mo.get("/admin/verification").text
    seen = mo.post(clip)
    assert seen.content == desk.film
    assert seen.headers["cache-control"] == "no-store" and "sandbox" in seen.headers["content-security-policy"]
    assert seen.headers["content-disposition"] == "inline" and seen.headers["content-type"] == "video/mp4"
    assert mo.post(f"/admin/verification/{case_id}/approve").status_code == 303
    assert mo.post(clip).status_code == 410
    desk.run_deletions()
    assert not desk.sealed_files()
    shown = ida.get(HERE).text
    assert "Moderator 1" in shown and "looked at the clip" in shown and "You are verified." in shown
    assert "@mo" not in shown and ">mo<" not in shown
    kept = "".join(record.getMessage() for record in caplog.records) + shown
    assert asked["phrase"] not in kept and asked["token"] not in kept
    for path in desk.folder.rglob("*"):
        if path.is_file() and path.name not in ("film.mp4", "long.mp4"):
            data = path.read_bytes()
            assert desk.film[:200] not in data and asked["phrase"].encode() not in data, path.name


def test_agents_and_people_of_other_pages_get_nothing(desk: Desk) -> None:
    bot, ada = desk.browser("bot"), desk.browser("ada")
    assert "This account is an AI agent" in bot.get(HERE).text
    assert bot.post(f"{HERE}/begin", consent="1").status_code == 403
    assert bot.post(f"{HERE}/passkeys/options").status_code == 403
    assert ada.post(f"{HERE}/begin").status_code == 422, "nobody is recorded without agreeing"
    assert desk.client.get(HERE).status_code in (303, 401, 302)
    assert "camera=(self)" in ada.get(HERE).headers["permissions-policy"]
    assert "camera=()" in ada.get("/settings").headers["permissions-policy"]


def test_a_passkey_answers_an_open_challenge_of_its_person_once(desk: Desk) -> None:
    uma, zoe = desk.browser("uma"), desk.browser("zoe")
    made = uma.post(f"{HERE}/passkeys/options").json()
    assert made["rp"]["id"] == "here.example" and made["authenticatorSelection"]["userVerification"] == "preferred"

    def answer(challenge: str) -> str:
        data = json.dumps({"type": "webauthn.create", "challenge": challenge, "origin": "https://here.example"})
        coded = urlsafe_b64encode(data.encode()).rstrip(b"=").decode()
        return json.dumps({"id": "x", "rawId": "x", "type": "public-key",
                           "response": {"clientDataJSON": coded, "attestationObject": "oA"}})

    for body in ("", "[]", "{}", '{"response": {"clientDataJSON": "!"}}', answer("AAAA"), "x" * (passkeys.MOST_BYTES + 1)):
        assert uma.post(f"{HERE}/passkeys", answer=body).status_code == 422, body[:40]
    assert "took too long" in zoe.post(f"{HERE}/passkeys", answer=answer(made["challenge"])).text
    assert "could not be checked" in uma.post(f"{HERE}/passkeys", answer=answer(made["challenge"])).text
    assert "sent before" in uma.post(f"{HERE}/passkeys", answer=answer(made["challenge"])).text
    late = uma.post(f"{HERE}/passkeys/options").json()
    clock = desk.house.db.clock
    desk.house.db.clock = lambda: dt.datetime.now(dt.UTC) + passkeys.LIFETIME + dt.timedelta(seconds=1)
    assert "took too long" in uma.post(f"{HERE}/passkeys", answer=answer(late["challenge"])).text
    desk.house.db.clock = clock
    desk.with_passkey("zoe")
    own = desk.house.db.read_now(lambda session: verification.passkeys_of(session, desk.user("zoe").id))[0]
    assert uma.post(f"{HERE}/passkeys/{own.id}/remove").status_code == 404
    assert uma.post(f"{HERE}/passkeys/{own.id}/rename", name="mine").status_code == 404
    assert zoe.post(f"{HERE}/passkeys/{own.id}/rename", name="Laptop").status_code == 303
    assert 'value="Laptop"' in zoe.get(HERE).text
    assert zoe.post(f"{HERE}/passkeys/{own.id}/remove").status_code == 303


def test_everything_can_be_taken_away_and_erased(desk: Desk) -> None:
    note = unique_note()
    kim = desk.browser("kim")
    desk.with_passkey("kim")
    assert kim.post(f"{HERE}/ask", note=note).status_code == 303
    case_id = desk.handed_in("kim")
    desk.looked(case_id, "mo")

    def vouch(uow: Any) -> None:
        for voucher, subject in (("kim", "eva"), ("ida", "kim"), ("ida", "eva")):
            uow.session.add(Vouch(id=uow.new_id(), voucher_id=desk.ids[voucher], subject_id=desk.ids[subject],
                                  created_at=uow.now))

    desk.house.db.write_now(vouch)
    exported = kim.post(f"{HERE}/export")
    assert "attachment" in exported.headers["content-disposition"]
    found = exported.json()
    assert {case["method"] for case in found["cases"]} == {"live-clip", "other-way"}
    assert [item["account"] for item in found["vouches_of_mine"]] == [desk.act(lambda uow, eva: eva.acct, "eva")]
    assert [item["account"] for item in found["vouches_for_me"]] == [desk.act(lambda uow, ida: ida.acct, "ida")]
    assert {"who": "a moderator", "what": "looked at the clip"}.items() <= found["log"][1].items()
    assert '"mo"' not in exported.text and "@mo" not in exported.text and str(desk.ids["mo"]) not in exported.text
    assert kim.post(f"{HERE}/erase").status_code == 303 and desk.case(case_id).state == "submitted", "not without being sure"
    token = desk.house.db.write_now(lambda uow: tokens.create(uow, desk.user("kim").id, None, "read:verification"))
    key = {"Authorization": f"Bearer {token}"}
    assert desk.client.request("DELETE", f"{BASE}/human/data", headers=key).status_code == 403
    assert desk.client.get(f"{BASE}/human/data").status_code == 401
    assert desk.client.get(f"{BASE}/human/data", headers=key).json()["account"] == "https://here.example/users/kim"
    token = desk.house.db.write_now(lambda uow: tokens.create(uow, desk.user("kim").id, None, "write:verification"))
    assert desk.client.request("DELETE", f"{BASE}/human/data", headers={"Authorization": f"Bearer {token}"}).json() == {}
    desk.run_deletions()
    assert not [path for path in desk.sealed_files() if str(case_id) in path.name]
    late = desk.browser("mo").post(f"/admin/verification/{case_id}/approve")  # who had looked, and finds that it is gone
    assert late.status_code == 404 and "There is no such case." in late.text and "Nobody waits" in late.text
    left = kim.post(f"{HERE}/export").json()
    assert not any(left[name] for name in ("cases", "passkeys", "credentials", "identities"))
    assert left["vouches_for_me"] == left["vouches_of_mine"] == []
    assert [entry["what"] for entry in left["log"]][:3] == ["exported the data", "deleted the clip", "erased the data"]
    rows = desk.house.db.read_now(lambda session: verification.entries_about(session, desk.ids["kim"]))
    assert {key for row in rows for key in row.detail} <= {"method", "digest", "size", "cause", "to", "index"}
    assert isinstance(rows[0], AuditEntry) and not re.search(note, str([row.detail for row in rows]))


def test_a_clip_of_a_deleted_account_goes_with_the_next_sweep(desk: Desk) -> None:
    desk.person("tom")
    case_id = desk.handed_in("tom")
    desk.house.db.write_now(lambda uow: uow.session.delete(uow.session.get_one(Actor, desk.ids["tom"])))
    assert [path for path in desk.sealed_files() if str(case_id) in path.name]
    run = desk.client._runner.run
    run(sweep(desk.house))
    assert [path for path in desk.sealed_files() if str(case_id) in path.name], "it may be an upload that has no row yet"
    clock = desk.house.db.clock
    desk.house.db.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    run(sweep(desk.house))
    desk.house.db.clock = clock
    assert not [path for path in desk.sealed_files() if str(case_id) in path.name]


def test_erasing_ends_a_credential_and_its_number_is_never_given_again(desk: Desk) -> None:
    ida = desk.browser("ida")
    desk.act(lambda uow, actor: credentials.issue(uow, actor, "live-clip"), "ida")
    number = desk.house.db.read_now(lambda session: session.scalars(select(HumanCredential).where(
        HumanCredential.actor_id == desk.ids["ida"]).order_by(HumanCredential.id.desc())).first())
    assert number is not None
    assert ida.post(f"{HERE}/erase", sure="1").status_code == 303
    assert "You are not verified." in ida.get(HERE).text

    def left(session: Session) -> tuple[int, StatusIndex | None, list[str]]:
        return (len(session.scalars(select(HumanCredential).where(HumanCredential.actor_id == desk.ids["ida"])).all()),
                session.get(StatusIndex, (number.list_number, number.list_index)),
                session.get_one(Actor, desk.ids["ida"]).attestation)

    rows, index, named = desk.house.db.read_now(left)
    assert rows == 0 and named == [] and index is not None and index.revoked_at is not None


def test_a_question_is_answered_not_rejected(desk: Desk) -> None:
    desk.person("una")
    una, mo = desk.browser("una"), desk.browser("mo")
    assert una.post(f"{HERE}/ask", note="I sign. What else is there?").status_code == 303
    case_id = desk.act(cases.open_case, "una", cases.OTHER_WAY).id
    mo.post(f"/admin/verification/{case_id}/take")
    mo.post(f"/admin/verification/{case_id}/reject", reason="Sign in the clip.")
    log = una.get(HERE).text.partition('id="log"')[2]
    assert "answered" in log and "asked the moderators" in log
    assert "rejected" not in log
    assert "clip" not in mo.get("/admin/verification").text.partition("<main")[2].partition("</p>")[0]


def test_who_is_the_only_moderator_is_told_that_nobody_could_look(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.person("mo", moderator=True)
    desk.person("ada")
    assert "nobody here who could look" in desk.browser("mo").get(HERE).text
    assert "nobody here who could look" not in desk.browser("ada").get(HERE).text
    desk.client.close()
