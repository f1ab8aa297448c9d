"""Who somebody is: a handle counts once acct → id → acct loops on one normalised host (cases BI-145 to BI-149)."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from fedisora.activities import remote_posts
from fedisora.activitypub.webfinger import parse_handle
from fedisora.db import UnitOfWork
from fedisora.errors import FedisoraError, Malformed, NotFound
from fedisora.models import Actor, Delivery
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.store import actors
from tests.support.remote import RemoteActor
from tests.support.world import World

from .conftest import Place


def jrd(subject: str, uri: str) -> dict[str, Any]:
    return {"subject": f"acct:{subject}", "links": [{"rel": "self", "type": "application/activity+json", "href": uri}]}


def resolve(place: Place, uri: str, *, refresh: bool = False) -> Actor:
    return place.go(lambda tools: tools.resolver.actor(uri, refresh=refresh))


def by_handle(place: Place, name: str, domain: str) -> Actor:
    return place.go(lambda tools: tools.resolver.handle(name, domain))


def change(world: World, actor: RemoteActor, **more: Any) -> None:
    world.documents[f"/users/{actor.name}"] |= more


# ---- what must not work
def test_a_handle_that_leads_to_somebody_elsewhere_is_not_theirs(place: Place, world: World, other_world: World) -> None:
    """BI-145"""
    imposter = other_world.actor("m")
    world.fingers["alice"] = jrd(f"alice@{world.host}", imposter.uri)
    with pytest.raises(NotFound):
        by_handle(place, "alice", world.host)
    assert place.actor(imposter.uri).acct == f"m@{other_world.host}"


def test_the_name_of_a_victim_elsewhere_is_not_taken(place: Place, world: World, other_world: World) -> None:
    """BI-146"""
    victim, imposter = world.actor("alice"), other_world.actor("x")
    change(other_world, imposter, webfinger=f"alice@{world.host}")
    assert resolve(place, imposter.uri).acct == f"x@{other_world.host}"
    other_world.fingers["x"] = jrd(f"alice@{world.host}", imposter.uri)
    assert resolve(place, imposter.uri, refresh=True).acct == f"x@{other_world.host}"
    assert by_handle(place, "alice", world.host).uri == victim.uri


def test_the_name_of_somebody_here_is_not_taken(place: Place, other_world: World) -> None:
    imposter = other_world.actor("x")
    here = "127.0.0.1:1"
    change(other_world, imposter, webfinger=f"ada@{here}")
    other_world.fingers["x"] = jrd(f"ada@{here}", imposter.uri)
    assert resolve(place, imposter.uri).acct == f"x@{other_world.host}"
    for spelled in ("", here, here.upper()):
        assert by_handle(place, "ada", spelled).uri == place.ada


def test_a_name_held_by_another_account_of_the_host_is_not_taken_without_webfinger(place: Place, world: World) -> None:
    victim, imposter = world.actor("alice"), world.actor("x")
    resolve(place, victim.uri)
    change(world, imposter, preferredUsername="alice")
    resolve(place, imposter.uri)
    assert by_handle(place, "alice", world.host).uri == victim.uri
    resolve(place, imposter.uri, refresh=True)
    assert place.db.read_now(lambda session: actors.by_handle(session, "alice", world.host)).uri == victim.uri  # type: ignore[union-attr]


@pytest.mark.parametrize("domain", ["gооd.example", "good.example%2eevil.example", "good.example\u2024evil.example",
                                    "evil.example/good.example", "evil.example#good.example", "x@good.example", "good..example",
                                    "good.example:99999", " ", "-good.example"])
def test_other_spellings_are_distinct_or_none(domain: str) -> None:
    """BI-147"""
    found = parse_handle(f"a@{domain}")
    assert found is None or found[1] != "good.example"


@pytest.mark.parametrize("domain", ["GOOD.example", "good.example.", "good.example:443", "Good.Example.:443"])
def test_spellings_of_one_host_are_one_host(domain: str) -> None:
    assert parse_handle(f"a@{domain}") == ("a", "good.example")


def test_a_subject_is_followed_once(place: Place, world: World, other_world: World) -> None:
    """BI-148"""
    with World() as third:
        alice = world.actor("alice")
        world.fingers["alice"] = jrd(f"alice@{other_world.host}", alice.uri)
        other_world.fingers["alice"] = jrd(f"alice@{third.host}", alice.uri)
        third.fingers["alice"] = jrd(f"alice@{third.host}", alice.uri)
        assert resolve(place, alice.uri).acct == f"alice@{world.host}"
        assert third.requests == []


@pytest.mark.parametrize("name", ["..\u202e/admin", "a/b", "a b", "a@b", "", " ", "x" * 10_000, "a\u202eb", "a\nb", "../..",
                                  "<b>", "a?b", "a#b", "аdmin", 7, None, ["a"]])
def test_unusable_names_are_refused(name: Any) -> None:
    """BI-149"""
    uri = "https://evil.example/u/1"
    with pytest.raises(Malformed):
        from_activitypub({"id": uri, "type": "Person", "preferredUsername": name, "inbox": f"{uri}/inbox"})


def test_no_account_of_another_server_lives_on_our_host(place: Place) -> None:
    document = {"id": "https://127.0.0.1:1/users/ada", "type": "Person", "preferredUsername": "ada",
                "inbox": "https://127.0.0.1:1/inbox"}
    with pytest.raises(FedisoraError):
        place.go(lambda tools: tools.resolver.store_actor(document))


# ---- and what works
def test_a_handle_on_another_host_counts_when_that_host_agrees(place: Place, world: World, other_world: World) -> None:
    alice = world.actor("alice")
    world.fingers["alice"] = other_world.fingers["alice"] = jrd(f"alice@{other_world.host}", alice.uri)
    assert resolve(place, alice.uri).acct == f"alice@{other_world.host}"
    assert by_handle(place, "alice", other_world.host).uri == alice.uri
    assert by_handle(place, "alice", world.host).uri == alice.uri, "its subject says who that is"


def test_the_webfinger_property_finds_a_handle(place: Place, world: World, other_world: World) -> None:
    """FEP-2c59"""
    alice = world.actor("alice")
    change(world, alice, webfinger=f"wonder@{other_world.host}")
    other_world.fingers["wonder"] = jrd(f"wonder@{other_world.host}", alice.uri)
    assert resolve(place, alice.uri).acct == f"wonder@{other_world.host}"


def test_a_handle_stays_while_webfinger_does_not_answer(place: Place, world: World) -> None:
    alice = world.actor("alice")
    with World() as other:
        change(world, alice, webfinger=f"alice@{other.host}")
        other.fingers["alice"] = jrd(f"alice@{other.host}", alice.uri)
        world.fingers["alice"] = jrd(f"alice@{other.host}", alice.uri)
        assert resolve(place, alice.uri).acct == f"alice@{other.host}"
    assert resolve(place, alice.uri, refresh=True).acct == f"alice@{other.host}"


def test_an_account_made_again_gets_its_handle(place: Place, world: World) -> None:
    resolve(place, world.actor("alice").uri)
    again = RemoteActor(world.base, "alice")
    again.uri = f"{world.base}/users/alice2"
    world.documents["/users/alice2"] = again.document() | {"id": again.uri, "inbox": f"{again.uri}/inbox", "publicKey": None}
    world.fingers["alice"] = jrd(f"alice@{world.host}", again.uri)
    resolve(place, again.uri)
    assert by_handle(place, "alice", world.host).uri == again.uri


def test_a_changed_profile_is_taken_over_and_deliveries_follow_the_inbox(place: Place, world: World) -> None:
    alice = world.actor("alice")
    place.follow(resolve(place, alice.uri).uri, place.ada)
    place.post("on its way")
    change(world, alice, inbox=f"{alice.uri}/new-inbox", icon={"type": "Image", "url": f"{world.base}/new.png"},
           name="Alice now", indexable=True)
    found = resolve(place, alice.uri, refresh=True)
    assert (found.name, found.avatar_url, found.indexable) == ("Alice now", f"{world.base}/new.png", True)
    waiting = place.db.read_now(lambda session: [row.inbox for row in session.query(Delivery)])
    assert waiting == [f"{alice.uri}/new-inbox"]


def test_an_inbox_that_others_still_have_keeps_its_deliveries(place: Place, world: World) -> None:
    shared = {"endpoints": {"sharedInbox": f"{world.base}/inbox"}}
    alice, bob = world.actor("alice"), world.actor("bob")
    for person in (alice, bob):
        change(world, person, **shared)
        place.follow(resolve(place, person.uri).uri, place.ada)
    place.post("on its way")
    change(world, alice, endpoints={})
    resolve(place, alice.uri, refresh=True)
    waiting = place.db.read_now(lambda session: [row.inbox for row in session.query(Delivery)])
    assert waiting == [f"{world.base}/inbox"]


def test_who_posts_after_a_day_is_fetched_again_once(place: Place, world: World) -> None:
    alice = world.actor("alice")
    resolve(place, alice.uri)

    def post(text: str) -> None:
        note = world.note(alice, text)
        place.db.write_now(lambda uow: remote_posts.store(
            uow, note, actors.get(uow.session, place.actor(alice.uri).id), asked=True))

    post("fresh")
    assert place.jobs("refresh_actor") == []

    def age(uow: UnitOfWork) -> None:
        actors.get(uow.session, place.actor(alice.uri).id).fetched_at = uow.now - dt.timedelta(hours=25)

    place.db.write_now(age)
    post("stale")
    post("still stale")
    assert place.jobs("refresh_actor") == [{"uri": alice.uri}]


def test_a_refreshed_account_that_is_followed_has_its_pins_looked_at(place: Place, world: World) -> None:
    alice, bob = world.actor("alice"), world.actor("bob")
    for person in (alice, bob):
        change(world, person, featured=f"{person.uri}/featured")
        resolve(place, person.uri)
    place.follow(place.ada, alice.uri)
    for person in (alice, bob):
        resolve(place, person.uri, refresh=True)
    assert place.jobs("fetch_featured") == [], "that was today"

    def age(uow: UnitOfWork) -> None:
        for person in (alice, bob):
            actors.get(uow.session, place.actor(person.uri).id).fetched_at = uow.now - dt.timedelta(hours=25)

    place.db.write_now(age)
    for person in (alice, bob):
        resolve(place, person.uri)
    assert place.jobs("fetch_featured") == [{"actor_id": place.actor(alice.uri).id}]
