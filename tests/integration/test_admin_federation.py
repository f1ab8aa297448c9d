"""Federation as administrators and authors see it: only they do, without JavaScript, with a token in every form."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.test_accounts_web import Browser
from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually, unique
from tests.support.world import World

PAGE = "/admin/federation"
FORMS = ("rules", "rules/remove", "queue/retry", "queue/drop")


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("admin"), database_url=module_database_url).start()
    running.cli("user", "create", "root", "--email", "root@example.org", "--password", PASSWORD, "--admin")
    yield running
    running.close()


@pytest.fixture(scope="module")
def lena(instance: InstanceProcess) -> Api:
    return instance.user("lena")


@pytest.fixture(scope="module")
def root(instance: InstanceProcess) -> Api:
    token = instance.cli("user", "token", "root").stdout.strip()
    return Api(instance, "root", token)


@pytest.fixture
def admin(instance: InstanceProcess) -> Iterator[Browser]:
    with Browser(instance.base) as found:
        assert found.log_in("root").status_code == 303
        yield found


@pytest.fixture
def world() -> Iterator[World]:
    with World("127.0.0.5") as found:
        yield found


def test_nobody_else_sees_or_does_anything(instance: InstanceProcess, lena: Api, admin: Browser) -> None:
    assert httpx.get(instance.base + PAGE).status_code == 303
    with Browser(instance.base) as other:
        other.log_in("lena")
        assert other.http.get(PAGE).status_code == 404
        assert "Federation" not in other.http.get("/settings").text
        for form in FORMS:
            assert other.post(f"{PAGE}/{form}", "/settings", domain="x.example", severity="block", item="all").status_code == 404
            stolen = other.token("/settings")
            for token in ("", stolen):
                answer = admin.http.post(f"{PAGE}/{form}", data={"csrf_token": token, "domain": "x.example",
                                                                 "severity": "block", "item": "all"})
                assert answer.status_code == 403
    assert json.loads(instance.cli("domain", "list", "--json").stdout) == []


def test_rules_are_added_changed_and_removed(instance: InstanceProcess, admin: Browser, world: World, lena: Api) -> None:
    fan = world.actor(unique("fan"))
    assert fan.send(f"{instance.base}/inbox", fan.activity("Follow", lena.actor)).status_code == 202
    eventually(lambda: world.activities("Accept"), what="Accept")
    for domain in ("", "not a domain", instance.host, "<script>alert(1)</script>"):
        answer = admin.post(f"{PAGE}/rules", PAGE, domain=domain, severity="block")
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert "<script>alert" not in answer.text
    assert admin.post(f"{PAGE}/rules", PAGE, domain="x.example", severity="ban").status_code == 422
    answer = admin.post(f"{PAGE}/rules", PAGE, domain=f"http://{world.host}/about", severity="block", comment="<b>spam</b>")
    assert answer.status_code == 303
    assert fan.get(lena.actor).status_code == 403, "at once, not only after a while"
    shown = admin.http.get(PAGE).text
    assert "127.0.0.5" in shown
    assert "&lt;b&gt;spam" in shown
    assert lena.get("/api/v1/instance/peers") == []
    assert admin.post(f"{PAGE}/rules/remove", PAGE, domain="127.0.0.5").status_code == 303
    assert fan.get(lena.actor).status_code == 200
    assert admin.post(f"{PAGE}/rules/remove", PAGE, domain="127.0.0.5").status_code == 404
    assert world.host in lena.get("/api/v1/instance/peers")


def test_what_was_put_aside_is_shown_tried_again_and_dropped(instance: InstanceProcess, admin: Browser, world: World,
                                                             lena: Api) -> None:
    stranger, author = world.actor(unique("stranger")), world.actor(unique("author"), key=1)
    for sender in (author, stranger):
        assert sender.send(f"{instance.base}/inbox", sender.activity("Follow", lena.actor)).status_code == 202
    follow = eventually(lambda: [item["object"] for item in world.activities("Accept") if item["object"]["actor"] == author.uri],
                        what="Accept")[0]
    undo = stranger.activity("Undo", {**follow, "object": lena.actor})
    assert stranger.send(f"{instance.base}/inbox", undo).status_code == 202

    def refused() -> list[dict[str, object]]:
        items = json.loads(instance.cli("queue", "list", "--json").stdout)["items"]
        return [item for item in items if item["sender"] == stranger.uri]

    found = eventually(refused, what="the refusal")[0]
    assert (found["type"], found["state"], found["queue"]) == ("Undo", "refused", "inbox")
    assert found["reason"]
    shown = admin.http.get(PAGE).text
    assert str(found["id"]) in shown
    assert stranger.uri in shown
    before = found["when"]
    assert admin.post(f"{PAGE}/queue/retry", PAGE, item=str(found["id"])).status_code == 303
    again = eventually(refused, what="refused again")[0]
    assert again["attempts"] == 1
    assert again["when"] >= before  # type: ignore[operator]
    assert "1 will be tried again" in instance.cli("queue", "retry", str(found["id"])).stderr
    eventually(refused, what="refused once more")
    assert admin.post(f"{PAGE}/queue/drop", PAGE, item=str(found["id"])).status_code == 303
    assert refused() == []
    assert admin.post(f"{PAGE}/queue/drop", PAGE, item=str(found["id"])).status_code == 303
    assert instance.cli("queue", "drop", str(found["id"]), check=False).returncode == 2
    assert "0 will" in instance.cli("queue", "retry", "all").stderr


def test_an_author_sees_how_far_a_post_got(instance: InstanceProcess, admin: Browser, root: Api, lena: Api, world: World) -> None:
    with World("127.0.0.6") as broken:
        for place in (world, broken):
            fan = place.actor(unique("fan"))
            assert fan.send(f"{instance.base}/inbox", fan.activity("Follow", lena.actor)).status_code == 202
            eventually(lambda place=place: place.activities("Accept"), what="Accept")  # type: ignore[misc]
        broken.status = 403
        status = lena.post("/api/v1/statuses", status="how far?")
        path = f"/api/fedisora/v1/statuses/{status['id']}/deliveries"

        def failure(where: str) -> dict[str, Any]:
            return next((item for item in lena.get(where)["failures"] if item["host"] == broken.host), {})

        refused = eventually(lambda: failure(path), what="refused")
        assert (refused["status"], refused["next"], refused["attempts"]) == (403, None, 1)
        state = eventually(lambda: (found := lena.get(path))["reached"] and found, what="delivered")
        assert state["inboxes"] == state["reached"] + state["pending"] + state["failed"]
        broken.status = 503
        later = lena.post("/api/v1/statuses", status="and this?")
        waiting = eventually(lambda: failure(path.replace(status["id"], later["id"])), what="tried")
        assert waiting["status"] == 503
        assert waiting["next"] > "2026"
        assert "503" in waiting["reason"]
        assert root.get(path)["inboxes"] == state["inboxes"]
    stranger = instance.user(unique("stranger"))
    assert stranger.http.get(path).status_code == 404
    assert stranger.http.get(path.replace(status["id"], "1")).status_code == 404
    assert httpx.get(instance.base + path).status_code == 401
    page = f"/@lena/{status['id']}"
    with Browser(instance.base) as author:
        author.log_in("lena")
        shown = author.http.get(page).text
        assert 'id="reach"' in shown
        assert broken.host in shown
    assert 'id="reach"' in admin.http.get(page).text
    assert 'id="reach"' not in httpx.get(instance.base + page).text


def test_peers_say_what_they_run(instance: InstanceProcess, admin: Browser, tmp_path_factory: pytest.TempPathFactory,
                                 lena: Api) -> None:
    other = InstanceProcess(tmp_path_factory.mktemp("peer"), instance_name="Borealis").start()
    try:
        other.user("bob")
        lena.resolve(f"@bob@{other.host}")
        eventually(lambda: "Borealis" in admin.http.get(PAGE).text, what="the peer's name")
        assert other.host in lena.get("/api/v1/instance/peers")
    finally:
        other.close()
