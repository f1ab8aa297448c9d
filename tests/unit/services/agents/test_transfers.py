"""Another person takes over an agent: both agree, and whoever had it keeps no way in."""
from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.errors import Conflict, Forbidden, Invalid, NotFound
from fedisora.models import Actor, Media, Notification, OperatorTransfer, OutboxActivity
from fedisora.provenance.record import maker
from fedisora.services import accounts, sessions, tokens
from fedisora.services.agents import access, stopping, transfers
from fedisora.store import actors

from .conftest import Town


def row(town: Town, uow: UnitOfWork, name: str) -> Actor:
    return actors.get(uow.session, town.actor(name).id)


def offer(town: Town, to: str, by: str | None = "ida") -> int:
    return town.run(lambda uow: transfers.offer(uow, row(town, uow, "dreamer"), row(town, uow, by) if by else None, to).id)


def accept(town: Town, name: str, transfer_id: int) -> None:
    town.run(lambda uow: transfers.accept(uow, row(town, uow, name), transfer_id))


def told(town: Town, name: str) -> list[str]:
    me = town.actor(name).id
    return town.db.read_now(lambda session: list(session.scalars(
        select(Notification.type).where(Notification.actor_id == me).order_by(Notification.id))))


@pytest.fixture
def town(town: Town) -> Town:
    """As everywhere, and bob is verified."""
    town.verify("bob")
    return town


@pytest.mark.parametrize(("to", "error", "words"), [
    ("dreamer", Invalid, "no person of that name"), ("nobody", Invalid, "no person"), ("", Invalid, "no person"),
    ("@eve@there.example", Invalid, "of this server"), ("ida", Invalid, "already"), ("root", Forbidden, "verified humans")])
def test_who_cannot_take_over(town: Town, to: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        offer(town, to)
    assert town.actor("dreamer").operator_uri == town.actor("ida").uri


def test_only_its_operator_hands_it_over(town: Town) -> None:
    for name in ("bob", "dreamer"):
        with pytest.raises(NotFound):
            offer(town, "bob", by=name)


def test_nobody_else_answers_the_question(town: Town) -> None:
    wanted = offer(town, "bob")
    for name in ("ida", "root", "dreamer"):
        with pytest.raises(NotFound):
            accept(town, name, wanted)
        with pytest.raises(NotFound):
            town.run(lambda uow, name=name: transfers.refuse(uow, row(town, uow, name), wanted))  # type: ignore[misc]
    for name in ("bob", "root"):
        with pytest.raises(NotFound):
            town.run(lambda uow, name=name: transfers.withdraw(uow, row(town, uow, name), wanted))  # type: ignore[misc]
    with pytest.raises(Conflict, match="asked already"):
        offer(town, "bob")
    assert town.actor("dreamer").operator_uri == town.actor("ida").uri


def test_taking_over(town: Town) -> None:
    def before(uow: UnitOfWork) -> str:
        agent = row(town, uow, "dreamer")
        uow.session.add(Media(id=1, actor_id=agent.id, kind="video", state="signed", created_at=uow.now,
                              record=maker(agent.kind, agent.operator_uri)))
        sessions.start(uow, accounts.user_of(uow.session, agent.id), "", "")
        return access.create(uow, agent, "read")

    token = town.run(before)
    wanted = offer(town, "@bob@here.example")
    assert told(town, "bob") == ["agent.transfer"]
    accept(town, "bob", wanted)
    agent, ida, bob = town.actor("dreamer"), town.actor("ida"), town.actor("bob")
    assert (agent.operator_uri, agent.operator_confirmed, ida.operates, bob.operates) == (bob.uri, True, [], [agent.uri])
    assert town.may_act() == ""
    assert (told(town, "bob"), told(town, "ida")) == ([], ["agent.accepted"])
    # what was made before keeps who answered then, and no old door is open
    def after(session: Any) -> tuple[Any, Any, Any]:
        return session.get_one(Media, 1).record, tokens.lookup(session, token), sessions.of_user(
            session, accounts.user_of(session, agent.id).id)

    record, found, open_sessions = town.db.read_now(after)
    assert (record["operator"], found, list(open_sessions)) == (ida.uri, None, [])
    sent = [json.loads(body)["object"] for body in town.db.read_now(lambda session: session.scalars(
        select(OutboxActivity.document).where(OutboxActivity.uri.contains("#updates/")).order_by(OutboxActivity.id)).all())][-3:]
    assert [item["id"] for item in sent] == [agent.uri, ida.uri, bob.uri]
    assert (sent[0]["operator"], sent[1].get("operates"), sent[2]["operates"]) == (bob.uri, None, [agent.uri])
    with pytest.raises(Conflict, match="answered already"):
        accept(town, "bob", wanted)
    with pytest.raises(NotFound):
        town.run(lambda uow: stopping.stop(uow, row(town, uow, "dreamer"), row(town, uow, "ida")))


def test_refused_and_withdrawn(town: Town) -> None:
    wanted = offer(town, "bob")
    town.run(lambda uow: transfers.refuse(uow, row(town, uow, "bob"), wanted))
    assert told(town, "ida") == ["agent.refused"]
    wanted = offer(town, "bob")
    town.run(lambda uow: transfers.withdraw(uow, row(town, uow, "ida"), wanted))
    assert told(town, "bob") == []
    with pytest.raises(Conflict):
        accept(town, "bob", wanted)
    assert town.db.read_now(lambda session: session.scalars(select(OperatorTransfer.state).order_by(OperatorTransfer.id)).all()) \
        == ["refused", "withdrawn"]


def test_who_is_not_verified_any_more_cannot_accept(town: Town) -> None:
    wanted = offer(town, "bob")
    town.unverify("bob")
    with pytest.raises(Forbidden, match="verified humans"):
        accept(town, "bob", wanted)


def test_a_stopped_agent_stays_stopped_and_obeys_its_new_operator(town: Town) -> None:
    town.run(lambda uow: stopping.stop(uow, row(town, uow, "dreamer"), row(town, uow, "ida")))
    accept(town, "bob", offer(town, "bob"))
    assert town.may_act() == "@dreamer was stopped by its operator."
    town.run(lambda uow: stopping.start(uow, row(town, uow, "dreamer"), row(town, uow, "bob")))
    assert town.may_act() == ""
