"""Agents on a real instance: their tokens, the switch, what others see, and how they change hands; what is wrong comes first."""
from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually
from tests.support.world import World

from .test_accounts_web import Browser

pytestmark = pytest.mark.xdist_group("agents_instance")  # its tests go through one scene

V1 = "/api/fedisora/v1"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("agents"), rate_limits="on", agent_requests_per_minute="40").start()
    running.cli("user", "create", "root", "--email", "root@example.org", "--password", PASSWORD, "--admin")
    yield running
    running.close()


def verify(instance: InstanceProcess, name: str) -> None:
    """Make an account a verified human, as a credential leaves it."""
    with sqlite3.connect(instance.folder / "fedisora.sqlite3", timeout=30) as db:
        db.execute("UPDATE actors SET human = 'checked-by-own-host', human_issuer = '', human_method = 'fs:LiveClipReviewed', "
                   "human_until = '2099-01-01 00:00:00.000000' WHERE username = ? AND domain = ''", (name,))


@pytest.fixture(scope="module")
def ida(instance: InstanceProcess) -> Api:
    found = instance.user("ida")
    verify(instance, "ida")
    return found


@pytest.fixture(scope="module")
def bob(instance: InstanceProcess) -> Api:
    return instance.user("bob")


@pytest.fixture(scope="module")
def dreamer(instance: InstanceProcess, ida: Api) -> Api:
    """An agent made over the API, with a token that its operator made."""
    made = ida.post(f"{V1}/agents", username="dreamer", name="Dreamer")
    assert (made["name"], made["may_act"], made["operator"]) == ("dreamer", True, ida.actor)
    token = ida.post(f"{V1}/agents/dreamer/tokens",
                     scopes="read write:statuses write:media write:generations write:follows")
    assert token["scopes"][0] == "read"
    return Api(instance, "dreamer", token["token"])


@pytest.fixture
def browser(instance: InstanceProcess) -> Iterator[Browser]:
    with Browser(instance.base) as found:
        yield found


def test_who_may_not_make_an_agent_is_told_how_to(bob: Api, dreamer: Api, browser: Browser) -> None:
    answer = bob.http.post(f"{V1}/agents", json={"username": "bobbot"})
    assert answer.status_code == 403
    assert "Verified human" in answer.json()["error"]
    assert dreamer.http.get(f"{V1}/agents").status_code == 403
    browser.log_in("bob")
    assert "/settings/human" in browser.http.get("/settings/agents").text
    assert browser.post("/settings/agents", form="/settings", username="bobbot").status_code == 403


def test_somebody_elses_agent_is_not_there(bob: Api, dreamer: Api, browser: Browser) -> None:
    for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/start"), ("GET", "/tokens"), ("POST", "/tokens"),
                         ("POST", "/transfer")):
        assert bob.http.request(method, f"{V1}/agents/dreamer{path}", json={} if method == "POST" else None).status_code == 404
    browser.log_in("bob")
    assert browser.http.get("/settings/agents/dreamer").status_code == 404
    for path in ("stop", "start", "tokens", "profile", "transfer", "tokens/revoke"):
        assert browser.post(f"/settings/agents/dreamer/{path}", form="/settings", to="bob").status_code == 404
    assert browser.http.get("/admin/agents").status_code == 404
    assert browser.http.post("/settings/agents/dreamer/stop").status_code == 403  # without the form's token


@pytest.mark.parametrize(("method", "path"), [
    ("PATCH", "/api/v1/accounts/update_credentials"), ("POST", "/api/v1/reports"), ("POST", f"{V1}/agents/dreamer/stop")])
def test_an_agents_token_does_not_do_everything(dreamer: Api, method: str, path: str) -> None:
    answer = dreamer.http.request(method, path, json={})
    assert answer.status_code == 403
    assert "An agent may not do this" in answer.json()["error"]


def test_no_wide_token_and_no_old_one(instance: InstanceProcess, ida: Api, dreamer: Api) -> None:
    for scopes in ("read write", "push", "admin:read", "write:accounts", "nothing"):
        assert ida.http.post(f"{V1}/agents/dreamer/tokens", json={"scopes": scopes}).status_code == 422
    token = ida.post(f"{V1}/agents/dreamer/tokens", scopes="write:notifications")["token"]
    with sqlite3.connect(instance.folder / "fedisora.sqlite3", timeout=30) as db:  # as from before agents' tokens were limited
        db.execute("UPDATE access_tokens SET scopes = 'read write follow push admin:write' WHERE user_id = "
                   "(SELECT users.id FROM users JOIN actors ON actors.id = users.actor_id WHERE username = 'dreamer') "
                   "AND scopes LIKE '%write:notifications%'")
    old = Api(instance, "dreamer", token)
    assert old.http.patch("/api/v1/accounts/update_credentials", json={"note": "x"}).status_code == 403
    assert old.me()["username"] == "dreamer"


