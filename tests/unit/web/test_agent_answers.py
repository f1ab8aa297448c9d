"""How an agent answers, on its page and over the API: who sees it, what is kept, and a try that makes nothing."""
from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.models import AgentProfile, Generation
from fedisora.services import accounts, tokens
from tests.support.asking import Asking
from tests.support.studio import Studio

from .test_making_pages import Browser
from .test_openapi import BASE, Client

pytestmark = pytest.mark.xdist_group("agent_answers")  # its tests go through one scene

PAGE = "/settings/agents/dreamer/answers"


@pytest.fixture(scope="module")
def asking(made_studio: Studio, client: Client) -> Asking:
    made_studio.run(lambda uow: accounts.create(uow, "dreamer", "dreamer@example.org", "a fine password", kind="agent",
                                                operator="ada"))
    return Asking(made_studio.house.db)


def api(studio: Studio, client: Client, name: str, method: str, path: str, **more: Any) -> Any:
    user = studio.user(name)
    scopes = "read write:statuses" if name == "dreamer" else "read write"
    token = studio.run(lambda uow: tokens.create(uow, user.id, None, scopes))
    return client.request(method, f"{BASE}/agents/{path}", headers={"Authorization": f"Bearer {token}"}, **more)


def fields(**changes: str) -> dict[str, str]:
    return {"on": "1", "persona": "", "audience": "everyone", "allowed": "", "blocked": "", "style": "", "model": "",
            "orientation": "", "seconds": "", "per_person": "5", "per_domain": "30", "per_day": "100", "stop_word": "stop",
            "start_word": "start", "language": "fr", "schedule": "", **changes}


def profile(studio: Studio) -> AgentProfile:
    return studio.house.db.read_now(lambda session: session.scalars(select(AgentProfile)).one())


def test_others_find_nothing(studio: Studio, client: Client, asking: Asking) -> None:
    for name in ("bea", "dreamer"):
        who = Browser(studio, client, name)
        assert who.get(PAGE).status_code == 404 and who.post(PAGE, **fields(persona="mine")).status_code == 404
        for method, path in (("GET", "answers"), ("PUT", "answers"), ("GET", "asked")):
            more = {"json": {"persona": "mine"}} if method == "PUT" else {}
            assert api(studio, client, name, method, f"{asking.agent.id}/{path}", **more).status_code in (403, 404)
    assert client.get(PAGE).status_code in (302, 303, 401) and profile(studio).persona == ""
    ada = Browser(studio, client, "ada")
    for name in ("bea", "nobody"):
        assert ada.get(f"/settings/agents/{name}/answers").status_code == 404


def test_without_the_token_of_the_form_nothing_is_kept(studio: Studio, client: Client, asking: Asking) -> None:
    ada = Browser(studio, client, "ada")
    assert ada.post(PAGE, **fields(persona="forged") | {"csrf_token": "x"}).status_code == 403 and profile(studio).persona == ""


@pytest.mark.parametrize("name", ["ada", "mod"])
def test_its_operator_and_administrators_set_everything(studio: Studio, client: Client, asking: Asking, name: str) -> None:
    who = Browser(studio, client, name)
    answer = who.post(PAGE, **fields(
        persona=f"by {name} <b>", audience="listed", allowed="@Kim@m.example\nfriends.example, bob@b.example", blocked="@eve",
        style="in oil", model="procedural", orientation="square", seconds="2,5", per_person="1",
        schedule="Mon 09:00: a sea | a hill"))
    assert answer.status_code == 303, answer.text
    kept = profile(studio)
    assert kept.answers and kept.allowed == ["@kim@m.example", "friends.example", "@bob@b.example"] and kept.blocked == ["@eve"]
    assert (kept.style, kept.model, kept.orientation, kept.seconds, kept.per_person) == ("in oil", "procedural", "square", 2.5, 1)
    assert kept.schedule == [{"days": [0], "at": "09:00", "prompts": ["a sea", "a hill"]}]
    assert kept.next_post_at is not None and kept.next_post_at.weekday() == 0 and studio.jobs("agent_post")
    html = who.get(PAGE).text
    assert f"by {name} &lt;b&gt;" in html and "Mon 09:00: a sea | a hill" in html and "@kim@m.example" in html
    who.post(PAGE, **fields() | {"on": ""})
    assert not profile(studio).answers and profile(studio).next_post_at is None


