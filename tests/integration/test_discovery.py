"""What a running instance shows of conversations and followers, and what it finds elsewhere by itself."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import AS2, RemoteActor
from tests.support.world import World

ACTIVITY = {"Accept": "application/activity+json"}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("discovery"), database_url=module_database_url).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture(scope="module")
def local(instance: InstanceProcess) -> Api:
    return instance.user("lena")


def read(url: str) -> dict[str, Any]:
    answer = httpx.get(url, headers=ACTIVITY, timeout=30)
    assert answer.status_code == 200, f"{url}: {answer.status_code}"
    found: dict[str, Any] = answer.json()
    return found


def items(url: str) -> list[Any]:
    """All items of a collection, page by page."""
    found: list[Any] = []
    at = read(read(url)["first"])
    while True:
        found += at.get("orderedItems", at.get("items"))
        if "next" not in at:
            return found
        at = read(at["next"])


def fan(instance: InstanceProcess, world: World, local: Api) -> RemoteActor:
    """Somebody elsewhere who follows Lena."""
    person = world.actor(unique("fan"))
    before = local.me()["followers_count"]
    assert person.send(f"{instance.base}/inbox", person.activity("Follow", local.actor)).status_code == 202
    eventually(lambda: local.me()["followers_count"] == before + 1, what="a follower")
    return person


# ---- what must not be shown
def test_the_list_of_followers_of_a_server_is_for_that_server(instance: InstanceProcess, world: World, local: Api) -> None:
    mine = fan(instance, world, local)
    url = f"{local.actor}/followers_synchronization"
    assert httpx.get(url, headers=ACTIVITY).status_code == 401
    forger = RemoteActor(world.base, mine.name, key=1)
    assert forger.get(url).status_code == 401
    with World() as other:
        stranger = other.actor(unique("stranger"))
        assert stranger.get(url).json()["orderedItems"] == []
        assert stranger.get(f"{url}?domain={world.host}").json()["orderedItems"] == []
    answer = mine.get(url).json()
    assert mine.uri in answer["orderedItems"]
    assert answer["id"] == url
    assert mine.get(f"{instance.base}/users/nobody/followers_synchronization").status_code == 404


def test_hidden_collections_show_only_how_many(instance: InstanceProcess, world: World, local: Api) -> None:
    mine = fan(instance, world, local)
    me, other = local.me(), instance.user(unique("other"))
    path = f"/api/v1/accounts/{me['id']}/followers"
    assert mine.uri in items(f"{local.actor}/followers")
    assert other.get(path)
    assert local.http.patch("/api/v1/accounts/update_credentials", json={"hide_collections": True}).json()["hide_collections"]
    for name in ("followers", "following"):
        whole = read(f"{local.actor}/{name}")
        assert "first" not in whole
        assert whole["totalItems"] == local.me()[f"{name}_count"]
        for query in ("page=1", "page=1&max_id=999999999999999999"):
            assert not {"orderedItems", "items", "next"} & set(read(f"{local.actor}/{name}?{query}"))
    assert other.get(path) == []
    assert httpx.get(instance.base + path).json() == []
    assert local.get(path), "oneself still sees them"
    local.http.patch("/api/v1/accounts/update_credentials", json={"hide_collections": False})
    assert mine.uri in items(f"{local.actor}/followers")


def test_a_conversation_lists_public_posts_only(instance: InstanceProcess, world: World, local: Api) -> None:
    root = local.post("/api/v1/statuses", status="root")
    document = read(root["uri"])
    assert document["context"] == f"{instance.base}/contexts/{root['id']}"
    own = local.post("/api/v1/statuses", status="own answer", in_reply_to_id=root["id"])
    private = local.post("/api/v1/statuses", status="for followers", in_reply_to_id=root["id"], visibility="private")
    friend = world.actor(unique("friend"))
    answer = world.note(friend, "answer", inReplyTo=root["uri"])
    claims = world.note(friend, "only says so", context=document["context"],
                        tag=[{"type": "Mention", "href": local.actor, "name": "@lena"}])
    for note in (answer, claims):
        assert friend.send(f"{instance.base}/inbox", friend.activity("Create", note)).status_code == 202
    eventually(lambda: local.get(f"/api/v1/statuses/{root['id']}")["replies_count"] >= 3, what="the answer")

    def told() -> list[str]:
        return [item["status"]["uri"] for item in local.get("/api/v1/notifications") if item.get("status")]

    eventually(lambda: claims["id"] in told(), what="the post that only claims to belong")
    listed = items(document["context"])
    assert sorted(listed) == sorted([root["uri"], own["uri"], answer["id"]])
    whole = read(document["context"])
    assert (whole["attributedTo"], whole["totalItems"], whole["type"]) == (local.actor, 3, "OrderedCollection")
    assert items(f"{root['uri']}/replies") == [own["uri"], answer["id"]], "the author's own first"
    secret = local.post("/api/v1/statuses", status="secret root", visibility="private")
    for missing in (secret["id"], own["id"], private["id"], "1"):
        assert httpx.get(f"{instance.base}/contexts/{missing}", headers=ACTIVITY).status_code == 404


def test_long_lists_of_replies_have_pages(instance: InstanceProcess) -> None:
    author, other = instance.user(unique("author")), instance.user(unique("talker"))
    root = author.post("/api/v1/statuses", status="long")
    theirs = [other.post("/api/v1/statuses", status=f"theirs {number}", in_reply_to_id=root["id"])["uri"] for number in range(45)]
    own = [author.post("/api/v1/statuses", status=f"own {number}", in_reply_to_id=root["id"])["uri"] for number in range(42)]
    assert items(f"{root['uri']}/replies") == own + theirs
    assert items(f"{instance.base}/contexts/{root['id']}") == [root["uri"], *theirs, *own]


@pytest.mark.parametrize(("query", "status"), [
    ("", 400), ("?resource=", 400), ("?resource=lena", 400), ("?resource=acct:lena@other.example", 404),
    ("?resource=acct:nobody@HERE", 404), ("?resource=acct:hacker@localh.st:1234/secret.txt?x=1%23", 400),
    ("?resource=acct:lena@HERE", 200), ("?resource=acct:LENA@HERE", 200)])
def test_webfinger_answers_about_ourselves_only(query: str, status: int, instance: InstanceProcess, local: Api) -> None:
    """BI-125, BI-151"""
    answer = httpx.get(f"{instance.base}/.well-known/webfinger{query.replace('HERE', instance.host)}")
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["subject"] == f"acct:lena@{instance.host}"


# ---- and what is found
def test_the_actor_says_its_handle_and_its_wishes(instance: InstanceProcess, local: Api) -> None:
    document = read(local.actor)
    assert document["webfinger"] == f"lena@{instance.host}"
    assert document["indexable"] is False
    changed = local.http.patch("/api/v1/accounts/update_credentials", json={"indexable": True}).json()
    assert changed["indexable"]
    assert changed["source"]["indexable"]
    assert eventually(lambda: read(local.actor)["indexable"], what="indexable")
    assert any("webfinger" in part for part in document["@context"] if isinstance(part, dict))


def test_opening_a_thread_finds_the_rest_of_it(instance: InstanceProcess, world: World, local: Api) -> None:
    author = world.actor(unique("author"))
    root = world.note(author, "root")
    middle = world.note(author, "middle", inReplyTo=root["id"])
    last = world.note(author, "last", inReplyTo=middle["id"])
    root["replies"] = f"{root['id']}/replies"
    path = root["id"].removeprefix(world.base)
    world.documents[f"{path}/replies"] = {"@context": AS2, "id": root["replies"], "type": "Collection", "items": [middle["id"]]}
    found = local.get("/api/v2/search", q=middle["id"], resolve="true", type="statuses")["statuses"][0]
    assert httpx.get(f"{instance.base}/api/v1/statuses/{found['id']}/context").status_code == 200

    def context() -> tuple[list[str], list[str]]:
        answer = local.get(f"/api/v1/statuses/{found['id']}/context")
        return [item["uri"] for item in answer["ancestors"]], [item["uri"] for item in answer["descendants"]]

    eventually(lambda: context()[0] == [root["id"]], what="the root")
    assert local.get("/api/v2/search", q=last["id"], resolve="true", type="statuses")["statuses"]
    assert context() == ([root["id"]], [last["id"]])


def test_following_brings_older_posts_and_pinned_ones(instance: InstanceProcess, world: World, local: Api) -> None:
    author = world.actor(unique("author"))
    old = world.note(author, "from before", published="2026-01-02T03:04:05Z")
    url = f"{author.uri}/outbox"
    world.documents[f"/users/{author.name}"]["featured"] = f"{author.uri}/featured"
    world.documents[f"/users/{author.name}/outbox"] = {"@context": AS2, "id": url, "type": "OrderedCollection", "first": {
        "type": "OrderedCollectionPage", "orderedItems": [{"id": f"{old['id']}#create", "type": "Create", "actor": author.uri,
                                                           "published": old["published"], "object": old}]}}
    pinned = world.note(author, "pinned", published="2026-01-01T03:04:05Z")
    world.documents[f"/users/{author.name}/featured"] = {"@context": AS2, "id": f"{author.uri}/featured",
                                                         "type": "OrderedCollection", "orderedItems": [pinned["id"]]}
    account = local.resolve(f"@{author.name}@{world.host}")
    local.post(f"/api/v1/accounts/{account['id']}/follow")
    request = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == author.uri], what="Follow")[0]
    assert author.send(f"{instance.base}/inbox", author.activity("Accept", request)).status_code == 202
    found = eventually(lambda: local.find(old["id"]), what="the older post")
    assert found["created_at"].startswith("2026-01-02T03:04:05")
    eventually(lambda: local.find(pinned["id"]), what="the pinned post")


def test_a_followers_only_post_says_who_of_that_server_follows(instance: InstanceProcess, world: World, local: Api) -> None:
    """FEP-8fcf, out: the digest is of the followers on that server, and the signature covers it."""
    from fedisora.activitypub import follower_sync

    fan(instance, world, local)
    text = unique("only for you")
    local.post("/api/v1/statuses", status=text, visibility="private")

    def arrived() -> dict[str, str]:
        return next((headers for headers, activity in list(world.received) if text in str(activity)), {})

    headers = eventually(arrived, what="the post")
    said = follower_sync.parse(headers["collection-synchronization"])
    followers = [uri for uri in items(f"{local.actor}/followers") if uri.startswith(world.base)]
    assert (said.collection_id, said.digest) == (f"{local.actor}/followers", follower_sync.digest(followers))
    assert "collection-synchronization" in headers["signature"].partition('headers="')[2]


def test_a_follower_that_another_server_does_not_know_any_more_is_let_go(instance: InstanceProcess, world: World,
                                                                         local: Api) -> None:
    """FEP-8fcf, in: the signed digest differs, the list is fetched and has that digest, and the lost follow ends."""
    from fedisora.activitypub import follower_sync

    star = world.actor(unique("star"))
    account = local.resolve(star.uri)["id"]
    local.post(f"/api/v1/accounts/{account}/follow")
    url = f"{instance.base}/inbox"
    follow = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == star.uri], what="a Follow")[0]
    assert star.send(url, star.activity("Accept", follow)).status_code == 202

    def following() -> bool:
        found = local.get("/api/v1/accounts/relationships", **{"id[]": account})[0]
        return bool(found["following"])

    eventually(following, what="following")
    address = f"{star.uri}/sync"
    world.documents[f"/users/{star.name}/sync"] = {"@context": AS2, "id": address, "type": "OrderedCollection", "totalItems": 0,
                                                   "orderedItems": []}
    header = follower_sync.build(f"{star.uri}/followers", address, follower_sync.digest([]))
    note = world.note(star, "hello", to=[f"{star.uri}/followers"], cc=[])
    answer = star.send(url, star.activity("Create", note, to=note["to"]), extra={"Collection-Synchronization": header})
    assert answer.status_code == 202
    eventually(lambda: not following(), what="the follow ends")


def test_after_an_outage_the_missed_posts_are_found(tmp_path: Path, world: World) -> None:
    instance = InstanceProcess(tmp_path / "away").start()
    try:
        local, author = instance.user("olga"), world.actor(unique("author"))
        account = local.resolve(f"@{author.name}@{world.host}")
        local.post(f"/api/v1/accounts/{account['id']}/follow")
        request = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == author.uri],
                             what="Follow")[0]
        assert author.send(f"{instance.base}/inbox", author.activity("Accept", request)).status_code == 202
        eventually(lambda: local.me()["following_count"] == 1, what="accepted")
        instance.stop()
        missed = world.note(author, "you missed this", tag=[{"type": "Mention", "href": local.actor, "name": "@olga"}])
        url = f"{author.uri}/outbox"
        world.documents[f"/users/{author.name}/outbox"] = {
            "@context": AS2, "id": url, "type": "OrderedCollection", "orderedItems": [
                {"id": f"{missed['id']}#create", "type": "Create", "actor": author.uri, "published": missed["published"],
                 "object": missed["id"]}]}
        engine = create_engine(f"sqlite:///{instance.folder / 'fedisora.sqlite3'}")
        with engine.begin() as connection:  # an hour ago
            connection.execute(text("UPDATE instance_facts SET value = :then WHERE name = 'alive_at'"),
                               {"then": (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).isoformat()})
            connection.execute(text("UPDATE inbox_messages SET received_at = datetime(received_at, '-1 hours')"))
        engine.dispose()
        instance.start()
        eventually(lambda: local.find(missed["id"]), what="the missed post")
        assert [item["type"] for item in local.get("/api/v1/notifications")] == ["mention"]
    finally:
        instance.close()


def test_two_instances_show_each_other_older_posts_with_their_proof(instance: InstanceProcess, tmp_path: Path) -> None:
    author = instance.user(unique("author"))
    old = author.post("/api/v1/statuses", status="from before")
    other = InstanceProcess(tmp_path / "other").start()
    try:
        reader = other.user("reader")
        reader.follow(author.handle)
        eventually(lambda: reader.find(old["uri"]), what="the older post")
        engine = create_engine(f"sqlite:///{other.folder / 'fedisora.sqlite3'}")
        with engine.connect() as connection:
            row = connection.execute(text("SELECT proof, context_uri, replies_uri FROM statuses WHERE uri = :uri"),
                                     {"uri": old["uri"]}).one()
        engine.dispose()
        assert tuple(row) == ("valid", f"{instance.base}/contexts/{old['id']}", f"{old['uri']}/replies")
    finally:
        other.close()
