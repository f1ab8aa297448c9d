"""Move: accounts that come, accounts that go, and who may say so."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.errors import Forbidden, Invalid, Malformed, NotFound, NotOwner
from fedisora.models import Block, Follow, Job
from fedisora.serializers.activitypub import actor as actor_serializer
from fedisora.services import accounts, blocks, follows, migration
from fedisora.store import actors

from .conftest import EVE, REM, Town, remote_actor

NEW = "https://new.example/users/rem"


def known(town: Town, uri: str = NEW, **more: Any) -> None:
    """What a fetch of an actor stores."""
    town.run(lambda uow: actors.upsert_remote(uow, actor_serializer.from_activitypub({**remote_actor(uri), **more})))


def arrive(town: Town, old: str = REM, new: str = NEW) -> None:
    town.run(lambda uow: migration.arrive(uow, old, new))


def jobs(town: Town) -> list[dict[str, Any]]:
    return town.db.read_now(lambda session: [job.payload for job in session.scalars(select(Job).where(Job.kind == "move"))])


def following(town: Town) -> set[tuple[str, str]]:
    ada = town.actor(town.ada).id
    return {(town.db.read_now(lambda session, wanted=row.target_id: actors.get(session, wanted).uri), row.state)
            for row in town.db.read_now(lambda session: list(session.scalars(select(Follow).where(Follow.actor_id == ada))))}


def test_nobody_moves_another_account(town: Town) -> None:
    town.follows(town.ada, REM)
    with pytest.raises(NotOwner):
        town.receive(town.activity("Move", REM, actor=EVE, target=EVE))
    for target in (None, REM, "javascript:alert(1)", {}):
        with pytest.raises(Malformed):
            town.receive(town.activity("Move", REM, target=target))
    assert jobs(town) == []


def test_a_move_that_concerns_nobody_here_costs_nothing(town: Town) -> None:
    assert town.receive(town.activity("Move", REM, target=NEW)) == "ignored: nobody here asked for it"
    assert jobs(town) == []


def test_the_target_is_always_asked_anew(town: Town) -> None:
    town.follows(town.ada, REM)
    known(town, alsoKnownAs=[REM])
    for _ in range(2):
        assert town.receive(town.activity("Move", REM, target=NEW)) == "the target is asked"
    assert jobs(town) == [{"actor": REM, "target": NEW}]
    assert following(town) == {(REM, "accepted")}


@pytest.mark.parametrize("more", [{}, {"alsoKnownAs": [EVE]}, {"alsoKnownAs": [REM], "movedTo": "https://c.example/u"}])
def test_a_target_that_does_not_agree_gets_nobody(town: Town, more: dict[str, Any]) -> None:
    town.follows(town.ada, REM)
    known(town, **more)
    with pytest.raises(Forbidden):
        arrive(town)
    assert following(town) == {(REM, "accepted")}
    assert town.actor(REM).moved_to is None
    with pytest.raises(NotFound):
        arrive(town, new="https://unknown.example/u")


def test_followers_here_follow_the_new_account(town: Town) -> None:
    town.follows(town.ada, REM)
    known(town, alsoKnownAs=REM)
    arrive(town)
    assert following(town) == {(NEW, "pending")}
    assert [item["object"] for item in town.sent("Follow")] == [NEW]
    assert [item["object"]["object"] for item in town.sent("Undo")] == [REM]
    old = town.actor(REM)
    assert (old.moved_to, old.moved_at is not None) == (NEW, True)
    assert town.db.read_now(lambda session: actors.successor(session, old)) is not None
    assert town.receive(town.activity("Move", REM, target=EVE)) == "ignored: moved lately"


def test_a_second_move_within_a_week_is_ignored_even_when_it_waited(town: Town) -> None:
    town.follows(town.ada, REM)
    known(town, alsoKnownAs=[REM])
    known(town, EVE, alsoKnownAs=[REM])
    arrive(town)
    arrive(town, new=EVE)
    assert town.actor(REM).moved_to == NEW

    def later(uow: UnitOfWork) -> None:
        rem = actors.by_uri(uow.session, REM)
        assert rem is not None
        rem.moved_at = uow.now - dt.timedelta(days=8)

    town.run(later)
    arrive(town, new=EVE)
    assert town.actor(REM).moved_to == EVE


def test_who_blocks_the_old_account_blocks_the_new_one(town: Town) -> None:
    town.act(blocks.block, town.ada, REM)
    assert town.receive(town.activity("Move", REM, target=NEW)) == "the target is asked"
    known(town, alsoKnownAs=[REM])
    arrive(town)
    assert following(town) == set()
    assert len(town.db.read_now(lambda session: session.scalars(select(Block)).all())) == 2


def test_a_blocked_target_is_not_followed(town: Town) -> None:
    town.follows(town.ada, REM)
    known(town, alsoKnownAs=[REM])
    town.act(blocks.block, town.ada, NEW)
    arrive(town)
    assert following(town) == set()


def test_an_account_moves_here(town: Town) -> None:
    town.run(lambda uow: accounts.create(uow, "ben", "ben@example.org", "a fine password"))
    ben = "https://here.example/users/ben"
    town.follows(ben, REM)
    with pytest.raises(Forbidden):
        arrive(town, new=town.ada)
    town.act(migration.add_alias, town.ada, uri=REM)
    arrive(town, new=town.ada)
    assert town.actor(town.ada).followers_count == 1


def test_aliases_are_told_in_an_update(town: Town) -> None:
    town.receive(town.activity("Follow", town.ada))
    for _ in range(2):
        town.act(migration.add_alias, town.ada, uri=REM)
    [update] = town.sent("Update")
    assert update["object"]["alsoKnownAs"] == [REM]
    town.act(migration.remove_alias, town.ada, uri=REM)
    assert "alsoKnownAs" not in town.sent("Update")[-1]["object"]
    with pytest.raises(NotFound):
        town.act(migration.remove_alias, town.ada, uri=REM)
    with pytest.raises(Invalid):
        town.act(migration.add_alias, town.ada, uri=town.ada)


def test_moving_away_needs_the_other_accounts_consent(town: Town) -> None:
    town.receive(town.activity("Follow", town.ada))
    with pytest.raises(Invalid):
        town.act(migration.move, town.ada, town.ada)
    with pytest.raises(Invalid):
        town.act(migration.move, town.ada, EVE)
    known(town, alsoKnownAs=[town.ada], movedTo=EVE)
    with pytest.raises(Invalid):
        town.act(migration.move, town.ada, NEW)
    assert town.sent("Move") == []
    known(town, alsoKnownAs=[town.ada])
    town.act(migration.move, town.ada, NEW)
    [move] = town.sent("Move")
    assert (move["actor"], move["object"], move["target"], move["to"]) == (town.ada, town.ada, NEW, [f"{town.ada}/followers"])
    assert town.sent("Update")[-1]["object"]["movedTo"] == NEW
    with pytest.raises(Invalid, match="a few days ago"):
        town.act(migration.move, town.ada, NEW)


def test_a_moved_account_gets_no_new_followers_here_and_may_stay(town: Town) -> None:
    town.run(lambda uow: accounts.create(uow, "ben", "ben@example.org", "a fine password"))
    ben = "https://here.example/users/ben"
    with pytest.raises(Invalid):
        town.act(migration.stay, town.ada)
    known(town, alsoKnownAs=[town.ada])
    town.act(migration.move, town.ada, NEW)
    with pytest.raises(Forbidden):
        town.act(follows.follow, ben, town.ada)
    town.act(migration.stay, town.ada)
    assert town.act(follows.follow, ben, town.ada).state == "accepted"
