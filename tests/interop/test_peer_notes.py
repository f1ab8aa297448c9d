"""What broke between real servers, one test each, against a made-up server that behaves like the one it happened with.

Others of the list are tested where they belong: signatures of both kinds and remembered per host in test_fedify.py and
tests/integration/test_inbox.py; replaced keys in test_three_instances.py and tests/unit/federation/test_key_cache.py;
leases, crashes and two workers in tests/faults.
"""
from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from fedisora.activitypub import contexts
from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.pictures import png
from tests.support.remote import AS2, RemoteActor
from tests.support.world import World

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("notes")]  # its servers start once

ACTIVITY = {"Accept": "application/activity+json"}
PUBLIC = f"{AS2}#Public"
WELL_KNOWN = {AS2, contexts.SECURITY, contexts.MULTIKEY, contexts.DATA_INTEGRITY}
"""Contexts that every peer bundles: nothing else may have to be fetched."""
TAKAHE_LIMIT = 50_000


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture(scope="module")
def alice(instances: Callable[..., InstanceProcess]) -> Api:
    return instances("p", retry_seconds="1").user("alice")


def follower(world: World, alice: Api) -> RemoteActor:
    fan = world.actor(unique("fan"))
    assert fan.send(f"{alice.actor}/inbox", fan.activity("Follow", alice.actor)).status_code == 202
    eventually(lambda: [item for item in world.activities("Accept") if item["object"]["actor"] == fan.uri], what="Accept")
    return fan


def created(world: World, post: dict[str, Any]) -> dict[str, Any]:
    return eventually(lambda: [item for item in world.activities("Create") if item["object"]["id"] == post["uri"]],
                      what="Create")[-1]


def upload(alice: Api, description: str) -> str:
    """The id of a picture that is ready."""
    answer = alice.http.post("/api/v2/media", files={"file": ("a.png", png(64, 64), "image/png")},
                             data={"description": description})
    assert answer.status_code in (200, 202), answer.text
    media_id: str = answer.json()["id"]
    eventually(lambda: alice.http.get(f"/api/v1/media/{media_id}").status_code == 200, what="the picture is ready")
    return media_id


# ---- what broke between real servers
@pytest.mark.parametrize("form", ["minimal", "embedded Follow", "embedded actor and Follow", "id only"])
def test_1_every_form_of_accept_is_understood(world: World, alice: Api, form: str) -> None:
    author = world.actor(unique("author"))
    account = alice.resolve(author.uri)
    alice.post(f"/api/v1/accounts/{account['id']}/follow")
    follow = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == author.uri], what="Follow")[0]
    accept = author.activity("Accept", {
        "minimal": {"id": follow["id"], "type": "Follow", "actor": follow["actor"], "object": follow["object"]},
        "embedded Follow": follow, "id only": follow["id"],
        "embedded actor and Follow": {**follow, "object": author.document()}}[form])
    if form == "embedded actor and Follow":
        accept["actor"] = author.document()
    assert author.send(f"{alice.actor}/inbox", accept).status_code == 202
    eventually(lambda: alice.get("/api/v1/accounts/relationships", **{"id[]": account["id"]})[0]["following"], what="accepted")


def test_1_our_accept_is_minimal(world: World, alice: Api) -> None:
    fan = follower(world, alice)
    accept = [item for item in world.activities("Accept") if item["object"]["actor"] == fan.uri][-1]
    assert accept["actor"] == alice.actor
    assert set(accept["object"]) == {"id", "type", "actor", "object"}
    assert accept["object"]["actor"] == fan.uri and accept["object"]["object"] == alice.actor


def test_4_without_the_switch_nothing_reaches_a_private_network(world: World, tmp_path: Path) -> None:
    """WebFinger, actors, posts, NodeInfo, media: every client of the code obeys it."""
    closed = InstanceProcess(tmp_path / "closed", allow_private_network="false").start()
    try:
        carol = closed.user("carol")
        author = world.actor(unique("hidden"))
        note = world.note(author, "not to be had")
        before = len(world.requests)
        for query in (f"@{author.name}@{world.host}", author.uri, note["id"], f"{world.base}/.well-known/nodeinfo"):
            found = carol.http.get("/api/v2/search", params={"q": query, "resolve": "true"})
            assert found.status_code != 200 or not (found.json()["accounts"] or found.json()["statuses"])
        answer = author.send(f"{closed.base}/inbox", author.activity("Follow", carol.actor))
        assert answer.status_code in (401, 403)
        assert len(world.requests) == before
    finally:
        closed.close()


