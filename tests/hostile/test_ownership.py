"""Activities about what is not the sender's (catalogue area activity), against a running instance."""
from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.hostile.scene import Peer, Scene, answer
from tests.hostile.signing import Cavage
from tests.support.instances import eventually, unique
from tests.support.remote import AS2, RemoteActor

PUBLIC = f"{AS2}#Public"


@pytest.mark.bad_input("BI-057")
def test_an_embedded_post_of_another_host(scene: Scene, world: Peer, other: Peer) -> None:
    evil, good = scene.followed(world, key=1), other.actor(unique("good"))
    forged = {**other.note(good, "true"), "content": "<p>forged</p>"}
    scene.deliver(evil, evil.activity("Create", forged), 202, 401, 403)
    row = scene.status(forged["id"])
    assert row is None or "forged" not in row.content


@pytest.mark.bad_input("BI-058")
def test_a_post_with_an_id_of_ours(scene: Scene, world: Peer) -> None:
    evil = scene.followed(world, key=1)
    mine = scene.local.post("/api/v1/statuses", status="mine")
    forged = {**world.note(evil, "forged"), "id": mine["uri"]}
    for kind in ("Create", "Update", "Announce"):
        scene.deliver(evil, evil.activity(kind, forged), 202, 400, 403)
    scene.deliver(evil, evil.activity("Delete", mine["uri"]), 202, 400, 403)
    row = scene.status(mine["uri"])
    assert row is not None
    assert row.author == scene.local.actor and "mine" in row.content
    invented = f"{scene.local.actor}/statuses/1"
    scene.deliver(evil, evil.activity("Create", {**forged, "id": invented}), 202, 400, 403)
    assert scene.status(invented) is None


@pytest.mark.bad_input("BI-059")
@pytest.mark.parametrize("victim_first", [True, False])
def test_a_post_of_two_hosts(victim_first: bool, scene: Scene, world: Peer, other: Peer) -> None:
    evil, good = scene.followed(world, key=1), scene.followed(other)
    authors = [good.uri, evil.uri] if victim_first else [evil.uri, good.uri]
    note = world.note(evil, "whose?", attributedTo=authors)
    scene.deliver(evil, evil.activity("Create", note), 202, 400, 403)
    row = scene.status(note["id"])
    assert row is None or row.author == evil.uri


@pytest.mark.bad_input("BI-060")
def test_a_page_whose_document_has_a_foreign_id(scene: Scene, world: Peer, other: Peer) -> None:
    evil, good = world.actor(unique("evil"), key=1), other.actor(unique("good"))
    forged = {"@context": AS2, "id": f"{good.uri}/notes/9", "url": f"{evil.uri}/notes/9", "type": "Note",
              "attributedTo": good.uri, "content": "<p>forged</p>", "to": [PUBLIC]}
    world.documents[f"/users/{evil.name}/notes/9"] = forged
    found = scene.local.http.get("/api/v2/search", params={"q": forged["url"], "resolve": "true"})
    assert found.status_code < 500 and not (found.status_code == 200 and found.json()["statuses"])
    assert scene.status(forged["id"]) is None
    scene.deliver(evil, evil.activity("Create", forged["url"]), 202, 400)
    assert scene.status(forged["id"]) is None


@pytest.mark.bad_input("BI-061")
def test_an_update_of_a_neighbours_post(scene: Scene, world: Peer) -> None:
    alice, mallory = scene.followed(world), world.actor(unique("mallory"), key=1)
    note = scene.published(alice, world.note(alice, "true"))
    for attributed in (alice.uri, mallory.uri, [mallory.uri, alice.uri]):
        changed = {**note, "content": "<p>forged</p>", "attributedTo": attributed, "updated": "2099-01-01T00:00:00Z"}
        scene.deliver(mallory, mallory.activity("Update", changed), 202, 403)
    row = scene.status(note["id"])
    assert row is not None and "forged" not in row.content and row.author == alice.uri


@pytest.mark.bad_input("BI-062")
def test_an_update_of_a_neighbours_profile(scene: Scene, world: Peer) -> None:
    alice, mallory = scene.followed(world), world.actor(unique("mallory"), key=1)
    forged = {**alice.document(), "name": "forged", "inbox": f"{mallory.uri}/inbox",
              "publicKey": {**mallory.document()["publicKey"], "owner": alice.uri}}
    scene.deliver(mallory, mallory.activity("Update", forged), 202, 403)
    row = scene.sql("SELECT name, inbox, key_id FROM actors WHERE uri = :uri", uri=alice.uri)[0]
    assert (row.name, row.inbox, row.key_id) == ("", f"{alice.uri}/inbox", alice.key_id)