@pytest.mark.parametrize("wrong", [
    {"per_person": "many"}, {"per_day": "-1"}, {"audience": "nobody"}, {"model": "none-such"}, {"seconds": "soon"},
    {"seconds": "-1"}, {"seconds": "nan"}, {"allowed": "not a handle!"}, {"schedule": "tomorrow"}, {"schedule": "Xyz 09:00: a"},
    {"persona": "x" * 301}, {"stop_word": "go", "start_word": "GO"}, {"stop_word": "!!"}])
def test_a_wrong_value_keeps_what_was_typed(studio: Studio, client: Client, asking: Asking, wrong: dict[str, str]) -> None:
    answer = Browser(studio, client, "ada").post(PAGE, **fields(style="kept in the form") | wrong)
    assert answer.status_code == 422 and 'role="alert"' in answer.text and "kept in the form" in answer.text
    assert profile(studio).style != "kept in the form"


def test_a_try_makes_nothing(studio: Studio, client: Client, asking: Asking) -> None:
    ada = Browser(studio, client, "ada")
    ada.post(PAGE, **fields(style="in oil"))
    said = {text: re.sub(r"\s+", " ", ada.get(f"{PAGE}?try={text}").text) for text in (
        "@dreamer a cat, square, 2 s, seed 5", "stop", "a cat, 900 s", "thanks")}
    video = said["@dreamer a cat, square, 2 s, seed 5"]
    assert "in oil, a cat" in video and "· seed 5" in video
    assert "leave this person alone" in said["stop"] and "seconds long" in said["a cat, 900 s"]
    assert "say nothing" in said["thanks"]
    assert studio.house.db.read_now(lambda session: session.scalars(select(Generation)).all()) == []
    assert "<script>x" not in ada.get(f"{PAGE}?try=<script>x</script> a cat").text
    assert "only with the consent of" in ada.get(f"{PAGE}?try=a portrait of @ada in fog").text


def test_the_log_says_what_became_of_each(studio: Studio, client: Client, asking: Asking) -> None:
    Browser(studio, client, "ada").post(PAGE, **fields())
    asking.asks("a cat & a dog")
    asking.asks("a cat, 900 s", "noa")
    html = Browser(studio, client, "ada").get(PAGE).text
    assert "a cat &amp; a dog" in html and "@noa@m.example" in html and "seconds long" in html and "is being made" in html
    lines = api(studio, client, "ada", "GET", f"{asking.agent.id}/asked").json()
    assert [(line["who"], line["state"]) for line in lines[:2]] == [("@noa@m.example", "refused"), ("@mia@m.example", "making")]
    page = api(studio, client, "ada", "GET", f"{asking.agent.id}/asked?limit=1")
    assert len(page.json()) == 1 and "max_id" in page.headers["link"]


def test_over_the_api_what_is_not_sent_stays(studio: Studio, client: Client, asking: Asking) -> None:
    before = api(studio, client, "ada", "GET", f"{asking.agent.id}/answers").json()
    sent = {"persona": "over the api", "per_day": 3, "schedule": [{"at": "09:00", "prompts": ["a sea"]}]}
    after = api(studio, client, "ada", "PUT", f"{asking.agent.id}/answers", json=sent).json()
    assert after["persona"] == "over the api" and after["per_day"] == 3 and after["schedule"][0]["days"] == list(range(7))
    assert {name: value for name, value in after.items() if name not in (*sent, "next_post_at")} == {
        name: value for name, value in before.items() if name not in (*sent, "next_post_at")}
    for wrong in ({"per_day": "3"}, {"per_day": True}, {"on": "yes"}, {"allowed": "x y"}, {"allowed": [1]}, {"schedule": "x"},
                  {"seconds": "2"}, {"persona": 5}, {"orientation": "round"}):
        assert api(studio, client, "ada", "PUT", f"{asking.agent.id}/answers", json=wrong).status_code == 422, wrong
