"""Relays (FEP-ae0c): a relay is believed about nothing but that there is something to fetch."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.activities import relayed
from fedisora.activitypub.vocabulary import PUBLIC
from fedisora.db import UnitOfWork
from fedisora.errors import Invalid, NotFound, NotOwner
from fedisora.models import Actor, Delivery, DomainRule, Follow, OutboxActivity, Relay, Status
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.services import publish, relays
from fedisora.store import actors, statuses
from fedisora.store import relays as rows

from .conftest import EVE, REM, Town, remote_actor

RELAY = "https://relay.example/actor"
INBOX = "https://relay.example/inbox"
OTHER = "https://other.example/actor"


def actor(town: Town, uri: str, inbox: str | None = None) -> Actor:
    document = remote_actor(uri) | {"type": "Application", "preferredUsername": "relay"}
    if inbox is not None:
        document["inbox"] = inbox
    return town.run(lambda uow: actors.upsert_remote(uow, from_activitypub(document)))


def relay_row(town: Town) -> Relay | None:
    return town.db.read_now(lambda session: session.scalar(select(Relay)))


def joined(town: Town, style: str = "mastodon") -> None:
    """A relay that took us in."""
    target = actor(town, RELAY, INBOX)
    town.run(lambda uow: relays.add(uow, INBOX) if style == "mastodon"
             else relays.add_actor(uow, actors.get(uow.session, target.id)))
    row = relay_row(town)
    assert row is not None
    town.receive(town.activity("Accept", row.follow_uri, RELAY))


def pass_on(town: Town, activity: dict[str, Any], fetched: dict[str, dict[str, Any]], via: str = RELAY) -> str:
    def apply(uow: UnitOfWork) -> str:
        sender = actors.by_uri(uow.session, via)
        assert sender is not None
        return relayed.receive(uow, activity, fetched, via=sender)

    return town.run(apply)


def stored(town: Town, uri: str) -> Status | None:
    return town.db.read_now(lambda session: statuses.by_uri(session, uri))


def inboxes(town: Town, kind: str) -> set[str]:
    return town.db.read_now(lambda session: set(session.scalars(
        select(Delivery.inbox).join(OutboxActivity, OutboxActivity.id == Delivery.activity_id)
        .where(OutboxActivity.type == kind))))


# ---- joining: what is refused
@pytest.mark.parametrize("url", ["", "relay.example", "ftp://relay.example/inbox", "https://here.example/inbox"])
def test_addresses_that_are_no_relay(url: str, town: Town) -> None:
    with pytest.raises(Invalid, match="address of a relay"):
        town.run(lambda uow: relays.add(uow, url))


def test_a_relay_is_asked_once(town: Town) -> None:
    town.run(lambda uow: relays.add(uow, INBOX))
    with pytest.raises(Invalid, match="already"):
        town.run(lambda uow: relays.add(uow, INBOX))
    with pytest.raises(NotFound):
        town.run(lambda uow: relays.remove(uow, OTHER))


@pytest.mark.parametrize("kind", ["Accept", "Reject"])
def test_nobody_else_answers_for_a_relay(kind: str, town: Town) -> None:
    town.run(lambda uow: relays.add(uow, INBOX))
    row = relay_row(town)
    assert row is not None
    with pytest.raises(NotOwner):
        town.receive(town.activity(kind, row.follow_uri, EVE))
    joined_state = relay_row(town)
    assert joined_state is not None
    assert (joined_state.state, joined_state.actor_uri) == ("pending", None)


def test_another_actor_of_the_relays_server_cannot_reject_for_it(town: Town) -> None:
    joined(town)
    actor(town, "https://relay.example/users/mallory")
    row = relay_row(town)
    assert row is not None
    with pytest.raises(NotOwner):
        town.receive(town.activity("Reject", row.follow_uri, "https://relay.example/users/mallory"))
    assert town.db.read_now(lambda session: rows.accepted(session, RELAY))


def test_a_follow_of_everybody_by_somebody_else_is_not_ours(town: Town) -> None:
    town.run(lambda uow: relays.add(uow, INBOX))
    actor(town, RELAY, INBOX)
    answer = town.activity("Accept", {"id": "https://x.example/1", "type": "Follow", "actor": REM, "object": PUBLIC}, RELAY)
    assert town.receive(answer) == "ignored: no such follow of ours"


@pytest.mark.parametrize("sender", [REM, OTHER])
def test_the_instance_actor_is_followed_by_relays_we_asked_only(sender: str, town: Town) -> None:
    actor(town, OTHER)
    joined(town, "litepub")
    assert town.receive(town.activity("Follow", "https://here.example/actor", sender)) == "rejected"


# ---- joining and leaving
def test_mastodons_style(town: Town) -> None:
    town.run(lambda uow: relays.add(uow, INBOX))
    (follow,) = town.sent("Follow")
    assert (follow["actor"], follow["object"]) == ("https://here.example/actor", PUBLIC)
    assert inboxes(town, "Follow") == {INBOX}
    actor(town, RELAY, INBOX)
    assert not town.db.read_now(lambda session: rows.accepted(session, RELAY))
    assert town.receive(town.activity("Accept", follow, RELAY)) == "relay accepted"
    assert town.db.read_now(lambda session: rows.accepted(session, RELAY))
    assert town.receive(town.activity("Reject", follow["id"], RELAY)) == "relay rejected"
    assert not town.db.read_now(lambda session: rows.accepted(session, RELAY))
    town.run(lambda uow: relays.remove(uow, INBOX))
    (undo,) = town.sent("Undo")
    assert undo["object"]["id"] == follow["id"]
    assert relay_row(town) is None


def test_an_accept_that_names_another_follow_id(town: Town) -> None:
    town.run(lambda uow: relays.add(uow, INBOX))
    actor(town, RELAY, INBOX)
    answer = {"id": "https://relay.example/made-up", "type": "Follow", "actor": "https://here.example/actor", "object": PUBLIC}
    assert town.receive(town.activity("Accept", answer, RELAY)) == "relay accepted"


def test_litepubs_style(town: Town) -> None:
    target = actor(town, RELAY, INBOX)
    town.run(lambda uow: relays.add_actor(uow, actors.get(uow.session, target.id)))
    (follow,) = town.sent("Follow")
    assert (follow["actor"], follow["object"]) == ("https://here.example/actor", RELAY)
    assert town.receive(town.activity("Accept", follow, RELAY)) == "accepted"
    assert town.db.read_now(lambda session: rows.accepted(session, RELAY))
    assert town.receive(town.activity("Follow", "https://here.example/actor", RELAY)) == "accepted"
    town.run(lambda uow: relays.remove(uow, RELAY))
    assert relay_row(town) is None
    assert town.db.read_now(lambda session: session.scalar(select(Follow.id))) is None


def test_a_litepub_relay_that_refuses(town: Town) -> None:
    target = actor(town, RELAY, INBOX)
    town.run(lambda uow: relays.add_actor(uow, actors.get(uow.session, target.id)))
    town.receive(town.activity("Reject", town.sent("Follow")[0], RELAY))
    row = relay_row(town)
    assert row is not None
    assert row.state == "rejected"
    assert town.receive(town.activity("Follow", "https://here.example/actor", RELAY)) == "rejected"


# ---- our posts
def _post(town: Town, visibility: str = "public") -> int:
    return town.run(lambda uow: publish.create(uow, actors.get(uow.session, town.actor(town.ada).id),
                                               publish.Draft(text="hello", visibility=visibility)).id)


@pytest.mark.parametrize("style", ["mastodon", "litepub"])
@pytest.mark.parametrize("visibility", ["unlisted", "private", "direct"])
def test_only_public_posts_reach_relays(visibility: str, style: str, town: Town) -> None:
    joined(town, style)
    _post(town, visibility)
    assert INBOX not in inboxes(town, "Create") | inboxes(town, "Announce")


def test_nothing_is_sent_before_the_relay_agrees(town: Town) -> None:
    town.run(lambda uow: relays.add(uow, INBOX))
    _post(town)
    assert inboxes(town, "Create") == set()


def test_a_mastodon_relay_gets_create_update_and_delete(town: Town) -> None:
    joined(town)
    status_id = _post(town)
    town.run(lambda uow: publish.edit(uow, actors.get(uow.session, town.actor(town.ada).id), status_id, text="changed"))
    town.run(lambda uow: publish.delete(uow, actors.get(uow.session, town.actor(town.ada).id), status_id))
    for kind in ("Create", "Update", "Delete"):
        assert inboxes(town, kind) == {INBOX}
    assert inboxes(town, "Announce") == set()


def test_a_litepub_relay_gets_an_announce_and_its_undo(town: Town) -> None:
    joined(town, "litepub")
    status_id = _post(town)
    (announce,) = town.sent("Announce")
    assert (announce["actor"], announce["object"]) == ("https://here.example/actor", f"{town.ada}/statuses/{status_id}")
    assert inboxes(town, "Create") == set()
    town.run(lambda uow: publish.delete(uow, actors.get(uow.session, town.actor(town.ada).id), status_id))
    (undo,) = town.sent("Undo")
    assert undo["object"]["id"] == announce["id"]


# ---- others' posts: what is not believed
def test_an_unknown_relay_brings_nothing(town: Town) -> None:
    """BI-186"""
    actor(town, OTHER)
    note = town.note()
    assert pass_on(town, town.activity("Create", note), {note["id"]: note}, OTHER) == "ignored: not a relay of ours"
    assert town.receive(town.activity("Announce", note["id"], OTHER), {note["id"]: note}) \
        == "ignored: nobody here asked for it"
    assert stored(town, note["id"]) is None


def test_a_relay_that_was_only_asked_brings_nothing(town: Town) -> None:
    actor(town, RELAY, INBOX)
    town.run(lambda uow: relays.add(uow, INBOX))
    note = town.note()
    assert pass_on(town, town.activity("Create", note), {note["id"]: note}) == "ignored: not a relay of ours"


def test_the_embedded_copy_is_never_used(town: Town) -> None:
    joined(town)
    note = town.note("what the author wrote")
    forged = town.activity("Create", note | {"content": "<p>what the relay wrote</p>"})
    assert pass_on(town, forged, {}) == "ignored: the post cannot be had"
    assert stored(town, note["id"]) is None
    assert pass_on(town, forged, {note["id"]: note}) == "stored"
    found = stored(town, note["id"])
    assert found is not None
    assert "what the author wrote" in found.content


def test_blocked_and_suspended_authors_are_dropped(town: Town) -> None:
    """BI-185"""
    joined(town)
    note, other = town.note(), town.note(author=EVE)

    def forbid(uow: UnitOfWork) -> None:
        uow.session.add(DomainRule(domain="example", severity="silence", created_at=uow.now))
        uow.session.add(DomainRule(domain="remote.example", severity="block", created_at=uow.now))
        eve = actors.by_uri(uow.session, EVE)
        assert eve is not None
        eve.suspended_at = uow.now

    town.run(forbid)
    for item in (note, other):
        assert pass_on(town, town.activity("Create", item), {item["id"]: item}) == "dropped: the author is not welcome here"
        assert stored(town, item["id"]) is None


def test_a_rule_holds_for_subdomains_and_ports(town: Town) -> None:
    joined(town)
    deep = "https://a.b.blocked.example:8443/users/sub"
    actor(town, deep)
    town.run(lambda uow: uow.session.add(DomainRule(domain="blocked.example", severity="block", created_at=uow.now)))
    note = town.note(author=deep)
    assert pass_on(town, town.activity("Create", note), {note["id"]: note}) == "dropped: the author is not welcome here"


@pytest.mark.parametrize(("change", "outcome"), [
    ({"to": [f"{REM}/followers"], "cc": []}, "ignored: not a public post"),
    ({"to": [f"{REM}/followers"], "cc": [PUBLIC]}, "ignored: not a public post"),
    ({"attributedTo": "https://nobody.example/users/x"}, "ignored: the author cannot be had"),
    ({"attributedTo": "https://here.example/users/ada"}, "ignored: the author cannot be had"),
    ({"type": "Person"}, "ignored: type not shown here"),
    ({"id": f"{EVE}/notes/7"}, "ignored: another document")])
def test_what_was_fetched_is_checked(change: dict[str, Any], outcome: str, town: Town) -> None:
    joined(town)
    note = town.note()
    assert pass_on(town, town.activity("Create", note), {note["id"]: note | change}) == outcome
    assert stored(town, note["id"]) is None


def test_an_author_on_another_origin_than_the_post(town: Town) -> None:
    joined(town)
    note = town.note() | {"attributedTo": EVE}
    with pytest.raises(NotOwner):
        pass_on(town, town.activity("Create", note), {note["id"]: note})


def test_a_relay_cannot_touch_our_own_posts(town: Town) -> None:
    joined(town)
    uri = town.post()
    for kind in ("Create", "Update", "Delete", "Announce"):
        assert pass_on(town, town.activity(kind, uri), {uri: {"id": uri, "type": "Tombstone"}}) == "ignored: our own"
    assert stored(town, uri) is not None


def test_a_relay_cannot_delete_what_its_origin_still_has(town: Town) -> None:
    joined(town)
    note = town.note()
    pass_on(town, town.activity("Create", note), {note["id"]: note})
    end = town.activity("Delete", note["id"])
    assert pass_on(town, end, {note["id"]: note}) == "ignored: not deleted where it belongs"
    assert pass_on(town, end, {}) == "ignored: the post cannot be had"
    assert stored(town, note["id"]) is not None
    assert pass_on(town, end, {note["id"]: {"id": note["id"], "type": "Tombstone"}}) == "deleted"
    assert stored(town, note["id"]) is None


# ---- others' posts
def test_forwarded_create_and_update(town: Town) -> None:
    joined(town)
    note = town.note("first")
    assert relayed.needs(town.activity("Create", note)) == [note["id"]]
    assert relayed.needs(town.activity("Follow", REM)) == []
    assert pass_on(town, town.activity("Create", note), {note["id"]: note}) == "stored"
    assert pass_on(town, town.activity("Create", note), {note["id"]: note}) == "ignored: known"
    newer = note | {"content": "<p>second</p>", "updated": "2026-11-02T00:00:00Z"}
    assert pass_on(town, town.activity("Update", note), {note["id"]: newer}) == "edited"
    found = stored(town, note["id"])
    assert found is not None
    assert (found.content, found.visibility) == ("<p>second</p>", "public")


def test_an_announce_of_a_relay_is_no_boost(town: Town) -> None:
    joined(town, "litepub")
    note = town.note()
    assert town.receive(town.activity("Announce", note["id"], RELAY), {note["id"]: note}) == "stored"
    boosts = town.db.read_now(lambda session: session.scalars(select(Status).where(Status.reblog_of_id.is_not(None))).all())
    assert list(boosts) == []
    assert stored(town, note["id"]) is not None


@pytest.mark.parametrize("wrong", [None, 7, [], {}, [{"id": 1}], {"id": ["x"]}, "", {"type": "Note"}])
def test_nonsense_is_ignored(wrong: Any, town: Town) -> None:
    joined(town)
    activity = town.activity("Create", wrong)
    assert relayed.needs(activity) == []
    assert pass_on(town, activity, {}).startswith("ignored")
    note = town.note()
    for name in ("attributedTo", "to", "type", "id"):
        outcome = pass_on(town, town.activity("Create", note), {note["id"]: note | {name: wrong}})
        assert outcome.startswith("ignored"), name
    assert stored(town, note["id"]) is None


def test_what_real_relays_send(town: Town, shared: Path) -> None:
    def load(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((shared / "fixtures/activitypub/relay" / f"activity-relay-{name}.json").read_text())
        return found

    joined(town)
    create = load("create")
    note, author = create["object"], create["actor"]
    actor(town, author)
    assert relayed.needs(create) == [note["id"]]
    assert pass_on(town, create, {note["id"]: note}) == "stored"

    announce, follow, end = load("announce-lp"), load("follow-lp"), load("unfollow-lp")
    litepub = actor(town, announce["actor"])
    ours = "https://here.example/actor"
    town.run(lambda uow: relays.add_actor(uow, actors.get(uow.session, litepub.id)))
    town.receive(town.activity("Accept", town.sent("Follow")[-1], litepub.uri))
    assert town.receive(follow | {"object": ours}) == "accepted"
    post = town.note("by way of Pleroma") | {"id": announce["object"]}
    writer = announce["object"].partition("/objects/")[0] + "/users/writer"
    actor(town, writer)
    post["attributedTo"] = writer
    assert town.receive(announce, {post["id"]: post}) == "stored"
    assert town.receive(end | {"object": end["object"] | {"object": ours}}) == "follow removed"