@pytest.mark.bad_input("BI-063")
@pytest.mark.parametrize("as_object", [True, False])
def test_a_delete_of_somebody_elses_post(as_object: bool, scene: Scene, world: Peer, other: Peer) -> None:
    good, evil, neighbour = scene.followed(other), world.actor(unique("evil"), key=1), other.actor(unique("neighbour"), key=1)
    note = scene.published(good, other.note(good, "stays"))
    target: Any = {"id": note["id"], "type": "Tombstone"} if as_object else note["id"]
    for stranger in (evil, neighbour):
        scene.deliver(stranger, stranger.activity("Delete", target), 202, 403)
        scene.deliver(stranger, stranger.activity("Delete", good.uri), 202, 403)
    assert scene.status(note["id"]) is not None
    assert scene.rows("tombstones", "uri IN (:note, :actor)", note=note["id"], actor=good.uri) == 0
    assert scene.sql("SELECT suspended_at FROM actors WHERE uri = :uri", uri=good.uri)[0][0] is None


@pytest.mark.bad_input("BI-063")
def test_a_tombstone_laid_in_advance_does_not_stop_the_owner(scene: Scene, world: Peer) -> None:
    alice, mallory = scene.followed(world), world.actor(unique("mallory"), key=1)
    note = world.note(alice, "comes")
    scene.deliver(mallory, mallory.activity("Delete", note["id"]), 202, 403)
    scene.published(alice, note)


@pytest.mark.bad_input("BI-064")
def test_a_delete_of_an_account_nobody_knows(scene: Scene, world: Peer) -> None:
    gone = RemoteActor(world.base, unique("gone"))
    world.answers[f"/users/{gone.name}"] = answer(410)
    with scene.nothing_changes():
        for _ in range(5):
            scene.deliver(gone, gone.activity("Delete", gone.uri), 202, 400, 401, 403)
    assert world.asked(f"/users/{gone.name}") <= 2
    assert scene.rows("actors", "uri = :uri", uri=gone.uri) == 0


@pytest.mark.bad_input("BI-136")
@pytest.mark.parametrize("status", [404, 410, 403])
def test_an_account_whose_id_answers_gone(status: int, scene: Scene, world: Peer) -> None:
    """410 is as good as a Delete; 404 and 403 may be a mistake that passes."""
    author = scene.followed(world)
    note = scene.published(author, world.note(author, "once"))
    world.answers[f"/users/{author.name}"] = answer(status)
    scene.sql("UPDATE actors SET fetched_at = :then WHERE uri = :uri", then="2020-01-01 00:00:00.000000", uri=author.uri)
    before = world.asked(f"/users/{author.name}")
    scene.deliver(author, author.activity("Create", world.note(author, "twice")))
    eventually(lambda: world.asked(f"/users/{author.name}") > before, what="the account asked for again")
    scene.jobs_done("refresh_actor")
    assert (scene.status(note["id"]) is None) == (status == 410)
    assert (scene.follow_state(scene.local.actor, author.uri) is None) == (status == 410)