def test_4_with_the_switch_webfinger_actor_and_post_are_fetched(world: World, alice: Api) -> None:
    author = world.actor(unique("seen"))
    note = world.note(author, "to be had")
    assert alice.resolve(f"@{author.name}@{world.host}")["acct"] == f"{author.name}@{world.host}"
    assert alice.get("/api/v2/search", q=note["id"], resolve="true")["statuses"][0]["uri"] == note["id"]
    assert any(path.startswith("/.well-known/webfinger") for path in world.requests)


def context_urls(document: Any) -> set[str]:
    """Addresses in every `@context`, at any depth."""
    if isinstance(document, list):
        return set().union(*(context_urls(item) for item in document)) if document else set()
    if not isinstance(document, dict):
        return set()
    given = document.get("@context", [])
    found = {item for item in (given if isinstance(given, list) else [given]) if isinstance(item, str)}
    return found.union(*(context_urls(value) for name, value in document.items() if name != "@context"))


def test_5_every_context_is_well_known_and_every_document_small(world: World, alice: Api) -> None:
    follower(world, alice)
    media = upload(alice, "alt")
    post = alice.post("/api/v1/statuses", status="With a #tag, a link https://example.org/ and a picture", media_ids=[media])
    create = created(world, post)
    boost = alice.post(f"/api/v1/statuses/{post['id']}/reblog")
    alice.http.put(f"/api/v1/statuses/{post['id']}", json={"status": "edited", "media_ids": [media]})
    eventually(lambda: world.activities("Update") and world.activities("Announce"), what="Update and Announce")
    note = post["uri"].removeprefix(alice.instance.base)
    paths = ["/users/alice", "/users/alice/outbox", "/users/alice/outbox?page=1", "/users/alice/followers",
             "/users/alice/following", "/users/alice/collections/featured", "/actor", note, f"{note}/replies"]
    documents = [alice.instance.http.get(path, headers=ACTIVITY) for path in paths]
    assert [answer.status_code for answer in documents] == [200] * len(paths)
    seen = set()
    for document in [answer.json() for answer in documents] + [item for _, item in list(world.received)]:
        assert context_urls(document) <= WELL_KNOWN, document
        assert len(json.dumps(document)) < TAKAHE_LIMIT or document["type"].endswith("Page")
        seen.add(document["type"])
    assert {"Create", "Update", "Announce", "Accept", "Person", "Application", "Note"} <= seen
    assert create["object"]["attachment"][0]["name"] == "alt" and boost["reblog"]["id"] == post["id"]


def test_6_public_is_the_full_iri_and_attachment_an_array(world: World, alice: Api) -> None:
    follower(world, alice)
    for visibility in ("public", "unlisted"):
        post = alice.post("/api/v1/statuses", status=f"{visibility} words", visibility=visibility)
        create = created(world, post)
        for document in (create, create["object"]):
            audience = [*document["to"], *document["cc"]]
            assert PUBLIC in audience and not {"as:Public", "Public"} & set(audience)
            assert isinstance(document["to"], list) and isinstance(document["cc"], list)
        assert create["object"]["attachment"] == [] and isinstance(create["object"]["tag"], list)


@pytest.mark.parametrize("short", ["as:Public", "Public"])
def test_6_the_short_forms_of_public_are_understood(world: World, alice: Api, short: str) -> None:
    author = world.actor(unique("short"))
    note = world.note(author, f"public as {short}", to=[short], cc=[])
    found = alice.get("/api/v2/search", q=note["id"], resolve="true")["statuses"][0]
    assert found["visibility"] == "public"


