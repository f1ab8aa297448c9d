"""One's own credential on a page, over the API and by command, and the administrators' page. What is wrong comes first."""
from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select
from typer.testing import CliRunner

from fedisora.cli import app
from fedisora.models import AuditEntry, HumanCredential, Vouch
from fedisora.services import sessions, tokens
from fedisora.services.verification import credentials
from fedisora.store import actors
from tests.support.studio import Studio

from .test_openapi import BASE, Client, check


class Browser:
    """Somebody who is logged in, or nobody."""

    def __init__(self, studio: Studio, client: Client, name: str = "") -> None:
        self._client, self.csrf, self._headers = client, "", {"Accept": "text/html"}
        if name:
            user = studio.user(name)
            token = studio.run(lambda uow: sessions.start(uow, user, "", ""))
            self.csrf = sessions.csrf_token(studio.house.vault, token)
            self._headers["Cookie"] = f"{sessions.COOKIE}={token}"

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path, headers=self._headers)

    def post(self, path: str, csrf: str | None = None, **fields: str) -> httpx.Response:
        return self._client.post(path, data={"csrf_token": self.csrf if csrf is None else csrf, **fields}, headers=self._headers)


@pytest.fixture
def people(studio: Studio) -> Iterator[Studio]:
    """The house, in which Ada is verified."""
    studio.run(lambda uow: credentials.issue(uow, actors.get(uow.session, studio.actor("ada").id), "live-clip"))
    yield studio

    def forget(uow: Any) -> None:
        for name in ("ada", "bea"):
            credentials.erase(uow, actors.get(uow.session, studio.actor(name).id))
        uow.session.execute(delete(AuditEntry))

    studio.run(forget)


def current(studio: Studio, name: str = "ada") -> HumanCredential | None:
    return studio.house.db.read_now(lambda session: credentials.current(session, studio.actor(name).id))


def token(studio: Studio, name: str, scopes: str = "read write") -> dict[str, str]:
    user = studio.user(name).id
    return {"Authorization": f"Bearer {studio.run(lambda uow: tokens.create(uow, user, None, scopes))}"}


def test_the_page_says_what_by_whom_how_and_until_when(people: Studio, client: Client) -> None:
    row = current(people)
    assert row is not None
    shown = Browser(people, client, "ada").get("/settings/human").text
    for words in ("Your credential", "here.example", "live clip, seen by a moderator", row.uri, f"{row.valid_until:%-d %B %Y}",
                  "You can renew it in the last 30 days"):
        assert words in shown
    assert 'id="clip"' not in shown  # nothing to do again yet
    assert "Your credential" not in Browser(people, client, "bea").get("/settings/human").text
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=20)
    people.run(lambda uow: setattr(uow.session.get_one(HumanCredential, row.id), "valid_until", soon))
    shown = Browser(people, client, "ada").get("/settings/human").text
    assert "It runs out soon" in shown and 'id="clip"' in shown


def test_what_else_ends_is_said_before_it_ends(people: Studio, client: Client) -> None:
    agents, others = "Your agents stand still", "Your vouches count no more"
    shown = Browser(people, client, "ada").get("/settings/human").text
    assert agents not in shown and others not in shown

    def carry(uow: Any, carrying: bool) -> None:
        ada, bea = (actors.get(uow.session, people.actor(name).id) for name in ("ada", "bea"))
        ada.operates = ["https://here.example/users/bot"] if carrying else []
        uow.session.execute(delete(Vouch))
        if carrying:
            uow.session.add(Vouch(id=uow.new_id(), voucher_id=ada.id, subject_id=bea.id, created_at=uow.now))

    people.run(lambda uow: carry(uow, True))
    shown = Browser(people, client, "ada").get("/settings/human").text
    assert shown.count(agents) == shown.count(others) == 2  # giving back, erasing
    people.run(lambda uow: carry(uow, False))