@pytest.mark.bad_input("BI-065")
def test_a_delete_before_its_create(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    note = world.note(author, "never")
    scene.deliver(author, author.activity("Delete", note["id"]))
    scene.deliver(author, author.activity("Create", note))
    assert scene.status(note["id"]) is None


@pytest.mark.bad_input("BI-066")
def test_a_deleted_post_stays_deleted(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    note = scene.published(author, world.note(author, "once"))
    scene.deliver(author, author.activity("Delete", note["id"]))
    assert scene.status(note["id"]) is None
    scene.sql("UPDATE tombstones SET deleted_at = :then WHERE uri = :uri", then="2026-01-01 00:00:00.000000", uri=note["id"])
    for kind in ("Create", "Update", "Announce"):
        scene.deliver(author, author.activity(kind, note))
    assert scene.status(note["id"]) is None


@pytest.mark.bad_input("BI-067")
def test_an_undo_of_what_somebody_else_did(scene: Scene, world: Peer, other: Peer) -> None:
    alice, mallory = world.actor(unique("alice")), world.actor(unique("mallory"), key=1)
    mine = scene.local.post("/api/v1/statuses", status="like me")
    follow, like = alice.activity("Follow", scene.local.actor), alice.activity("Like", mine["uri"])
    boost = alice.activity("Announce", mine["uri"], to=[PUBLIC])
    for activity in (follow, like, boost):
        scene.deliver(alice, activity)
    for activity in (follow, like, boost):
        named = {"type": activity["type"], "id": activity["id"]}
        for target in (activity, activity["id"], {**activity, "actor": mallory.uri}, named):
            scene.deliver(mallory, mallory.activity("Undo", target), 202, 403)
    assert scene.follow_state(alice.uri, scene.local.actor) == "accepted"
    status = scene.local.get(f"/api/v1/statuses/{mine['id']}")
    assert (status["favourites_count"], status["reblogs_count"]) == (1, 1)


def pending(scene: Scene, world: Peer, target: RemoteActor) -> dict[str, Any]:
    """A follow of the local person that nobody has answered yet."""
    account = scene.local.resolve(f"@{target.name}@{world.host}")
    scene.local.post(f"/api/v1/accounts/{account['id']}/follow")
    return eventually(lambda: [item for item in world.activities("Follow") if item["object"] == target.uri], what="our Follow")[0]


@pytest.mark.bad_input("BI-068")
def test_an_answer_to_a_follow_of_somebody_else(scene: Scene, world: Peer) -> None:
    bob, mallory = world.actor(unique("bob")), world.actor(unique("mallory"), key=1)
    request = pending(scene, world, bob)
    for kind in ("Accept", "Reject"):
        for target in (request, request["id"], {**request, "object": mallory.uri}):
            scene.deliver(mallory, mallory.activity(kind, target), 202, 403)
    assert scene.follow_state(scene.local.actor, bob.uri) == "pending"


@pytest.mark.bad_input("BI-069")
def test_an_accept_that_nobody_asked_for(scene: Scene, world: Peer) -> None:
    eager = world.actor(unique("eager"))
    invented = {"id": f"{scene.local.actor}/follows/12345", "type": "Follow", "actor": scene.local.actor, "object": eager.uri}
    scene.deliver(eager, eager.activity("Accept", invented))
    scene.deliver(eager, eager.activity("Accept", {**invented, "id": f"{eager.uri}#follow"}))
    assert scene.follow_state(scene.local.actor, eager.uri) is None


@pytest.mark.bad_input("BI-070")
def test_a_private_account_before_it_accepts(scene: Scene, world: Peer) -> None:
    shy = world.actor(unique("shy"))
    world.documents[f"/users/{shy.name}"]["manuallyApprovesFollowers"] = True
    pending(scene, world, shy)
    note = world.note(shy, "for followers", to=[f"{shy.uri}/followers"], cc=[])
    scene.deliver(shy, shy.activity("Create", note))
    assert note["id"] not in [item["uri"] for item in scene.local.home()]
    row = scene.status(note["id"])
    if row is not None:
        assert scene.local.http.get(f"/api/v1/statuses/{row.id}").status_code == 404


@pytest.mark.bad_input("BI-071")
def test_a_move_to_who_does_not_name_the_old_account(scene: Scene, world: Peer, other: Peer) -> None:
    old, target = scene.followed(world), other.actor(unique("target"))
    scene.deliver(old, {**old.activity("Move", old.uri), "target": target.uri}, 202)
    scene.jobs_done("move")
    assert scene.follow_state(scene.local.actor, old.uri) == "accepted"
    assert not other.activities("Follow")


@pytest.mark.bad_input("BI-072")
def test_a_move_of_somebody_else(scene: Scene, world: Peer, other: Peer) -> None:
    old, target, mallory = scene.followed(world), other.actor(unique("target")), world.actor(unique("mallory"), key=1)
    other.documents[f"/users/{target.name}"]["alsoKnownAs"] = [old.uri, mallory.uri]
    scene.deliver(mallory, {**mallory.activity("Move", old.uri), "target": target.uri}, 202, 400, 401, 403)
    scene.jobs_done("move")
    assert scene.follow_state(scene.local.actor, old.uri) == "accepted"
    assert not other.activities("Follow")


@pytest.mark.bad_input("BI-073")
def test_moves_in_a_circle(scene: Scene, world: Peer, other: Peer) -> None:
    first, second = scene.followed(world), other.actor(unique("second"))
    for actor, place, friend in ((first, world, second), (second, other, first)):
        place.documents[f"/users/{actor.name}"]["alsoKnownAs"] = [friend.uri]
    for actor, target in ((first, second), (second, first), (first, second)):
        scene.deliver(actor, {**actor.activity("Move", actor.uri), "target": target.uri}, 202)
        scene.jobs_done("move")
    assert len([item for item in other.activities("Follow") if item["object"] == second.uri]) == 1
    assert len([item for item in world.activities("Follow") if item["object"] == first.uri]) == 1, "the one before the moves"


@pytest.mark.bad_input("BI-074")
def test_a_boost_of_a_private_post(scene: Scene, world: Peer) -> None:
    fan, stranger = world.actor(unique("fan")), scene.followed(world, "stranger", key=1)
    scene.deliver(fan, fan.activity("Follow", scene.local.actor))
    for visibility in ("private", "direct"):
        mine = scene.local.post("/api/v1/statuses", status=f"secret {visibility}", visibility=visibility)
        for actor in (fan, stranger):
            scene.deliver(actor, actor.activity("Announce", mine["uri"], to=[PUBLIC]))
        assert scene.local.get(f"/api/v1/statuses/{mine['id']}")["reblogs_count"] == 0
        assert scene.rows("statuses", "reblog_of_id = :id", id=int(mine["id"])) == 0
    assert not any("secret" in json.dumps(body) for _, body in world.received if body.get("type") != "Create" or body["actor"]
                   != scene.local.actor)


@pytest.mark.bad_input("BI-075")
@pytest.mark.parametrize("reachable", [True, False])
def test_a_boost_with_a_forged_post_inside(reachable: bool, scene: Scene, world: Peer, other: Peer) -> None:
    booster, victim = scene.followed(world, "booster", key=1), other.actor(unique("victim"))
    note = other.note(victim, "true")
    if not reachable:
        other.answers[note["id"].removeprefix(other.base)] = answer(404)
    forged = {**copy.deepcopy(note), "content": "<p>forged</p>"}
    scene.deliver(booster, booster.activity("Announce", forged, to=[PUBLIC]))
    row = scene.status(note["id"])
    assert (row is not None and "true" in row.content) if reachable else row is None


@pytest.mark.bad_input("BI-076")
def test_a_boost_of_somebody_suspended(scene: Scene, world: Peer, other: Peer) -> None:
    booster, outcast = scene.followed(world, "booster"), scene.followed(other, "outcast")
    scene.sql("UPDATE actors SET suspended_at = created_at WHERE uri = :uri", uri=outcast.uri)
    note = other.note(outcast, "unwanted")
    boost = booster.activity("Announce", note["id"], to=[PUBLIC])
    scene.deliver(booster, boost)
    assert scene.status(note["id"]) is None
    assert boost["id"] not in [item["uri"] for item in scene.local.home()]


@pytest.mark.bad_input("BI-077")
def test_pins_in_somebody_elses_collection(scene: Scene, world: Peer, other: Peer) -> None:
    good, evil = scene.followed(other), scene.followed(world, "evil", key=1)
    other.documents[f"/users/{good.name}"]["featured"] = f"{good.uri}/collections/featured"
    scene.deliver(good, good.activity("Update", other.documents[f"/users/{good.name}"]))
    theirs, own = scene.published(good, other.note(good, "pin")), scene.published(evil, world.note(evil, "pin me"))
    for kind in ("Add", "Remove"):
        for target in (theirs["id"], own["id"]):
            scene.deliver(evil, {**evil.activity(kind, target), "target": f"{good.uri}/collections/featured"}, 202, 403)
    account = scene.local.resolve(f"@{good.name}@{other.host}")
    assert scene.local.get(f"/api/v1/accounts/{account['id']}/statuses", pinned="true") == []


@pytest.mark.bad_input("BI-078")
def test_a_moderator_removed_over_federation(scene: Scene, world: Peer) -> None:
    junior = world.actor(unique("junior"))
    for target in (scene.local.actor, f"{world.base}/users/senior"):
        removal = {**junior.activity("Remove", target), "target": f"{scene.instance.base}/actor/moderators"}
        scene.deliver(junior, removal, 202, 403)
        assert scene.outcome(removal)[0] in ("done", "refused")
    assert scene.local.me()["acct"] == scene.local.name


@pytest.mark.bad_input("BI-079")
def test_a_report_with_a_foreign_id_and_a_long_text(scene: Scene, world: Peer, other: Peer) -> None:
    evil, good = world.actor(unique("evil"), key=1), other.actor(unique("good"))
    flag = {**evil.activity("Flag", [scene.local.actor]), "id": f"{good.uri}/flags/1", "content": "x" * 100_000}
    scene.deliver(evil, flag, 202)
    row = scene.sql("SELECT uri, comment FROM reports ORDER BY id DESC LIMIT 1")[0]
    assert row.uri != flag["id"]
    assert 0 < len(row.comment) <= 5000


@pytest.mark.bad_input("BI-080")
def test_a_like_of_five_thousand_things(scene: Scene, world: Peer, other: Peer) -> None:
    eager = world.actor(unique("eager"))
    mine = scene.local.post("/api/v1/statuses", status="one of many")
    uris = [f"{other.base}/notes/{number}" for number in range(4990)] + [mine["uri"]] * 10
    scene.deliver(eager, eager.activity("Like", uris), 202, 400)
    scene.deliver(eager, eager.activity("Announce", uris, to=[PUBLIC]), 202, 400)
    assert other.asked("/notes/*") <= 16
    assert scene.rows("favourites", "actor_id = (SELECT id FROM actors WHERE uri = :uri)", uri=eager.uri) <= 16


@pytest.mark.bad_input("BI-082")
def test_fifty_times_the_same(scene: Scene, world: Peer) -> None:
    fan = world.actor(unique("fan"))
    follow = fan.activity("Follow", scene.local.actor)
    body = json.dumps(follow).encode()
    headers = Cavage().headers(fan, scene.inbox, body)
    with ThreadPoolExecutor(25) as pool:
        assert set(pool.map(lambda _: scene.post(scene.inbox, body, headers), range(50))) == {202}
    scene.settle()
    assert scene.rows("inbox_messages", "activity_uri = :uri", uri=follow["id"]) == 1
    assert scene.rows("notifications", "from_actor_id = (SELECT id FROM actors WHERE uri = :uri)", uri=fan.uri) == 1
    eventually(lambda: world.activities("Accept"), what="Accept")
    assert len(world.activities("Accept")) == 1


@pytest.mark.bad_input("BI-083")
def test_the_same_id_with_something_else(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    first, second = world.note(author, "first"), world.note(author, "second")
    create = author.activity("Create", first)
    scene.deliver(author, create)
    scene.deliver(author, {**create, "object": second})
    scene.deliver(author, {**author.activity("Delete", first["id"]), "id": create["id"]})
    assert scene.status(first["id"]) is not None
    assert scene.status(second["id"]) is None


@pytest.mark.bad_input("BI-084")
def test_a_type_nobody_knows(scene: Scene, world: Peer) -> None:
    odd = world.actor(unique("odd"))
    before = scene.counts()
    scene.deliver(odd, {**odd.activity("Frobnicate", "https://x.example/1"), "x": {"y": [1]}, "_misskey_z": None})
    scene.deliver(odd, odd.activity("Frobnicate", {"type": "Thing", "id": f"{odd.uri}/thing"}))
    after = scene.counts()
    assert {table: after[table] - before[table] for table in after if table != "inbox_messages"} == dict.fromkeys(
        (table for table in after if table != "inbox_messages"), 0)


@pytest.mark.bad_input("BI-085")
@pytest.mark.parametrize("kinds", [["Create", "Delete"], ["Delete", "Create"], ["Frobnicate", "Create"], [["Create"]],
                                   [None, "Create"]])
def test_several_types(kinds: list[Any], scene: Scene, world: Peer) -> None:
    """The first name counts, for activities and objects alike."""
    author = scene.followed(world)
    old, new = scene.published(author, world.note(author, "old")), world.note(author, "new")
    scene.deliver(author, {**author.activity("x", new), "type": kinds}, 202, 400)
    scene.deliver(author, {**author.activity("x", old["id"]), "type": kinds}, 202, 400)
    names = [name for name in kinds if isinstance(name, str)]
    first = names[0] if names else ""
    assert (scene.status(old["id"]) is None) == (first == "Delete")
    assert (scene.status(new["id"]) is not None) == (first == "Create")


@pytest.mark.bad_input("BI-086")
def test_no_actor_but_an_author(scene: Scene, world: Peer) -> None:
    victim, mallory = scene.followed(world), world.actor(unique("mallory"), key=1)
    note = world.note(victim, "forged")
    activity = mallory.activity("Create", note)
    del activity["actor"]
    with scene.nothing_changes():
        scene.deliver(mallory, activity, 202, 400)
    assert scene.status(note["id"]) is None