def test_6_an_attachment_that_is_no_array_is_understood(world: World, alice: Api) -> None:
    author = world.actor(unique("single"))
    note = world.note(author, "one picture", attachment={
        "type": "Document", "mediaType": "image/png", "url": f"{world.base}/a.png", "name": "a cat"})
    found = alice.get("/api/v2/search", q=note["id"], resolve="true")["statuses"][0]
    assert [item["description"] for item in found["media_attachments"]] == ["a cat"]


@pytest.mark.parametrize("name", ["followers", "following"])
@pytest.mark.parametrize("accept", ["application/activity+json", f'application/ld+json; profile="{AS2}"',
                                    f'application/activity+json, application/ld+json; profile="{AS2}"'])
def test_7_followers_and_following_answer_with_content_negotiation(alice: Api, name: str, accept: str) -> None:
    answer = alice.instance.http.get(f"/users/alice/{name}", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].partition(";")[0] in ("application/activity+json", "application/ld+json")
    assert "accept" in answer.headers["Vary"].lower()
    assert answer.json()["type"] == "OrderedCollection" and answer.json()["id"] == f"{alice.actor}/{name}"


def test_8_the_signature_names_its_algorithm_and_the_date_is_now(world: World, alice: Api) -> None:
    follower(world, alice)
    created(world, alice.post("/api/v1/statuses", status="on time"))
    headers, _ = world.received[-1]
    assert 'algorithm="rsa-sha256"' in headers["signature"]
    assert f'keyId="{alice.actor}#main-key"' in headers["signature"]  # 3 of the behaviours: a fragment of the actor's id
    assert abs(parsedate_to_datetime(headers["date"]) - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=60)
    covered = headers["signature"].partition('headers="')[2].partition('"')[0].split()
    assert {"(request-target)", "host", "date", "digest", "content-type"} == set(covered)


def test_10_a_post_leaves_on_commit_and_not_at_the_next_sweep(world: World, alice: Api) -> None:
    """The sweep looks every two seconds; three posts in a row that each waited for it would take six."""
    follower(world, alice)
    began = time.monotonic()
    for number in range(3):
        created(world, alice.post("/api/v1/statuses", status=f"quick {number}"))
    assert time.monotonic() - began < 4


# ---- how real peers behave
def test_2_alt_text_is_written_twice_and_read_from_either(world: World, alice: Api) -> None:
    author = world.actor(unique("gts"))
    picture = {"type": "Image", "mediaType": "image/png", "url": f"{world.base}/a.png"}
    for fields, wanted in (({"summary": "from summary"}, "from summary"), ({"name": "from name"}, "from name"),
                           ({"summary": "both", "name": "other"}, "both")):
        note = world.note(author, "a picture", attachment=[{**picture, **fields}])
        found = alice.get("/api/v2/search", q=note["id"], resolve="true")["statuses"][0]
        assert found["media_attachments"][0]["description"] == wanted
    post = alice.post("/api/v1/statuses", status="pic", media_ids=[upload(alice, "twice")])
    sent = alice.instance.http.get(post["uri"].removeprefix(alice.instance.base), headers=ACTIVITY).json()["attachment"][0]
    assert sent["name"] == sent["summary"] == "twice"


def test_5_the_follow_keeps_its_id_and_is_embedded_in_the_undo(world: World, alice: Api) -> None:
    author = world.actor(unique("strict"))
    account = alice.resolve(author.uri)
    for _ in range(3):
        alice.post(f"/api/v1/accounts/{account['id']}/follow")
    follows = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == author.uri], what="Follow")
    alice.post(f"/api/v1/accounts/{account['id']}/unfollow")
    undo = eventually(lambda: [item for item in world.activities("Undo") if item["object"].get("object") == author.uri],
                      what="Undo")[0]
    follows = [item for item in world.activities("Follow") if item["object"] == author.uri]
    assert {item["id"] for item in follows} == {undo["object"]["id"]}
    assert undo["object"]["type"] == "Follow" and undo["object"]["actor"] == alice.actor


def test_6_another_avatar_has_another_address(world: World, alice: Api) -> None:
    follower(world, alice)
    seen = []
    for size in (32, 48):
        avatar = {"avatar": ("a.png", png(size, size), "image/png")}
        answer = alice.http.patch("/api/v1/accounts/update_credentials", files=avatar)
        assert answer.status_code == 200, answer.text
        seen.append(alice.instance.http.get("/users/alice", headers=ACTIVITY).json()["icon"]["url"])
        eventually(lambda: [item for item in world.activities("Update") if isinstance(item["object"], dict)
                            and item["object"].get("icon", {}).get("url") == seen[-1]], what="Update")
    assert len(set(seen)) == 2