def test_giving_it_back_on_the_page(people: Studio, client: Client) -> None:
    ada = Browser(people, client, "ada")
    assert ada.post("/settings/human/give-back", csrf="wrong", sure="1").status_code == 403
    assert Browser(people, client).post("/settings/human/give-back", sure="1").status_code in (303, 401, 403)
    assert ada.post("/settings/human/give-back").status_code == 303
    assert current(people) is not None  # not sure
    Browser(people, client, "bea").post("/settings/human/give-back", sure="1")
    assert current(people) is not None  # somebody else's
    assert ada.post("/settings/human/give-back", sure="1").status_code == 303
    assert (current(people), people.actor("ada").human) == (None, None)
    shown = ada.get("/settings/human").text
    assert "Your last credential" in shown and "You gave it back." in shown
    assert ada.post("/settings/human/give-back", sure="1").status_code == 303


def test_the_api_of_ones_own(people: Studio, client: Client) -> None:
    document, row = client.get(f"{BASE}/openapi.json").json(), current(people)
    assert row is not None
    assert "error" in check(document, "get", "/human", client.get(f"{BASE}/human"))
    found = check(document, "get", "/human", client.get(f"{BASE}/human", headers=token(people, "ada")))
    assert (found["verdict"], found["verified"], found["issuer"], found["method"]) == (
        "checked-by-own-host", True, "here.example", "fs:LiveClipReviewed")
    assert (found["credential"], found["own_credential"]["method"], found["own_credential"]["renewable"]) == (
        row.uri, "live-clip", False)
    assert check(document, "get", "/human", client.get(f"{BASE}/human", headers=token(people, "bea")))["own_credential"] is None
    for who in ({}, token(people, "ada"), token(people, "ada", "read:verification")):
        assert client.request("DELETE", f"{BASE}/human", headers=who).status_code in (401, 403)
    assert current(people) is not None
    giving = token(people, "ada", "write:verification")
    found = check(document, "delete", "/human", client.request("DELETE", f"{BASE}/human", headers=giving))
    assert (found["verdict"], found["own_credential"], current(people)) == ("none", None, None)


def test_what_everybody_may_know_of_an_account(people: Studio, client: Client) -> None:
    document, ada = client.get(f"{BASE}/openapi.json").json(), people.actor("ada").id

    def known(actor_id: int) -> dict[str, Any]:
        return dict(check(document, "get", "/accounts/{id}/human", client.get(f"{BASE}/accounts/{actor_id}/human")))

    found = known(ada)
    assert (found["verdict"], found["how"], found["issuer"]) == (
        "checked-by-own-host", "live clip, seen by a moderator", "here.example")
    assert set(found) == {"verdict", "verified", "issuer", "method", "how", "until", "checked_at", "credential"}
    assert known(people.actor("bea").id)["verdict"] == "none"
    assert "error" in known(12345)
    people.run(lambda uow: setattr(actors.get(uow.session, ada), "human_until", uow.now))
    assert (known(ada)["verdict"], known(ada)["verified"], known(ada)["credential"]) == ("expired", False, None)


def test_administrators_see_everybody_and_take_back_with_a_reason(people: Studio, client: Client) -> None:
    ada, mod = people.actor("ada").id, Browser(people, client, "mod")
    for nobody in (Browser(people, client), Browser(people, client, "bea")):
        assert nobody.get("/admin/humans").status_code in (303, 401, 404)
        assert nobody.post(f"/admin/humans/{ada}/revoke", reason="because").status_code in (303, 401, 403, 404)
    people.run(lambda uow: setattr(uow.session.get_one(type(people.user("bea")), people.user("bea").id), "moderator", True))
    assert Browser(people, client, "bea").post(f"/admin/humans/{ada}/revoke", reason="because").status_code == 404
    assert current(people) is not None
    assert "@ada" in mod.get("/admin/humans").text
    answer = mod.post(f"/admin/humans/{ada}/revoke", reason="  ")
    assert (answer.status_code, "Say why" in answer.text) == (422, True)
    assert mod.post("/admin/humans/12345/revoke", reason="because").status_code == 404
    assert mod.post(f"/admin/humans/{people.actor('bea').id}/revoke", reason="because").status_code == 409
    assert mod.post(f"/admin/humans/{ada}/revoke", reason="It was somebody else.").status_code == 303
    assert (current(people), people.actor("ada").human) == (None, "revoked")
    assert "@ada" not in mod.get("/admin/humans").text
    ended = mod.get("/admin/humans?ended").text
    assert "@ada" in ended and "It was somebody else." in ended and "taken back" in ended
    told = Browser(people, client, "ada").get("/notifications").text
    assert "has taken your verification back." in told and "It was somebody else." not in told
    assert "It was somebody else." in Browser(people, client, "ada").get("/settings/human").text
    done = people.house.db.read_now(lambda session: session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first())
    assert done is not None and (done.action, done.actor_id) == ("credential.revoked", people.actor("mod").id)


