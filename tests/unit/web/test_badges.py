"""Who is behind an account, as apps and pages show it: the same everywhere, narrowed for who narrows it, only while it holds."""
from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, event

from fedisora.models import Actor, Attestation, Status, TrustedVerifier, User
from fedisora.provenance.humanity import CLAIMED, NONE, OWN, REVOKED, TRUSTED
from fedisora.services import publish, tokens
from fedisora.store import actors
from tests.support.studio import Studio

from .test_making_pages import Browser
from .test_openapi import BASE, Client, check

CREDENTIAL = "https://far.example/credentials/1"


@pytest.fixture
def far(studio: Studio) -> Iterator[Callable[..., Actor]]:
    """A remote person, `una@far.example`, as something is known of her."""
    def make(human: str | None = OWN, issuer: str = "far.example", days: float = 90, **more: Any) -> Actor:
        def write(uow: Any) -> Actor:
            found = actors.by_handle(uow.session, "una", "far.example")
            if found is None:
                found = Actor(id=uow.new_id(), uri="https://far.example/users/una", username="una", username_key="una",
                              domain="far.example", name="Una", created_at=uow.now, updated_at=uow.now)
                uow.session.add(found)
            values = {"kind": "human", "type": "Person", "human": human, "human_issuer": issuer,
                      "human_method": "fs:LiveClipReviewed", "human_until": uow.now + dt.timedelta(days=days),
                      "human_checked_at": uow.now, "attestation": [CREDENTIAL], "fields": [], **more}
            for name, value in values.items():
                setattr(found, name, value)
            uow.session.flush()
            return found

        return studio.run(write)

    yield make

    def clear(uow: Any) -> None:
        uow.session.execute(delete(Attestation))
        uow.session.execute(delete(TrustedVerifier))
        uow.session.execute(delete(Status))
        for user in uow.session.query(User):
            user.verifiers = None

    studio.run(clear)


def token(studio: Studio, name: str, scopes: str = "read write") -> dict[str, str]:
    user = studio.user(name).id
    return {"Authorization": f"Bearer {studio.run(lambda uow: tokens.create(uow, user, None, scopes))}"}


def narrow(studio: Studio, name: str, mode: str, *hosts: str) -> None:
    def write(uow: Any) -> None:
        uow.session.get_one(User, studio.user(name).id).verifiers = {"mode": mode, "hosts": list(hosts)}

    studio.run(write)


