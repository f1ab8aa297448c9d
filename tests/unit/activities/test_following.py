"""Follow, Accept, Reject and the Undo of a Follow."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.errors import NotOwner
from fedisora.models import Actor, Follow
from fedisora.services import follows
from fedisora.store import actors

from .conftest import EVE, REM, Town


def test_a_follow_is_accepted_and_asking_again_is_answered_again(town: Town) -> None:
    follow = town.activity("Follow", town.ada)
    assert town.receive(follow) == "accepted"
    assert town.receive(follow) == "accepted"
    answers = town.sent("Accept")
    assert [answer["object"]["id"] for answer in answers] == [follow["id"]] * 2
    assert town.actor(town.ada).followers_count == 1


def test_a_locked_account_decides_itself(town: Town) -> None:
    def lock(uow: UnitOfWork) -> None:
        ada = actors.by_uri(uow.session, town.ada)
        assert ada is not None
        ada.locked = True

    town.run(lock)
    assert town.receive(town.activity("Follow", town.ada)) == "waits for approval"
    assert town.sent("Accept") == []

    def allow(uow: UnitOfWork) -> None:
        ada, rem = actors.by_uri(uow.session, town.ada), actors.by_uri(uow.session, REM)
        assert ada is not None
        assert rem is not None
        follows.authorize(uow, ada, rem.id)

    town.run(allow)
    assert len(town.sent("Accept")) == 1


def test_the_instance_cannot_be_followed(town: Town) -> None:
    assert town.receive(town.activity("Follow", "https://here.example/actor")) == "rejected"
    assert len(town.sent("Reject")) == 1


def our_follow(town: Town) -> str:
    def ask(uow: UnitOfWork) -> str:
        ada, rem = actors.by_uri(uow.session, town.ada), actors.by_uri(uow.session, REM)
        assert ada is not None
        assert rem is not None
        return follows.follow(uow, ada, rem).uri

    return town.run(ask)


@pytest.mark.parametrize("embedded", [False, True])
def test_our_follow_is_accepted_by_its_target(town: Town, embedded: bool) -> None:
    uri = our_follow(town)
    assert town.sent("Follow")[0]["id"] == uri
    reference = {"id": uri, "type": "Follow", "actor": town.ada, "object": REM} if embedded else uri
    assert town.receive(town.activity("Accept", reference)) == "accepted"
    assert town.actor(town.ada).following_count == 1


def test_nobody_else_can_accept_or_reject_it(town: Town) -> None:
    uri = our_follow(town)
    for kind in ("Accept", "Reject"):
        with pytest.raises(NotOwner):
            town.receive(town.activity(kind, uri, actor=EVE))


def test_a_reject_ends_it(town: Town) -> None:
    uri = our_follow(town)
    town.receive(town.activity("Reject", uri))
    assert town.db.read_now(lambda session: session.scalar(select(Follow.id))) is None


def test_undo_ends_a_follow_and_only_ones_own(town: Town) -> None:
    follow = town.activity("Follow", town.ada)
    town.receive(follow)
    with pytest.raises(NotOwner):
        town.receive(town.activity("Undo", follow["id"], actor=EVE))
    assert town.receive(town.activity("Undo", follow)) == "follow removed"
    assert town.actor(town.ada).followers_count == 0
    assert town.db.read_now(lambda session: session.scalar(select(Actor.followers_count).where(Actor.uri == town.ada))) == 0
