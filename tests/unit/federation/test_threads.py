"""Conversations of other servers: found up and down, from their own origins only, and whatever is linked, it ends."""
from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from fedisora.activities import remote_posts
from fedisora.activitypub.vocabulary import AS2
from fedisora.errors import NotOwner
from fedisora.federation import threads
from fedisora.models import Notification, Status
from fedisora.store import actors, statuses
from tests.support.remote import RemoteActor
from tests.support.world import World

from .conftest import Place


def collection(world: World, path: str, items: list[Any], **more: Any) -> str:
    url = f"{world.base}{path}"
    world.documents[path] = {"@context": AS2, "id": url, "type": "OrderedCollection", "totalItems": len(items),
                             "first": {"id": f"{url}?page=1", "type": "OrderedCollectionPage", "orderedItems": items}, **more}
    return url


def chain(world: World, author: RemoteActor, length: int) -> list[dict[str, Any]]:
    """Posts that answer each other, the root first."""
    found: list[dict[str, Any]] = []
    for number in range(length):
        found.append(world.note(author, f"post {number}", inReplyTo=found[-1]["id"] if found else None))
    return found


def complete(place: Place, uri: str) -> int:
    status = place.known(uri)
    return place.go(lambda tools: tools.threads.complete(status.id))


def count(place: Place) -> int:
    return place.db.read_now(lambda session: session.scalar(select(func.count()).select_from(Status))) or 0


# ---- what must not work
def test_posts_that_do_not_belong_are_not_stored(place: Place, world: World, other_world: World) -> None:
    author, stranger = world.actor("rem"), other_world.actor("eve")
    elsewhere = other_world.note(stranger, "an advertisement")
    answer_to_other = world.note(author, "an answer to something else", inReplyTo="https://nowhere.example/1")
    forged = {**elsewhere, "id": f"{world.base}/forged", "inReplyTo": "x"}
    world.documents["/forged"] = forged  # of an author on another server
    root = world.note(author, "root")
    root["context"] = collection(world, "/contexts/1", [elsewhere["id"], answer_to_other["id"], forged["id"], 7, None,
                                                         {"id": "javascript:alert(1)"}, place.ada])
    place.resolve(root["id"])
    assert complete(place, root["id"]) == 0
    assert count(place) == 1


def test_a_context_on_another_origin_or_of_somebody_else_is_not_asked(place: Place, world: World, other_world: World) -> None:
    author, stranger = world.actor("rem"), other_world.actor("eve")
    root = world.note(author, "root")
    answer = other_world.note(stranger, "answer", inReplyTo=root["id"])
    root["context"] = collection(other_world, "/contexts/1", [answer["id"]])
    place.resolve(root["id"])
    complete(place, root["id"])
    assert "/contexts/1" not in other_world.requests
    second = world.note(author, "second")
    answer["inReplyTo"] = second["id"]
    second["context"] = collection(world, "/contexts/2", [answer["id"]], attributedTo=stranger.uri)
    place.resolve(second["id"])
    complete(place, second["id"])
    assert place.status(answer["id"]) is None


def test_endless_chains_end(place: Place, world: World) -> None:
    """BI-141"""
    author = world.actor("rem")
    posts = chain(world, author, 80)
    place.resolve(posts[-1]["id"])
    assert complete(place, posts[-1]["id"]) <= threads.ANCESTORS
    assert len([path for path in world.requests if "/notes/" in path]) <= threads.ANCESTORS + 1
    assert place.jobs("fetch_status") == []
    assert len(place.jobs("complete_thread")) == 1, "only the post somebody asked for"


def test_cycles_and_self_references_end(place: Place, world: World) -> None:
    """BI-137"""
    author = world.actor("rem")
    first, second, selfish = world.note(author, "a"), world.note(author, "b"), world.note(author, "c")
    first["inReplyTo"], second["inReplyTo"], selfish["inReplyTo"] = second["id"], first["id"], selfish["id"]
    first["replies"] = second["replies"] = f"{world.base}/loop"
    world.documents["/loop"] = {"id": f"{world.base}/loop", "type": "Collection", "first": f"{world.base}/loop",
                                "next": f"{world.base}/loop", "items": [first["id"], second["id"], selfish["id"]]}
    for note in (first, selfish):
        place.resolve(note["id"])
        complete(place, note["id"])
    assert count(place) == 3
    assert place.known(selfish["id"]).in_reply_to_id is None
    for note in (first, second, selfish):
        found = place.known(note["id"])
        place.db.read_now(lambda session, found=found: statuses.context(session, found, None))  # ends too
    assert world.requests.count("/loop") == 1


