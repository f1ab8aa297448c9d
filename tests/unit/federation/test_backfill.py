"""Older posts of followed accounts: from their own outbox and origin only, with their dates, and nobody is told."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from fedisora.activities import HANDLERS, Received
from fedisora.activitypub.vocabulary import AS2
from fedisora.models import InboxMessage, InstanceFact, Job, Notification, Status
from fedisora.settings import Settings
from fedisora.store import actors, backfill, statuses
from fedisora.store.paging import Page
from tests.support.remote import RemoteActor
from tests.support.world import World

from .conftest import Place

OLD = "2026-01-02T03:04:05Z"


@pytest.fixture
def rem(world: World, place: Place) -> RemoteActor:
    actor = world.actor("rem")
    world.documents["/users/rem"]["featured"] = f"{actor.uri}/featured"
    place.go(lambda tools: tools.resolver.actor(actor.uri))
    place.follow(place.ada, actor.uri)
    return actor


def create(author: RemoteActor, note: Any, number: int = 0, **more: Any) -> dict[str, Any]:
    uri = note["id"] if isinstance(note, dict) else note
    published = note.get("published") if isinstance(note, dict) else OLD
    return {"id": f"{uri}/activity", "type": "Create", "actor": author.uri, "published": published, "object": note, **more}


def outbox(world: World, items: list[Any]) -> None:
    url = f"{world.base}/users/rem/outbox"
    world.documents["/users/rem/outbox"] = {"@context": AS2, "id": url, "type": "OrderedCollection", "first": f"{url}?page=true"}
    world.documents["/users/rem/outbox?page=true"] = {"id": f"{url}?page=true", "type": "OrderedCollectionPage",
                                                      "orderedItems": items}


def fill(place: Place, uri: str, since: dt.datetime | None = None) -> int:
    actor = place.actor(uri)
    return place.go(lambda tools: tools.backfill.actor(actor.id, since))


def test_only_its_own_posts_on_its_own_origin_are_taken(place: Place, world: World, other_world: World, rem: RemoteActor) -> None:
    sam, eve = world.actor("sam"), other_world.actor("eve")
    by_sam, by_eve = world.note(sam, "sam's"), other_world.note(eve, "eve's")
    invented = {**world.note(rem, "of rem, elsewhere"), "id": f"{other_world.base}/notes/invented"}
    outbox(world, [create(sam, by_sam), create(rem, by_sam), create(rem, by_eve), create(rem, invented), create(eve, by_eve),
                   create(rem, by_sam["id"]), {"type": "Announce", "actor": rem.uri, "object": by_sam["id"]},
                   {"type": "Create"}, {"type": "Create", "actor": rem.uri, "object": {"id": 7}}, 7, None, "x",
                   create(rem, world.note(rem, "strange", type="Listing")), create(rem, f"{rem.uri}/missing")])
    assert fill(place, rem.uri) == 0
    assert place.db.read_now(lambda session: session.scalar(select(func.count()).select_from(Status))) == 0
    assert other_world.requests == []
    assert place.actor(rem.uri).backfilled_at is not None


def test_old_posts_come_with_their_dates_and_tell_nobody(place: Place, world: World, rem: RemoteActor) -> None:
    ours = place.post("new")
    mention = [{"type": "Mention", "href": place.ada, "name": "@ada"}]
    embedded = world.note(rem, "embedded", published=OLD, tag=mention, to=[f"{AS2}#Public", place.ada])
    by_id = world.note(rem, "by its id", published="2026-01-01T00:00:00Z", inReplyTo="https://nowhere.example/1")
    outbox(world, [create(rem, embedded), create(rem, by_id["id"])])
    assert fill(place, rem.uri) == 2
    assert place.known(embedded["id"]).created_at == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    ada = place.actor(place.ada)
    home = place.db.read_now(lambda session: statuses.home(session, ada.id, Page()))
    assert [status.uri for status in home] == [ours.uri, embedded["id"], by_id["id"]]
    assert place.db.read_now(lambda session: session.scalar(select(func.count()).select_from(Notification))) == 0
    assert place.jobs("complete_thread") == []
    assert fill(place, rem.uri) == 0, "known ones are not stored twice"


def test_as_many_as_are_set(place: Place, world: World, rem: RemoteActor) -> None:
    outbox(world, [create(rem, world.note(rem, f"{number}", published=OLD)) for number in range(30)])
    assert fill(place, rem.uri) == Settings.model_fields["backfill_posts"].default


def test_a_strange_outbox_changes_nothing(place: Place, world: World, other_world: World, rem: RemoteActor) -> None:
    assert fill(place, rem.uri) == 0  # there is none
    world.documents["/users/rem/outbox"] = {"id": "x", "type": "OrderedCollection", "first": f"{other_world.base}/outbox"}
    assert fill(place, rem.uri) == 0
    assert other_world.requests == []


def test_after_an_outage_what_was_missed_is_found_and_told(place: Place, world: World, rem: RemoteActor) -> None:
    mention = [{"type": "Mention", "href": place.ada, "name": "@ada"}]
    missed = world.note(rem, "missed", published="2026-03-01T00:00:00Z", tag=mention)
    old = world.note(rem, "old", published=OLD)
    outbox(world, [create(rem, missed), create(rem, old)])
    assert fill(place, rem.uri, dt.datetime(2026, 2, 1, tzinfo=dt.UTC)) == 1
    assert place.status(old["id"]) is None
    assert place.db.read_now(lambda session: session.scalar(select(Notification.type))) == "mention"


def test_an_accepted_follow_asks_for_old_posts_once(place: Place, world: World) -> None:
    rem = world.actor("rem")
    place.go(lambda tools: tools.resolver.actor(rem.uri))
    place.follow(place.ada, rem.uri, state="pending")
    assert place.jobs("backfill_actor") == []
    activity = {"id": f"{rem.uri}#accept", "type": "Accept", "actor": rem.uri,
                "object": {"type": "Follow", "actor": place.ada, "object": rem.uri}}
    for _ in range(2):
        place.db.write_now(lambda uow: HANDLERS["Accept"].receive(
            uow, activity, Received(actors.get(uow.session, place.actor(rem.uri).id))))
    assert place.jobs("backfill_actor") == [{"actor_id": place.actor(rem.uri).id}]
    assert place.jobs("fetch_featured") == [{"actor_id": place.actor(rem.uri).id}]


def test_a_start_after_an_outage_plans_to_catch_up(place: Place, rem: RemoteActor) -> None:
    def silent_for(minutes: int) -> bool:
        def apply(uow: Any) -> bool:
            uow.session.execute(delete(Job))
            uow.session.execute(delete(InstanceFact).where(InstanceFact.name == "alive_at"))
            uow.session.execute(delete(InboxMessage))
            uow.session.add(InboxMessage(id=uow.new_id(), activity_uri="x", actor_uri="x", key_id="x", type="Like", body=b"",
                                         state="done", received_at=uow.now - dt.timedelta(minutes=minutes)))
            uow.session.flush()
            return backfill.plan_catch_up(uow)

        return place.db.write_now(apply)

    assert not place.db.write_now(backfill.plan_catch_up), "nothing ever arrived"
    assert not silent_for(5)
    assert silent_for(15)
    since = place.jobs("catch_up")[0]["since"]
    assert place.db.write_now(lambda uow: backfill.catch_up(uow, since)) == 1
    assert place.jobs("backfill_actor") == [{"actor_id": place.actor(rem.uri).id, "since": since}]
    assert not place.db.write_now(backfill.plan_catch_up), "it is running now"


def test_pinned_posts_are_the_first_few_of_its_own(place: Place, world: World, other_world: World, rem: RemoteActor) -> None:
    foreign = other_world.note(other_world.actor("eve"), "not rem's")
    by_sam = world.note(world.actor("sam"), "not rem's either")
    private = world.note(rem, "for followers", to=[f"{rem.uri}/followers"], cc=[])
    own = [world.note(rem, f"pinned {number}", published=OLD) for number in range(7)]
    url = f"{rem.uri}/featured"

    def feature(items: list[Any]) -> list[str]:
        world.documents["/users/rem/featured"] = {"id": url, "type": "OrderedCollection", "orderedItems": items}
        actor = place.actor(rem.uri)
        place.go(lambda tools: tools.backfill.featured(actor.id))
        return place.db.read_now(lambda session: list(session.scalars(
            select(Status.uri).where(Status.pinned_at.is_not(None)).order_by(Status.pinned_at.desc()))))

    assert feature([foreign["id"], by_sam["id"], private["id"], own[0]["id"], {**own[1], "content": "forged?"}]) == [
        own[0]["id"], own[1]["id"]]
    assert feature([note["id"] for note in own]) == [note["id"] for note in own[:5]]
    assert feature([own[3]["id"]]) == [own[3]["id"]]


def test_a_channel_brings_what_it_passed_on(place: Place, world: World, other_world: World, rem: RemoteActor) -> None:
    world.documents["/users/rem"]["type"] = "Group"
    place.go(lambda tools: tools.resolver.actor(rem.uri, refresh=True))
    sam, eve = world.actor("sam"), other_world.actor("eve")
    video, page = world.note(sam, "a video", published=OLD), other_world.note(eve, "a page")
    stolen = world.note(sam, "of sam")

    def passes(target: Any, number: int, **more: Any) -> dict[str, Any]:
        return {"id": f"{rem.uri}/announces/{number}", "type": "Announce", "actor": rem.uri, "object": target, "published": OLD,
                "to": [f"{AS2}#Public"], **more}

    ours = place.post("of Ada")
    outbox(world, [passes(video["id"], 1), passes({"id": f"{page['id']}#c", "type": "Create", "actor": eve.uri,
                                                   "object": {**page, "content": "not what Eve wrote"}}, 2),
                   passes(stolen["id"], 3, actor=sam.uri), passes(stolen["id"], 4, id=f"{other_world.base}/5"),
                   passes(ours.uri, 6), passes({"id": 7}, 7), passes("nonsense", 8)])
    assert fill(place, rem.uri) == 2
    ada = place.actor(place.ada)
    home = place.db.read_now(lambda session: statuses.home(session, ada.id, Page()))
    assert [status.uri for status in home[1:]] == [f"{rem.uri}/announces/2", f"{rem.uri}/announces/1"]
    assert place.known(page["id"]).content == "<p>a page</p>"
    assert place.status(stolen["id"]) is None
    assert place.db.read_now(lambda session: session.scalar(select(func.count()).select_from(Notification))) == 0
    assert fill(place, rem.uri) == 0


def test_what_a_person_boosted_is_not_fetched(place: Place, world: World, other_world: World, rem: RemoteActor) -> None:
    boosted = other_world.note(other_world.actor("eve"), "boosted")
    outbox(world, [{"id": f"{rem.uri}/1", "type": "Announce", "actor": rem.uri, "object": boosted["id"], "published": OLD}])
    assert fill(place, rem.uri) == 0
    assert other_world.requests == []