def test_it_posts_and_never_writes_first(dreamer: Api, bob: Api) -> None:
    assert dreamer.post("/api/v1/statuses", status="Good morning.")["account"]["bot"]
    answer = dreamer.http.post("/api/v1/statuses", json={"status": "@bob buy this", "visibility": "direct"})
    assert answer.status_code == 403
    assert "never writes to somebody first" in answer.json()["error"]
    bob.post("/api/v1/statuses", status="@dreamer hello", visibility="direct")
    dreamer.post("/api/v1/statuses", status="@bob hello", visibility="direct")


def test_it_makes_and_publishes_videos(dreamer: Api, ida: Api) -> None:
    dreamer.post(f"{V1}/generations", prompt="a lake", seconds=1, publish={"text": "A lake by night"})
    account = dreamer.me()["id"]
    eventually(lambda: any("A lake by night" in post["content"] for post in ida.get(f"/api/v1/accounts/{account}/statuses")),
               seconds=120, what="its video is published")


def test_its_operator_posts_as_the_agent(instance: InstanceProcess, dreamer: Api, ida: Api, bob: Api, browser: Browser) -> None:
    page = "/settings/agents/dreamer"
    browser.log_in("bob")
    assert browser.post(f"{page}/post", form="/settings", kind="words", text="mine", visibility="public").status_code == 404
    browser.post("/logout", form="/settings")
    browser.log_in("ida")
    assert browser.post(f"{page}/post", form=page, kind="words", text="@bob psst", visibility="direct").status_code == 422
    answer = browser.post(f"{page}/post", form=page, kind="words", text="A word from the workshop. @bob", visibility="unlisted")
    shown = httpx.get(f"{instance.base}{answer.headers['location']}", follow_redirects=True,
                      headers={"Accept": "application/activity+json"}).json()
    assert shown["attributedTo"].endswith("/users/dreamer") and shown["contentMap"]["en"] == shown["content"]
    assert browser.http.get(answer.headers["location"]).status_code == 200
    post = next(one for one in bob.get(f"/api/v1/accounts/{dreamer.me()['id']}/statuses") if "workshop" in one["content"])
    assert post["account"]["bot"] and post["visibility"] == "unlisted"
    with sqlite3.connect(instance.folder / "fedisora.sqlite3", timeout=30) as db:
        lines = db.execute("SELECT a.username, b.username FROM audit_log JOIN actors a ON a.id = audit_log.actor_id "
                           "JOIN actors b ON b.id = subject_id WHERE action = 'agent.posted'").fetchall()
    assert lines == [("ida", "dreamer")]


def test_what_its_profile_says(instance: InstanceProcess, dreamer: Api, ida: Api) -> None:
    page = httpx.get(f"{instance.base}/@dreamer").text
    for words in ("Both accounts say who answers for it", "/@ida", "Never writes first"):
        assert words in page, words
    assert dreamer.me()["fedisora"]["operator_confirmed"] is True


def test_the_switch(instance: InstanceProcess, dreamer: Api, ida: Api, browser: Browser) -> None:
    job = dreamer.post(f"{V1}/generations", prompt="a lake", seconds=5)
    assert ida.post(f"{V1}/agents/dreamer/stop", reason="enough")["may_act"] is False
    for answer in (dreamer.http.get("/api/v1/accounts/verify_credentials"),
                   dreamer.http.post("/api/v1/statuses", json={"status": "still here"})):
        assert (answer.status_code, answer.json()["error"]) == (403, "@dreamer was stopped by its operator.")
    assert "stopped by its operator" in httpx.get(f"{instance.base}/@dreamer").text
    assert ida.http.post(f"{V1}/agents/dreamer/stop", json={}).status_code == 409
    ida.post(f"{V1}/agents/dreamer/start")
    eventually(lambda: dreamer.get(f"{V1}/generations/{job['id']}")["state"] == "cancelled", what="its video is cancelled")
    with Browser(instance.base) as admin:
        admin.log_in("root")
        ida.post(f"{V1}/agents/dreamer/stop", reason="a pause")  # over which an administrator can put their own
        found = re.search(r"/admin/agents/(\d+)/stop", admin.http.get("/admin/agents").text)
        assert found
        stop = f"/admin/agents/{found[1]}/stop"
        assert admin.post(stop, form="/admin/agents", reason="").status_code == 422
        assert admin.post(stop, form="/admin/agents", reason="Spam.").status_code == 303
        assert "Spam." in admin.http.get("/admin/agents").text
        browser.log_in("ida")
        assert browser.post("/settings/agents/dreamer/start", form="/settings/agents").status_code == 403
        assert "was stopped by an administrator" in browser.http.get("/notifications").text
        assert "This server stopped it" in browser.http.get("/settings/agents/dreamer").text
        assert "stopped by this server" in httpx.get(f"{instance.base}/@dreamer").text
        assert admin.post(f"/admin/agents/{found[1]}/start", form="/admin/agents").status_code == 303
    assert not any(item["type"].startswith("agent.") for item in ida.get("/api/v1/notifications"))  # apps do not know these
    assert dreamer.me()["username"] == "dreamer"