def test_a_list_does_not_make_us_knock_at_others(place: Place, world: World, other_world: World) -> None:
    """BI-140"""
    root = world.note(world.actor("rem"), "root")
    root["context"] = collection(world, "/contexts/1", [f"{other_world.base}/{number}" for number in range(300)])
    place.resolve(root["id"])
    assert complete(place, root["id"]) == 0
    assert len(other_world.requests) <= 10


def test_chains_of_quotes_end(place: Place, world: World) -> None:
    """BI-142: what a quoted post quotes is not looked for by itself."""
    author = world.actor("rem")
    last = world.note(author, "last")
    quoted = world.note(author, "quoted", quote=last["id"])
    first = world.note(author, "first", quote=quoted["id"])
    status = place.resolve(first["id"])
    assert place.jobs("check_quote") == [{"status_id": status.id}]
    place.go(lambda tools: tools.resolver.status(quoted["id"], quiet=True, deep=False))
    assert place.known(quoted["id"]).quote_of_uri == last["id"]
    assert place.jobs("check_quote") == [{"status_id": status.id}]


def test_pages_without_end_are_cut_off(place: Place, world: World) -> None:
    """BI-138"""
    author = world.actor("rem")
    root = world.note(author, "root")
    root["replies"] = f"{world.base}/replies"
    for number in range(100):
        answer = world.note(author, "answer", inReplyTo=root["id"])
        url = "/replies" if number == 0 else f"/replies?page={number}"
        world.documents[url] = {"id": world.base + url, "type": "Collection", "items": [answer["id"]],
                                "next": f"{world.base}/replies?page={number + 1}"}
    place.resolve(root["id"])
    assert complete(place, root["id"]) == threads.PAGES


def test_pages_on_another_origin_are_not_followed(place: Place, world: World, other_world: World) -> None:
    """BI-139"""
    author = world.actor("rem")
    root = world.note(author, "root", replies=f"{world.base}/replies")
    world.documents["/replies"] = {"id": f"{world.base}/replies", "type": "Collection", "first": f"{other_world.base}/page"}
    place.resolve(root["id"])
    complete(place, root["id"])
    assert other_world.requests == []
    second = world.note(author, "second", replies=f"{other_world.base}/replies")
    assert place.resolve(second["id"]).replies_uri is None


def test_a_private_post_and_one_of_ours_are_not_looked_into(place: Place, world: World) -> None:
    author = world.actor("rem")
    private = place.resolve(world.note(author, "private", to=[f"{author.uri}/followers"], cc=[])["id"])
    ours = place.post()
    place.go(lambda tools: threads.opened(place.db, private.id))
    place.go(lambda tools: threads.opened(place.db, ours.id))
    assert place.jobs("complete_thread") == []


# ---- and what works
def test_a_video_is_by_its_person_and_not_by_its_channel(place: Place, world: World, other_world: World) -> None:
    channel, person, stranger = world.actor("channel"), world.actor("rem"), other_world.actor("eve")
    world.documents["/users/channel"]["type"] = "Group"
    for authors, wanted in (([channel.uri, person.uri], person), ([channel.uri], channel)):
        note = world.note(person, "a video", attributedTo=authors)
        assert place.resolve(note["id"]).actor_id == place.actor(wanted.uri).id
    for foreign in ([stranger.uri], [stranger.uri, channel.uri], [channel.uri, stranger.uri]):
        with pytest.raises(NotOwner):
            place.resolve(world.note(person, "also of somebody elsewhere", attributedTo=foreign)["id"])


def test_a_thread_is_completed_up_and_down(place: Place, world: World, other_world: World) -> None:
    author, friend = world.actor("rem"), other_world.actor("sam")
    posts = chain(world, author, 4)
    side = other_world.note(friend, "another answer", inReplyTo=posts[1]["id"])
    posts[0]["context"] = collection(world, "/contexts/1", [note["id"] for note in posts] + [side["id"]],
                                     attributedTo=author.uri)
    place.resolve(posts[2]["id"])
    assert complete(place, posts[2]["id"]) == 4
    looked_at = place.known(posts[2]["id"])
    above, below = place.db.read_now(lambda session: statuses.context(session, looked_at, None))
    assert [status.uri for status in above] == [posts[0]["id"], posts[1]["id"]]
    assert [status.uri for status in below] == [posts[3]["id"]]
    assert place.known(side["id"]).in_reply_to_id == place.known(posts[1]["id"]).id
    assert place.known(posts[1]["id"]).replies_count == 2
    assert looked_at.context_uri is None
    assert place.known(posts[0]["id"]).context_uri == f"{world.base}/contexts/1"
    assert place.known(posts[2]["id"]).thread_fetched_at is not None