def test_9_replies_is_a_collection_with_a_first_page(world: World, alice: Api) -> None:
    post = alice.post("/api/v1/statuses", status="answer me")
    reply = alice.post("/api/v1/statuses", status="answered", in_reply_to_id=post["id"])
    path = post["uri"].removeprefix(alice.instance.base)
    replies = alice.instance.http.get(path, headers=ACTIVITY).json()["replies"]
    assert replies["type"] == "Collection" and replies["id"] == f"{post['uri']}/replies"
    assert replies["first"]["type"] == "CollectionPage" and replies["first"]["partOf"] == replies["id"]
    page = httpx.get(replies["first"]["next"], headers=ACTIVITY).json()
    assert page["type"] == "CollectionPage" and page["items"] == [reply["uri"]]


# ---- what a hostile peer could do to a good server
def test_an_actor_of_the_same_host_cannot_rewrite_or_delete_anothers_post(world: World, alice: Api) -> None:
    author, neighbour = world.actor(unique("author")), world.actor(unique("neighbour"), key=1)
    note = world.note(author, "mine")
    copy = alice.get("/api/v2/search", q=note["id"], resolve="true")["statuses"][0]
    changed = {**note, "content": "<p>taken over</p>", "updated": "2099-01-01T00:00:00Z"}
    own = {**changed, "attributedTo": neighbour.uri}
    for activity in (neighbour.activity("Update", changed), neighbour.activity("Update", own),
                     neighbour.activity("Create", changed), neighbour.activity("Delete", note["id"])):
        neighbour.send(f"{alice.instance.base}/inbox", activity)
    done = neighbour.activity("Like", alice.post("/api/v1/statuses", status="a mark")["uri"])
    assert neighbour.send(f"{alice.instance.base}/inbox", done).status_code == 202
    eventually(lambda: any(item["type"] == "favourite" and item["account"]["acct"].startswith(neighbour.name)
                           for item in alice.get("/api/v1/notifications")), what="everything sent before was processed")
    assert "mine" in alice.get(f"/api/v1/statuses/{copy['id']}")["content"]


def test_a_stranger_cannot_undo_anothers_follow(world: World, alice: Api) -> None:
    fan, stranger = follower(world, alice), world.actor(unique("stranger"), key=1)
    count = alice.me()["followers_count"]
    follow = [item for item in world.activities("Accept") if item["object"]["actor"] == fan.uri][-1]["object"]
    for target in (follow, {**follow, "actor": stranger.uri}, follow["id"]):
        stranger.send(f"{alice.instance.base}/inbox", stranger.activity("Undo", target))
    post = alice.post("/api/v1/statuses", status="another mark")
    stranger.send(f"{alice.instance.base}/inbox", stranger.activity("Like", post["uri"]))
    eventually(lambda: alice.get(f"/api/v1/statuses/{post['id']}")["favourites_count"] == 1, what="all processed")
    assert alice.me()["followers_count"] == count


def test_an_id_on_another_host_is_not_believed(world: World, alice: Api) -> None:
    with World() as elsewhere:
        victim = elsewhere.actor(unique("victim"))
        real = elsewhere.note(victim, "what the victim said")
        attacker = world.actor(unique("attacker"), key=1)
        fake = {**real, "content": "<p>what the victim never said</p>", "url": f"{world.base}/fake"}
        world.documents["/fake"] = fake
        answer = alice.http.get("/api/v2/search", params={"q": f"{world.base}/fake", "resolve": "true"})
        if answer.status_code == 200:
            assert all("never said" not in item["content"] for item in answer.json()["statuses"])
        assert attacker.send(f"{alice.instance.base}/inbox", attacker.activity("Create", fake)).status_code == 403
        found = alice.get("/api/v2/search", q=real["id"], resolve="true")["statuses"][0]
        assert "what the victim said" in found["content"]