# ---- apps
def test_apps_get_what_by_whom_how_and_until_when(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    actor = far()
    shown = client.get(f"/api/v1/accounts/{actor.id}").json()["fedisora"]
    assert (shown["kind"], shown["operator"]) == ("human", None)
    human = shown["human"]
    assert human.pop("until").startswith(f"{actor.human_until:%Y-%m-%d}")
    assert human.pop("text").startswith("far.example has checked that a person is behind this account")
    assert human == {"verdict": OWN, "checked_by": "far.example", "method": "fs:LiveClipReviewed",
                     "method_text": "live clip, seen by a moderator", "credential": CREDENTIAL}
    far(None, attestation=[])
    shown = client.get("/api/v1/accounts/lookup?acct=una@far.example").json()["fedisora"]["human"]
    assert (shown["verdict"], shown["checked_by"], shown["until"], shown["credential"]) == (NONE, None, None, None)


def test_what_has_run_out_is_said_to_have_run_out_before_any_sweep(studio: Studio, client: Client,
                                                                  far: Callable[..., Actor]) -> None:
    actor = far(days=-1)
    assert client.get(f"/api/v1/accounts/{actor.id}").json()["fedisora"]["human"]["verdict"] == "expired"
    page = client.get("/@una@far.example").text
    assert "That ran out on" in page
    assert "checked by" not in page


def test_another_servers_field_is_no_word_of_this_server(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    lie = [{"name": "Verified human", "value": "by everybody, for ever"}, {"name": "Boat", "value": "green"}]
    actor = far(None, attestation=[], fields=lie)
    shown = client.get(f"/api/v1/accounts/{actor.id}").json()["fields"]
    assert [item["name"] for item in shown] == ["Boat"]
    assert "for ever" not in client.get("/@una@far.example").text
    far(fields=lie)
    shown = client.get(f"/api/v1/accounts/{actor.id}").json()["fields"]
    assert [item["name"] for item in shown] == ["Verified human", "Boat"]
    assert shown[0]["value"].startswith("by far.example (live clip), until ")


def test_who_narrows_it_sees_a_claim_and_nobody_else_does(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    actor = far(TRUSTED, "v.example")
    ada, bea = token(studio, "ada"), token(studio, "bea")
    narrow(studio, "ada", "listed", "w.example")

    def seen(headers: dict[str, str]) -> set[str]:
        one = client.get(f"/api/v1/accounts/{actor.id}", headers=headers).json()
        looked = client.get("/api/v1/accounts/lookup?acct=una@far.example", headers=headers).json()
        several = client.get("/api/v1/accounts/search?q=una", headers=headers).json()
        both = client.get("/api/v2/search?q=una", headers=headers).json()["accounts"]
        ours = client.get(f"/api/fedisora/v1/accounts/{actor.id}/human", headers=headers).json()["verdict"]
        return {ours, *(item["fedisora"]["human"]["verdict"] for item in (one, looked, *several, *both))}

    assert seen(ada) == {CLAIMED}
    assert seen(bea) == {TRUSTED}
    narrow(studio, "ada", "listed", "v.example")
    assert seen(ada) == {TRUSTED}
    narrow(studio, "ada", "own")
    assert seen(ada) == {CLAIMED}
    assert "not on your list" in Browser(studio, client, "ada").get("/@una@far.example").text
    assert "checked by v.example" in Browser(studio, client, "bea").get("/@una@far.example").text


def test_a_page_of_posts_costs_one_look_at_the_viewers_setting(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    ada = studio.actor("ada")

    def post(uow: Any) -> None:
        publish.create(uow, actors.get(uow.session, ada.id), publish.Draft(text="hello"))

    headers, seen = token(studio, "ada"), []
    engine = studio.house.db.engine

    def count(*given: Any) -> None:
        seen.append(given[2])

    def asked() -> int:
        seen.clear()
        event.listen(engine, "before_cursor_execute", count)
        try:
            assert client.get("/api/v1/timelines/home", headers=headers).status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", count)
        return len(seen)

    studio.run(post)
    asked()
    one = asked()
    assert sum("users.verifiers" in item and "users.email" not in item for item in seen) == 1
    for _ in range(5):
        studio.run(post)
    assert asked() == one


# ---- pages
def test_the_profile_says_everything_and_links_the_credential(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    far()
    page = client.get("/@una@far.example").text
    assert "Human <i>· checked by far.example</i>" in page
    assert "Who is behind it" in page and "Live clip, seen by a moderator" in page
    assert f'href="{CREDENTIAL}"' in page
    assert "Not who it is, only that a person is there." in page
    far(CLAIMED, "x.example")
    page = client.get("/@una@far.example").text
    assert 'class="chip none"' in page and "x.example vouches, unknown here" in page
    assert "checked by" not in page
    far(REVOKED)
    assert "has taken that back" in client.get("/@una@far.example").text
    assert "taken" not in client.get("/search?q=una").text


def test_a_credential_that_does_not_count_is_said_with_the_reason(studio: Studio, client: Client,
                                                                 far: Callable[..., Actor]) -> None:
    actor = far(NONE)

    def note(uow: Any) -> None:
        uow.session.add(Attestation(actor_id=actor.id, url=CREDENTIAL, reason="The credential is about somebody else."))

    studio.run(note)
    page = client.get("/@una@far.example").text
    assert "Says that a person is behind this account. Nobody has checked that." in page
    assert "The credential is about somebody else." in page


def test_an_agents_profile_names_who_answers_for_it_with_their_badge(studio: Studio, client: Client,
                                                                    far: Callable[..., Actor]) -> None:
    una = far()

    def make(uow: Any) -> None:
        if actors.by_handle(uow.session, "bot", "far.example") is None:
            uow.session.add(Actor(id=uow.new_id(), uri="https://far.example/users/bot", username="bot", username_key="bot",
                                  domain="far.example", type="Service", kind="agent", operator_uri=una.uri, human=OWN,
                                  human_until=uow.now + dt.timedelta(days=9), created_at=uow.now, updated_at=uow.now))

    studio.run(make)
    page = client.get("/@bot@far.example").text
    assert "A machine runs this account." in page
    assert "that account has not said so" in page
    assert page.count("checked by far.example") == 1  # the operator's chip, not the machine's
    far(operates=["https://far.example/users/bot"])
    assert "Both accounts say who answers for it." in client.get("/@bot@far.example").text


def test_previews_and_feeds_elsewhere_say_until_when(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    ada = studio.actor("ada").id

    def verified(uow: Any, human: str | None, days: float) -> int:
        me = actors.get(uow.session, ada)
        me.human, me.human_issuer, me.human_method = human, "", "fs:Vouched"
        me.human_until = dt.datetime(2099, 5, 15, tzinfo=dt.UTC) if days > 0 else uow.now - dt.timedelta(days=1)
        return publish.create(uow, me, publish.Draft(text="hello")).id

    said = "a human, checked by here.example until 15 May 2099"
    number = studio.run(lambda uow: verified(uow, OWN, 1))
    page = f"/@ada/{number}"
    assert said in client.get("/api/oembed", params={"url": f"https://here.example{page}"}).json()["author_name"]
    assert said in client.get(page).text
    assert "here.example has checked that a person is behind this account" in client.get("/@ada.rss").text
    studio.run(lambda uow: verified(uow, OWN, -1))
    assert "says it is a human" in client.get("/api/oembed", params={"url": f"https://here.example{page}"}).json()["author_name"]
    studio.run(lambda uow: verified(uow, None, -1))


# ---- whose word counts
def test_administrators_decide_whose_word_counts(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    document = client.get(f"{BASE}/openapi.json").json()
    actor = far(CLAIMED, "v.example")
    mod, path = token(studio, "mod", "admin:read admin:write"), f"{BASE}/admin/verifiers"

    def call(method: str, at: str, headers: dict[str, str], **body: Any) -> Any:
        answer = client.request(method.upper(), f"{BASE}{at}", headers=headers, **({"json": body} if body else {}))
        return check(document, method, at, answer) if answer.json() else {}

    for who in (token(studio, "ada", "read write admin:read admin:write"), token(studio, "mod", "read write"), {}):
        assert "error" in call("post", "/admin/verifiers", who, host="v.example")
        assert "error" in call("get", "/admin/verifiers", who)
        assert "error" in call("post", "/admin/verifiers/remove", who, host="v.example")
    for wrong in ("", "not a host", "here.example", "https://u:p@x.example"):
        assert client.post(path, json={"host": wrong}, headers=mod).status_code == 422, wrong
    assert call("post", "/admin/verifiers", mod, host="https://V.example/", note="meets people")["host"] == "v.example"
    assert [row["note"] for row in call("get", "/admin/verifiers", mod)] == ["meets people"]
    assert client.get(f"/api/v1/accounts/{actor.id}").json()["fedisora"]["human"]["verdict"] == TRUSTED
    assert call("post", "/admin/verifiers/remove", mod, host="v.example") == {}
    assert "error" in call("post", "/admin/verifiers/remove", mod, host="v.example")
    assert client.get(f"/api/v1/accounts/{actor.id}").json()["fedisora"]["human"]["verdict"] == CLAIMED


def test_the_administrators_page(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    far(CLAIMED, "v.example")
    ada, mod = Browser(studio, client, "ada"), Browser(studio, client, "mod")
    assert ada.get("/admin/verifiers").status_code == 404
    assert ada.post("/admin/verifiers", host="v.example").status_code == 404
    assert ada.post("/admin/verifiers/remove", host="v.example").status_code == 404
    assert client.post("/admin/verifiers", data={"host": "v.example"}).status_code == 403
    page = mod.get("/admin/verifiers").text
    assert "v.example" in page and "None yet." in page
    assert mod.post("/admin/verifiers", host="here.example").status_code == 422
    assert mod.post("/admin/verifiers", host="v.example", note="<b>").status_code == 303
    page = mod.get("/admin/verifiers").text
    assert "&lt;b&gt;" in page and "None has been seen." in page
    assert mod.post("/admin/verifiers/remove", host="v.example").status_code == 303
    assert mod.post("/admin/verifiers/remove", host="v.example").status_code == 404


def test_everybody_narrows_it_for_themselves(studio: Studio, client: Client, far: Callable[..., Actor]) -> None:
    document = client.get(f"{BASE}/openapi.json").json()
    headers, ada = token(studio, "ada"), Browser(studio, client, "ada")

    def put(**body: Any) -> Any:
        return check(document, "put", "/verifiers", client.request("PUT", f"{BASE}/verifiers", json=body, headers=headers))

    assert put(mode="listed", hosts=["V.example", "https://w.example:8443/"])["hosts"] == ["v.example", "w.example:8443"]
    for wrong in ({"mode": "all"}, {"mode": "listed", "hosts": [3]}, {"mode": "listed", "hosts": ["no host"]}):
        assert "error" in put(**wrong)
    kept = check(document, "get", "/verifiers", client.get(f"{BASE}/verifiers", headers=headers))
    assert (kept["mode"], kept["instance"]) == ("listed", {"trusted": []})
    assert "w.example:8443" in ada.get("/settings/verifiers").text
    answer = ada.post("/settings/verifiers", mode="listed", hosts="v.example\nno host")
    assert answer.status_code == 422 and "no host" in answer.text
    assert ada.post("/settings/verifiers", mode="own", hosts="").status_code == 303
    assert client.get(f"{BASE}/verifiers", headers=headers).json()["mode"] == "own"
    assert ada.post("/settings/verifiers", mode="instance", hosts="v.example").status_code == 303
    assert studio.user("ada").verifiers is None
    assert studio.user("bea").verifiers is None
    assert client.get("/settings/verifiers").status_code in (302, 303, 401)