def test_the_inbox_tells_what_happens_and_plain_apps_are_spared(people: Studio, client: Client) -> None:
    ada = token(people, "ada")
    people.run(lambda uow: setattr(credentials.current(uow.session, people.actor("ada").id), "valid_until",
                                   uow.now + dt.timedelta(days=3)))
    assert people.run(credentials.remind) == 1
    shown = Browser(people, client, "ada").get("/notifications").text
    assert "has verified that a person is behind your account." in shown and "runs out within a month" in shown
    assert 'href="/settings/human"' in shown
    assert client.get("/api/v1/notifications", headers=ada).json() == []
    named = client.get("/api/v1/notifications?types[]=human.approved", headers=ada).json()
    assert [item["type"] for item in named] == ["human.approved"]


def test_by_command(people: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDISORA_BASE_URL", people.house.settings.base_url)

    def run(*arguments: str) -> tuple[int, Any]:
        done = CliRunner().invoke(app, [*arguments, "--data-dir", str(people.house.settings.data_dir)])
        return done.exit_code, json.loads(done.stdout) if "--json" in arguments else done.output

    (row,) = run("human", "list", "--json")[1]
    assert (row["name"], row["method"], row["ended"]) == ("ada", "live-clip", None)
    assert row["credential"].partition("/credentials/")[0] in run("human", "list")[1]
    assert run("human", "verify", "nobody", "--reason", "x", "--method", "oidc") == (
        1, "There is no account @nobody here. `fedisora user list` shows them.\n")
    assert run("human", "verify", "bea", "--reason", " ", "--method", "oidc")[0] == 1
    assert run("human", "verify", "bea", "--reason", "x", "--method", "palmistry")[0] == 1
    assert run("human", "verify", "bea", "--reason", "x")[0] == 2  # the credential must not say what nobody said
    assert current(people, "bea") is None
    code, said = run("human", "verify", "@bea", "--reason", "We met.", "--method", "vouch")
    made = current(people, "bea")
    assert made is not None
    assert (code, made.method, made.reason, made.uri in said) == (0, "vouch", "We met.", True)
    assert b"We met" not in made.document
    found = run("human", "show", "bea", "--json")[1]
    assert (found["verdict"], found["credentials"][0]["reason"]) == ("checked-by-own-host", "We met.")
    assert "We met." in run("human", "show", "bea")[1]
    assert run("human", "revoke", "bea", "--reason", "")[0] == 1
    assert run("human", "revoke", "bea", "--reason", "It was a robot.") == (0, "Taken back.\n")
    assert run("human", "revoke", "bea", "--reason", "Again.") == (1, "@bea has no credential.\n")
    assert [row["name"] for row in run("human", "list", "--ended", "--json")[1]] == ["bea"]
    assert run("user", "role", "bea", "king")[0] == 1
    for role, is_moderator in (("none", False), ("moderator", True), ("moderator", True), ("none", False)):
        assert run("user", "role", "bea", role)[0] == 0
        assert people.user("bea").moderator == is_moderator
    audited = people.house.db.read_now(lambda session: [(row.action, row.actor_id) for row in session.scalars(
        select(AuditEntry).where(AuditEntry.subject_id == people.actor("bea").id).order_by(AuditEntry.id))])
    assert [action for action, _ in audited][:3] == ["credential.issued", "credential.by_hand", "credential.revoked"]
    assert audited[-2:] == [("role.changed", None), ("role.changed", None)]