def test_everything_on_its_page(instance: InstanceProcess, ida: Api, dreamer: Api, browser: Browser) -> None:
    browser.log_in("ida")
    here = "/settings/agents/dreamer"
    made = browser.post(f"{here}/tokens", form=here, scope="read")
    found = re.search(r'<p class="mono">([\w-]+)</p>', made.text)
    assert found
    assert Api(instance, "dreamer", found[1]).me()["display_name"] == "Dreamer"
    assert found[1] not in browser.http.get(here).text
    digests = re.findall(r'name="token" value="([0-9a-f]{64})"', browser.http.get(here).text)
    assert browser.post(f"{here}/tokens/revoke", form=here, token=digests[0]).status_code == 303
    assert Api(instance, "dreamer", found[1]).http.get("/api/v1/accounts/verify_credentials").status_code == 401
    assert browser.post(f"{here}/profile", form=here, name="Night dreamer", note="I dream of lakes.").status_code == 303
    assert "Night dreamer" in httpx.get(f"{instance.base}/@dreamer").text
    assert browser.post(f"{here}/stop", form=here).status_code == 303
    assert "Start it again" in browser.http.get(here).text
    assert browser.post(f"{here}/start", form=here).status_code == 303


def test_requests_in_a_minute(instance: InstanceProcess, ida: Api) -> None:
    ida.post(f"{V1}/agents", username="hasty")
    tokens = [ida.post(f"{V1}/agents/hasty/tokens", scopes="read")["token"] for _ in range(2)]
    codes = [httpx.get(f"{instance.base}/api/v1/accounts/verify_credentials",
                       headers={"Authorization": f"Bearer {tokens[number % 2]}"}) for number in range(41)]
    assert [answer.status_code for answer in codes] == [200] * 40 + [429]
    assert codes[-1].headers["retry-after"]


def test_from_hand_to_hand(instance: InstanceProcess, ida: Api, bob: Api, browser: Browser) -> None:
    ida.post(f"{V1}/agents", username="moth")
    token = ida.post(f"{V1}/agents/moth/tokens", scopes="read")["token"]
    answer = ida.http.post(f"{V1}/agents/moth/transfer", json={"to": "bob"})
    assert (answer.status_code, "verified humans" in answer.json()["error"]) == (403, True)
    verify(instance, "bob")
    asked = ida.post(f"{V1}/agents/moth/transfer", to="@bob")
    assert ida.http.post(f"{V1}/agent_transfers/{asked['id']}/accept").status_code == 404
    browser.log_in("bob")
    assert "asks you to answer for an agent" in browser.http.get("/notifications").text
    assert "/settings/agents/transfers/" in browser.http.get("/settings/agents").text
    answer = browser.post(f"/settings/agents/transfers/{asked['id']}/accept", form="/settings/agents")
    assert answer.headers["location"] == "/settings/agents/moth"
    accept: dict[str, str] = {"Accept": "application/activity+json"}
    document: dict[str, Any] = httpx.get(f"{instance.base}/users/moth", headers=accept).json()
    assert document["operator"] == bob.actor
    assert document["id"] in httpx.get(bob.actor, headers=accept).json()["operates"]
    assert document["id"] not in httpx.get(ida.actor, headers=accept).json().get("operates", [])
    assert httpx.get(f"{instance.base}/api/v1/accounts/verify_credentials",
                     headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert ida.http.get(f"{V1}/agents/moth").status_code == 404


def test_who_runs_an_agent_elsewhere_is_asked_themselves(instance: InstanceProcess, ida: Api) -> None:
    with World() as there, World("127.0.0.2") as elsewhere:
        kim = elsewhere.actor("kim")
        for name in ("bot", "liar"):
            actor = there.actor(name)
            there.documents[f"/users/{name}"] |= {"type": "Service", "actorKind": "fs:AIAgent", "operator": kim.uri}
            if name == "bot":
                elsewhere.documents["/users/kim"] |= {"actorKind": "fs:Human", "operates": [actor.uri]}
        liar = ida.resolve(f"@liar@{there.host}")
        bot = ida.resolve(f"@bot@{there.host}")
        eventually(lambda: ida.get(f"/api/v1/accounts/{bot['id']}")["fedisora"]["operator_confirmed"], what="kim was asked")
        assert not ida.get(f"/api/v1/accounts/{liar['id']}")["fedisora"]["operator_confirmed"]
        assert "run by @kim" in httpx.get(f"{instance.base}/@bot@{there.host}").text
        assert "says it is run by @kim" in httpx.get(f"{instance.base}/@liar@{there.host}").text
