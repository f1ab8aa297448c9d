"""Block, in and out, its Undo, and what a block keeps away."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from fedisora.activitypub.vocabulary import PUBLIC
from fedisora.errors import Forbidden, Invalid, NotOwner
from fedisora.models import Block, Favourite, Follow, Notification, Status
from fedisora.services import blocks, follows
from fedisora.store import relations, statuses
from fedisora.store.paging import Page

from .conftest import EVE, REM, Town

INSTANCE = "https://here.example/actor"


def count(town: Town, model: type) -> int:
    return town.db.read_now(lambda session: len(session.scalars(select(model)).all()))


def home(town: Town) -> list[str]:
    ada = town.actor(town.ada)
    return town.db.read_now(lambda session: [row.uri for row in statuses.home(session, ada.id, Page())])


def test_a_block_of_nobody_here_is_ignored(town: Town) -> None:
    for target in (EVE, INSTANCE, "https://here.example/users/nobody", "https://elsewhere.example/users/x"):
        assert town.receive(town.activity("Block", target)) == "ignored: not for an account here"
    assert count(town, Block) == 0


def test_only_who_blocks_can_undo_it(town: Town) -> None:
    block = town.activity("Block", town.ada)
    assert town.receive(block) == "blocked"
    with pytest.raises(NotOwner):
        town.receive(town.activity("Undo", block["id"], actor=EVE))
    assert town.receive(town.activity("Undo", {**block, "id": f"{EVE}#other", "actor": EVE}, actor=EVE)) == \
        "ignored: nothing to undo"
    assert count(town, Block) == 1
    assert town.receive(town.activity("Undo", block)) == "block removed"
    assert count(town, Block) == 0


def test_being_blocked_ends_both_follows_and_shows_in_the_relationship(town: Town) -> None:
    town.receive(town.activity("Follow", town.ada))
    town.follows(town.ada, REM)
    block = town.activity("Block", town.ada)
    assert town.receive(block) == "blocked"
    assert town.receive(block) == "ignored: known"
    assert count(town, Follow) == 0
    assert town.actor(town.ada).followers_count == 0
    ada, rem = town.actor(town.ada), town.actor(REM)
    found = town.db.read_now(lambda session: relations.relationships(session, ada.id, [rem.id])[rem.id])
    assert found.blocked_by
    assert not found.blocking
    with pytest.raises(Forbidden):
        town.act(follows.follow, town.ada, REM)


def test_blocking_sends_reject_undo_and_block(town: Town) -> None:
    town.receive(town.activity("Follow", town.ada))
    ours = town.act(follows.follow, town.ada, REM).uri
    uri = town.act(blocks.block, town.ada, REM).uri
    assert town.act(blocks.block, town.ada, REM).uri == uri
    assert [item["object"]["object"] for item in town.sent("Reject")] == [town.ada]
    assert [item["object"]["id"] for item in town.sent("Undo")] == [ours]
    assert [(item["id"], item["actor"], item["object"]) for item in town.sent("Block")] == [(uri, town.ada, REM)]
    assert count(town, Follow) == 0
    assert count(town, Notification) == 0
    town.act(blocks.unblock, town.ada, REM)
    town.act(blocks.unblock, town.ada, REM)
    assert [item["object"]["id"] for item in town.sent("Undo")] == [ours, uri]
    assert count(town, Block) == 0


def test_nobody_blocks_themselves_or_the_instance(town: Town) -> None:
    for target in (town.ada, INSTANCE):
        with pytest.raises(Invalid):
            town.act(blocks.block, town.ada, target)


def test_what_a_blocked_account_does_to_the_blocker_is_ignored(town: Town) -> None:
    post = town.post()
    town.act(blocks.block, town.ada, REM)
    assert town.receive(town.activity("Follow", town.ada)) == "rejected"
    assert town.receive(town.activity("Like", post)).startswith("ignored")
    assert town.receive(town.activity("Announce", post)).startswith("ignored")
    note = town.note("@ada hey", inReplyTo=post, tag=[{"type": "Mention", "href": town.ada}])
    town.receive(town.activity("Create", note))
    assert count(town, Favourite) == 0
    assert count(town, Follow) == 0
    assert count(town, Notification) == 0
    ada = town.actor(town.ada)

    def answers(session: object) -> int:
        status = statuses.by_uri(session, post)  # type: ignore[arg-type]
        assert status is not None
        return len(statuses.context(session, status, ada.id)[1])  # type: ignore[arg-type]

    assert town.db.read_now(answers) == 0


def test_a_boost_of_a_blocked_author_is_not_in_the_home_timeline(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note(author=EVE)
    boost = town.activity("Announce", note["id"], to=[PUBLIC])
    assert town.receive(boost, {note["id"]: note}) == "stored"
    assert home(town) == [boost["id"]]
    town.act(blocks.block, town.ada, EVE)
    assert home(town) == []
    assert count(town, Status) == 2
