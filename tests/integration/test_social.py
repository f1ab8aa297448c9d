"""Blocks, reports, pins and moves through a running server: client API on one side, another server on the other."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import RemoteActor
from tests.support.world import World

ACTIVITY = {"Accept": "application/activity+json"}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("social"), database_url=module_database_url).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture
def lena(instance: InstanceProcess) -> Api:
    return instance.user(unique("lena"))


def send(instance: InstanceProcess, actor: RemoteActor, kind: str, about: Any, **more: Any) -> dict[str, Any]:
    activity = {**actor.activity(kind, about), **more}
    answer = actor.send(f"{instance.base}/inbox", activity)
    assert answer.status_code == 202, answer.text
    return activity


def follow(api: Api, world: World, actor: RemoteActor) -> str:
    """Follow a made-up actor, which accepts; its row's id."""
    account = api.resolve(actor.uri)
    api.post(f"/api/v1/accounts/{account['id']}/follow")
    asked = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == actor.uri
                                and item["actor"] == api.actor], what="our Follow")
    send(api.instance, actor, "Accept", asked[0]["id"])
    eventually(lambda: relationship(api, account["id"])["following"], what="accepted")
    return str(account["id"])


def relationship(api: Api, account_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/api/v1/accounts/relationships", **{"id[]": account_id})[0]
    return found


def sent(world: World, kind: str, actor: str, count: int = 1) -> list[dict[str, Any]]:
    """Activities of somebody, once there are so many."""
    def enough() -> list[dict[str, Any]]:
        found = [item for item in world.activities(kind) if item["actor"] == actor]
        return found if len(found) >= count else []

    return eventually(enough, what=f"{count} {kind} of {actor}")


def test_blocking_and_letting_back(instance: InstanceProcess, world: World, lena: Api) -> None:
    rem = world.actor(unique("rem"))
    account = follow(lena, world, rem)
    send(instance, rem, "Follow", lena.actor)
    sent(world, "Accept", lena.actor)
    assert lena.post(f"/api/v1/accounts/{account}/block")["blocking"] is True
    assert sent(world, "Block", lena.actor)[0]["object"] == rem.uri
    assert sent(world, "Undo", lena.actor)[0]["object"]["type"] == "Follow"
    assert sent(world, "Reject", lena.actor)[0]["object"]["actor"] == rem.uri
    assert [item["id"] for item in lena.get("/api/v1/blocks")] == [account]
    now = relationship(lena, account)
    assert (now["blocking"], now["following"], now["followed_by"]) == (True, False, False)
    assert lena.post(f"/api/v1/accounts/{account}/unblock")["blocking"] is False
    assert sent(world, "Undo", lena.actor, 2)[1]["object"]["type"] == "Block"
    assert lena.get("/api/v1/blocks") == []
    block = send(instance, rem, "Block", lena.actor)
    eventually(lambda: relationship(lena, account)["blocked_by"], what="blocked")
    send(instance, rem, "Undo", block)
    eventually(lambda: not relationship(lena, account)["blocked_by"], what="let back")


def test_reports_go_to_the_other_server_and_to_administrators(instance: InstanceProcess, world: World, lena: Api) -> None:
    instance.cli("user", "create", "ruth", "--email", "ruth@example.org", "--password", "a fine password", "--admin")
    ruth = Api(instance, "ruth", instance.cli("user", "token", "ruth", "--scopes", "read write admin:read admin:write")
               .stdout.strip())
    rem = world.actor(unique("rem"))
    account = follow(lena, world, rem)
    note = world.note(rem, "buy this")
    send(instance, rem, "Create", note)
    post = eventually(lambda: next((item for item in lena.home() if item["uri"] == note["id"]), None), what="the post")
    made = lena.post("/api/v1/reports", account_id=account, status_ids=[post["id"]], comment="spam", category="spam",
                     forward=True)
    assert (made["forwarded"], made["status_ids"], made["target_account"]["id"]) == (True, [post["id"]], account)
    [flag] = sent(world, "Flag", f"{instance.base}/actor")
    assert flag["object"] == [rem.uri, note["id"]]
    assert lena.name not in str({key: value for key, value in flag.items() if key != "proof"})
    for path in ("/api/v1/admin/reports", f"/api/v1/admin/reports/{made['id']}"):
        assert lena.http.get(path).status_code == 403
    send(instance, rem, "Flag", lena.actor, content="rude")
    listed = eventually(lambda: [item for item in ruth.get("/api/v1/admin/reports")
                                 if item["account"]["account"]["uri"] == rem.uri], what="the remote report")
    assert (listed[0]["comment"], listed[0]["target_account"]["username"]) == ("rude", lena.name)
    kinds = ruth.get("/api/v1/notifications", **{"types[]": "admin.report"})
    assert {item["report"]["id"] for item in kinds} == {made["id"], listed[0]["id"]}
    assert ruth.post(f"/api/v1/admin/reports/{made['id']}/resolve")["action_taken"] is True
    assert made["id"] in [item["id"] for item in ruth.get("/api/v1/admin/reports", resolved="true")]
    assert made["id"] not in [item["id"] for item in ruth.get("/api/v1/admin/reports")]


def test_pinned_posts_are_in_the_featured_collection(instance: InstanceProcess, world: World, lena: Api) -> None:
    rem = world.actor(unique("rem"))
    send(instance, rem, "Follow", lena.actor)
    sent(world, "Accept", lena.actor)  # who follows only after the pin is never told of it
    post = lena.post("/api/v1/statuses", status="on my profile")
    featured = f"{lena.actor}/collections/featured"
    assert httpx.get(featured, headers=ACTIVITY).json()["orderedItems"] == []
    assert lena.post(f"/api/v1/statuses/{post['id']}/pin")["pinned"] is True
    add = sent(world, "Add", lena.actor)[0]
    assert (add["object"], add["target"]) == (post["uri"], featured)
    collection = httpx.get(featured, headers=ACTIVITY).json()
    assert (collection["type"], collection["totalItems"]) == ("OrderedCollection", 1)
    assert collection["orderedItems"][0] == httpx.get(post["uri"], headers=ACTIVITY).json()
    me = lena.me()["id"]
    assert [item["id"] for item in lena.get(f"/api/v1/accounts/{me}/statuses", pinned="true")] == [post["id"]]
    assert lena.post(f"/api/v1/statuses/{post['id']}/unpin")["pinned"] is False
    assert sent(world, "Remove", lena.actor)[0]["object"] == post["uri"]
    assert lena.get(f"/api/v1/accounts/{me}/statuses", pinned="true") == []


def test_what_a_followed_account_has_pinned_comes_along(instance: InstanceProcess, world: World, lena: Api) -> None:
    rem, other = world.actor(unique("rem")), world.actor(unique("other"))
    notes = [world.note(rem, "first"), world.note(rem, "second"), world.note(other, "not mine")]
    featured = f"{rem.uri}/featured"
    world.documents[f"/users/{rem.name}"]["featured"] = featured
    world.documents[f"/users/{rem.name}/featured"] = {
        "id": featured, "type": "OrderedCollection", "totalItems": 5,
        "orderedItems": [notes[0], notes[1]["id"], notes[2]["id"], f"{rem.uri}/notes/gone", "https://elsewhere.example/1"]}
    account = follow(lena, world, rem)
    pinned = eventually(lambda: lena.get(f"/api/v1/accounts/{account}/statuses", pinned="true"), what="pinned posts")
    assert [item["uri"] for item in pinned] == [notes[0]["id"], notes[1]["id"]]


def test_a_followed_account_moves(instance: InstanceProcess, world: World, lena: Api) -> None:
    old, new = world.actor(unique("old")), world.actor(unique("new"))
    account = follow(lena, world, old)
    lena.resolve(new.uri)  # known already, without the alias: only what it says now counts
    world.documents[f"/users/{new.name}"]["alsoKnownAs"] = [old.uri]
    send(instance, old, "Move", old.uri, target=new.uri)
    eventually(lambda: [item for item in sent(world, "Follow", lena.actor) if item["object"] == new.uri], what="the Follow")
    assert sent(world, "Undo", lena.actor)[0]["object"]["object"] == old.uri
    moved = eventually(lambda: lena.get(f"/api/v1/accounts/{account}").get("moved"), what="moved")
    assert moved["uri"] == new.uri


def test_an_account_moves_away_with_commands(instance: InstanceProcess, world: World, lena: Api) -> None:
    fan, new = world.actor(unique("fan")), world.actor(unique("new"))
    send(instance, fan, "Follow", lena.actor)
    sent(world, "Accept", lena.actor)
    handle = f"@{new.name}@{world.host}"
    refused = instance.cli("account", "move", lena.name, handle, check=False)
    assert refused.returncode == 2
    assert "as an alias first" in refused.stderr
    instance.cli("account", "alias", "add", lena.name, handle)
    assert instance.cli("account", "alias", "list", lena.name).stdout.strip() == new.uri
    instance.cli("account", "alias", "remove", lena.name, new.uri)
    world.documents[f"/users/{new.name}"]["alsoKnownAs"] = [lena.actor]
    instance.cli("account", "move", lena.name, handle)
    move = sent(world, "Move", lena.actor)[0]
    assert (move["object"], move["target"]) == (lena.actor, new.uri)
    assert httpx.get(lena.actor, headers=ACTIVITY).json()["movedTo"] == new.uri
    assert lena.me()["moved"]["uri"] == new.uri
    instance.cli("account", "stay", lena.name)
    assert "movedTo" not in httpx.get(lena.actor, headers={**ACTIVITY, "Cache-Control": "no-cache"}).json()
