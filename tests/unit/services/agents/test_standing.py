"""Whether an agent may act: it has to be running, and somebody verified has to answer for it."""
from __future__ import annotations

import datetime as dt

import pytest

from fedisora.db import UnitOfWork
from fedisora.errors import Forbidden, Invalid, TooManyRequests
from fedisora.models import Actor, AgentProfile, User
from fedisora.services import accounts, agents, publish
from fedisora.services import generations as generate
from fedisora.services.agents import conduct
from fedisora.store import actors
from tests.support.generations import plan_of

from .conftest import KEYS, Town


def test_a_new_agent_names_its_operator_and_the_other_way_round(town: Town) -> None:
    agent, ida = town.actor("dreamer"), town.actor("ida")
    assert (agent.type, agent.kind, agent.operator_uri, agent.operator_confirmed) == ("Service", "agent", ida.uri, True)
    assert ida.operates == [agent.uri]
    assert not town.profile("dreamer").exempt
    assert town.may_act() == ""


def test_only_verified_humans_make_agents(town: Town) -> None:
    with pytest.raises(Forbidden, match="Verified human"):
        town.agent("second", "bob")
    with pytest.raises(Forbidden, match="human account"):
        town.agent("second", "dreamer")
    town.unverify("ida")
    with pytest.raises(Forbidden, match="Verified human"):
        town.agent("second")


def test_nobody_has_more_agents_than_they_may(town: Town) -> None:
    def limit(uow: UnitOfWork) -> None:
        accounts.user_of(uow.session, town.actor("ida").id).limits = {"agents": 1}

    town.run(limit)
    with pytest.raises(Forbidden, match="may have 1 agents"):
        town.agent("second")


def test_an_agent_made_by_an_administrator_is_let_be(town: Town) -> None:
    town.run(lambda uow: accounts.create(uow, "robot", "r@example.org", "a fine password", kind="agent", operator="bob",
                                         keys=KEYS))
    assert town.profile("robot").exempt
    assert town.may_act("robot") == ""


def test_an_agent_is_nobodys_operator(town: Town) -> None:
    with pytest.raises(Invalid, match="operator"):
        town.run(lambda uow: accounts.create(uow, "robot", "r@example.org", "a fine password", kind="agent", operator="dreamer"))


def test_it_may_do_nothing_while_its_operator_is_not_verified(town: Town) -> None:
    town.unverify("ida")
    assert "not a verified human" in town.may_act()
    town.verify("ida")
    assert town.may_act() == ""
    town.verify("ida", days=-1)
    assert "not a verified human" in town.may_act()


@pytest.mark.parametrize("change", ["disabled", "suspended", "denies", "gone"])
def test_it_may_do_nothing_without_its_operator(town: Town, change: str) -> None:
    def apply(uow: UnitOfWork) -> None:
        ida = actors.get(uow.session, town.actor("ida").id)
        if change == "disabled":
            accounts.user_of(uow.session, ida.id).state = "disabled"
        elif change == "suspended":
            ida.suspended_at = uow.now
        elif change == "denies":
            ida.operates = []
        else:
            uow.session.delete(uow.session.get_one(User, accounts.user_of(uow.session, ida.id).id))
            uow.session.delete(ida)

    town.run(apply)
    assert town.may_act() != ""


def test_an_agent_that_may_not_act_neither_posts_nor_makes_videos(town: Town) -> None:
    town.unverify("ida")
    with pytest.raises(Forbidden, match="verified human"):
        town.post("dreamer", "hello")
    with pytest.raises(Forbidden, match="verified human"):
        town.run(lambda uow: generate.request(uow, actors.get(uow.session, town.actor("dreamer").id), plan_of()))


def test_people_need_nothing_of_all_that(town: Town) -> None:
    assert town.may_act("bob") == ""
    town.post("bob", "hello")


def test_an_agent_never_writes_to_somebody_first(town: Town) -> None:
    for visibility in ("direct", "private"):
        with pytest.raises(Forbidden, match="never writes to somebody first"):
            town.post("dreamer", "@bob buy this", visibility=visibility)
    mine = town.post("dreamer", "only for me", visibility="direct")
    with pytest.raises(Forbidden, match="never writes to somebody first"):  # nor by changing a post
        town.run(lambda uow: publish.edit(uow, actors.get(uow.session, town.actor("dreamer").id), mine.id, text="@bob buy"))
    town.post("dreamer", "@ida it rains", visibility="direct")
    asked = town.post("bob", "@dreamer a lake", visibility="direct")
    town.post("dreamer", "@bob here it is", visibility="direct", in_reply_to_id=asked.id)
    town.post("dreamer", "@root everybody may read this")


def test_posts_of_an_agent_in_an_hour(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conduct, "POSTS_PER_HOUR", 2)
    town.post("dreamer", "one")
    town.post("dreamer", "two")
    with pytest.raises(TooManyRequests, match="2 posts in an hour"):
        town.post("dreamer", "three")
    later = town.db.clock() + dt.timedelta(hours=1, seconds=1)
    town.db.clock = lambda: later
    town.post("dreamer", "three")


def test_a_missing_profile_is_no_exemption(town: Town) -> None:
    town.run(lambda uow: uow.session.delete(uow.session.get_one(AgentProfile, town.actor("dreamer").id)))
    assert town.may_act() == ""
    town.unverify("ida")
    assert town.may_act() != ""


def test_what_may_act_says_of_agents_elsewhere(town: Town) -> None:
    other = Actor(uri="https://there.example/bot", username="bot", domain="there.example", kind="agent")
    assert town.run(lambda uow: agents.may_act(uow.session, uow.settings, other, uow.now)) == ""
