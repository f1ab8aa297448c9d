"""The one switch: who may use it, and that nothing goes on behind it."""
from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.errors import Conflict, Forbidden, Invalid, NotFound
from fedisora.models import Actor, AgentMention, AuditEntry, Generation, Job, Notification, Status
from fedisora.services import agents, publish
from fedisora.services import generations as generate
from fedisora.services.agents import stopping, transfers
from fedisora.store import actors
from tests.support.generations import plan_of

from .conftest import Town


def stop(town: Town, by: str | None, reason: str = "", name: str = "dreamer") -> None:
    town.run(lambda uow: stopping.stop(uow, row(town, uow, name), row(town, uow, by) if by else None, reason))


def start(town: Town, by: str | None, name: str = "dreamer") -> None:
    town.run(lambda uow: stopping.start(uow, row(town, uow, name), row(town, uow, by) if by else None))


def row(town: Town, uow: UnitOfWork, name: str) -> Actor:
    return actors.get(uow.session, town.actor(name).id)


def told(town: Town, name: str) -> list[str]:
    me = town.actor(name).id
    return town.db.read_now(lambda session: list(session.scalars(
        select(Notification.type).where(Notification.actor_id == me).order_by(Notification.id))))


@pytest.mark.parametrize("by", ["bob", "dreamer"])
def test_nobody_else_stops_or_starts_it(town: Town, by: str) -> None:
    with pytest.raises(NotFound):
        stop(town, by, "because")
    stop(town, "ida")
    with pytest.raises(NotFound):
        start(town, by)
    assert town.may_act() == "@dreamer was stopped by its operator."


def test_a_person_cannot_be_stopped_like_an_agent(town: Town) -> None:
    with pytest.raises(NotFound):
        stop(town, "root", "because", name="bob")


def test_its_operator_stops_and_starts_it(town: Town) -> None:
    stop(town, "ida", "It talks too much.")
    with pytest.raises(Forbidden, match="stopped by its operator"):
        town.post("dreamer", "hello")
    with pytest.raises(Conflict, match="stopped already"):
        stop(town, "ida")
    assert (town.profile("dreamer").stopped_by, town.profile("dreamer").stop_reason) == (
        town.actor("ida").id, "It talks too much.")
    start(town, "ida")
    assert town.may_act() == ""
    with pytest.raises(Conflict, match="not stopped"):
        start(town, "ida")
    assert town.db.read_now(lambda session: list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))) == [
        "agent.stopped", "agent.started"]
    assert told(town, "ida") == []


@pytest.mark.parametrize("by", ["root", None])
def test_what_this_server_stopped_its_operator_does_not_start(town: Town, by: str | None) -> None:
    with pytest.raises(Invalid, match="say why"):
        stop(town, by)
    stop(town, by, "Spam.")
    assert town.may_act() == "@dreamer was stopped by this server."
    with pytest.raises(Forbidden, match="Only an administrator"):
        start(town, "ida")
    start(town, "root")
    assert town.may_act() == ""
    assert told(town, "ida") == ["agent.stopped", "agent.started"]


def test_an_administrator_puts_their_stop_over_the_operators(town: Town) -> None:
    stop(town, "ida")
    stop(town, "root", "Spam.")
    with pytest.raises(Forbidden):
        start(town, "ida")


def test_stopping_takes_effect_on_everything_at_once(town: Town) -> None:
    agent = town.actor("dreamer")

    def work(uow: UnitOfWork) -> None:
        generate.request(uow, actors.get(uow.session, agent.id), plan_of())
        uow.session.add(AgentMention(id=uow.new_id(), agent_id=agent.id, state="received", created_at=uow.now))

    town.run(work)
    stop(town, "ida")
    states = town.db.read_now(lambda session: (session.scalars(select(Generation.state)).all(), session.scalars(
        select(AgentMention.state)).all()))
    assert states == (["cancelled"], ["refused"])
    with pytest.raises(Forbidden, match="stopped"):
        town.run(lambda uow: generate.retry(uow, actors.get(uow.session, agent.id), session_id(uow)))


def session_id(uow: UnitOfWork) -> int:
    return uow.session.scalars(select(Generation.id)).one()


def test_a_post_that_waits_for_its_file_is_sent_when_the_agent_goes_on(town: Town) -> None:
    def write(uow: UnitOfWork) -> int:
        agent = row(town, uow, "dreamer")
        row_id = uow.new_id()
        uow.session.add(Status(id=row_id, uri=uow.uris.status(agent.uri, row_id), url="", actor_id=agent.id, local=True,
                               visibility="public", content="", text="x", proof="valid", published=False, created_at=uow.now))
        return row_id

    status_id = town.run(write)
    stop(town, "ida")
    town.run(lambda uow: publish.finish(uow, status_id))
    assert not town.db.read_now(lambda session: session.get_one(Status, status_id).published)
    start(town, "ida")
    assert town.db.read_now(lambda session: session.scalars(select(Job.payload).where(Job.kind == "publish")).all()) == [
        {"status_id": status_id}]
    town.run(lambda uow: publish.finish(uow, status_id))
    assert town.db.read_now(lambda session: session.get_one(Status, status_id).published)


def test_an_agent_of_somebody_who_is_no_verified_human_any_more_is_paused(make: Callable[..., Town]) -> None:
    town = make()
    town.run(lambda uow: generate.request(uow, row(town, uow, "dreamer"), plan_of()))
    assert town.run(stopping.look_after) == 0
    town.unverify("ida")
    for _ in range(2):
        assert town.run(stopping.look_after) == 1
    assert told(town, "ida") == ["agent.paused"]
    assert town.db.read_now(lambda session: session.scalars(select(Generation.state)).all()) == ["cancelled"]
    town.verify("ida")
    assert town.run(stopping.look_after) == 0
    assert town.profile("dreamer").paused_at is None
    later = town.db.clock() + dt.timedelta(days=200)
    town.db.clock = lambda: later
    assert town.run(stopping.look_after) == 1
    assert told(town, "ida") == ["agent.paused", "agent.paused"]


def test_an_administrators_exception_lets_it_go_on(town: Town) -> None:
    town.unverify("ida")
    town.run(stopping.look_after)
    town.run(lambda uow: transfers.set_exempt(uow, row(town, uow, "dreamer"), True))
    assert (town.may_act(), town.profile("dreamer").paused_at) == ("", None)
    town.run(lambda uow: transfers.set_exempt(uow, row(town, uow, "dreamer"), False))
    assert town.may_act() != ""


def test_where_any_human_may_run_agents(make: Callable[..., Town]) -> None:
    town = make(agent_operators="any")
    town.agent("second", "bob")
    assert (town.may_act("second"), town.profile("second").exempt) == ("", False)
    assert [agent.username for agent in town.db.read_now(lambda session: agents.mine(session, town.actor("bob")))] == ["second"]