def test_without_a_context_the_replies_are_followed(place: Place, world: World, other_world: World) -> None:
    author, friend = world.actor("rem"), other_world.actor("sam")
    root = world.note(author, "root")
    answer = other_world.note(friend, "answer", inReplyTo=root["id"], content=f'<p>hello <a href="{place.ada}">@ada</a></p>',
                              tag=[{"type": "Mention", "href": place.ada, "name": "@ada"}])
    below = world.note(author, "below", inReplyTo=answer["id"])
    root["replies"] = {"id": f"{root['id']}/replies", "type": "Collection", "first": {
        "type": "CollectionPage", "items": [], "next": f"{root['id']}/replies?page=1"}}
    path = root["id"].removeprefix(world.base) + "/replies"
    world.documents[path] = {"id": f"{world.base}{path}", "type": "Collection", "first": f"{world.base}{path}?page=1"}
    world.documents[f"{path}?page=1"] = {"id": f"{world.base}{path}?page=1", "type": "CollectionPage", "items": [answer["id"]]}
    answer["replies"] = f"{other_world.base}/answers"
    collection(other_world, "/answers", [{"id": below["id"], "type": "Note", "content": "not this text"}])
    place.resolve(root["id"])
    assert complete(place, root["id"]) == 2
    assert "not this text" not in place.known(below["id"]).content, "embedded by another server"
    assert place.known(below["id"]).in_reply_to_id == place.known(answer["id"]).id
    assert place.db.read_now(lambda session: session.scalar(select(func.count()).select_from(Notification))) == 0


def test_answers_that_came_first_are_linked_to_their_parent(place: Place, world: World) -> None:
    author = world.actor("rem")
    posts = chain(world, author, 2)
    orphan = place.resolve(posts[1]["id"])
    assert orphan.in_reply_to_id is None
    assert place.jobs("complete_thread") == [{"status_id": orphan.id}]
    root = place.resolve(posts[0]["id"])
    linked = place.known(posts[1]["id"])
    assert (linked.in_reply_to_id, linked.in_reply_to_actor_id) == (root.id, root.actor_id)
    assert place.known(posts[0]["id"]).replies_count == 1


def test_the_relinked_count_is_right_after_a_second_copy(place: Place, world: World) -> None:
    author = world.actor("rem")
    posts = chain(world, author, 2)
    for note in (posts[1], posts[0], posts[0], posts[1]):
        place.resolve(note["id"])
        place.db.write_now(lambda uow, note=note: remote_posts.store(
            uow, note, actors.get(uow.session, place.actor(author.uri).id), asked=True))
    assert place.known(posts[0]["id"]).replies_count == 1


def test_an_opened_thread_is_looked_for_once_in_a_while(place: Place, world: World) -> None:
    author = world.actor("rem")
    status = place.resolve(world.note(author, "root")["id"])
    for _ in range(3):
        place.go(lambda tools: threads.opened(place.db, status.id))
    assert place.jobs("complete_thread") == [{"status_id": status.id}]
    complete(place, status.uri)
    place.db.write_now(lambda uow: uow.session.execute(Status.metadata.tables["jobs"].delete()))
    place.go(lambda tools: threads.opened(place.db, status.id))
    assert place.jobs("complete_thread") == []


def test_our_posts_name_their_conversation(place: Place, world: World) -> None:
    root = place.post("root")
    assert root.context_uri == f"http://127.0.0.1:1/contexts/{root.id}"
    assert place.post("answer", in_reply_to_id=root.id).context_uri == root.context_uri
    theirs = world.note(world.actor("rem"), "root", context=f"{world.base}/contexts/1")
    parent = place.resolve(theirs["id"])
    assert place.post("answer", in_reply_to_id=parent.id).context_uri == theirs["context"]
    bare = place.resolve(world.note(world.actor("sam"), "root")["id"])
    assert place.post("answer", in_reply_to_id=bare.id).context_uri is None
