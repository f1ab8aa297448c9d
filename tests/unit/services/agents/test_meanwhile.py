"""What happens between a question and its answer: blocks, suspensions, and people who have had enough."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from fedisora.db import UnitOfWork
from fedisora.models import Actor, AgentOptOut, Block, DomainRule
from fedisora.services import publish
from fedisora.services.agents import answers
from fedisora.store import actors
from tests.support.asking import Asking, elsewhere
from tests.unit.services.agents.conftest import Town

from .test_answers import _signing, _to, again


@pytest.fixture
def asking(town: Town) -> Asking:
    return Asking(town.db)


def block(who: str) -> Callable[[UnitOfWork], None]:
    """The agent or its operator blocks who asked, or the other way round."""
    def write(uow: UnitOfWork) -> None:
        mia, found = elsewhere(uow, "mia"), actors.by_handle(uow.session, who.removeprefix("by "))
        assert found is not None
        pair = (mia, found.id) if who.startswith("by ") else (found.id, mia)
        uow.session.add(Block(id=uow.new_id(), actor_id=pair[0], target_id=pair[1], uri=f"x:{uow.new_id()}", created_at=uow.now))

    return write


def rule(severity: str) -> Callable[[UnitOfWork], None]:
    return lambda uow: uow.session.add(DomainRule(domain="m.example", severity=severity, created_at=uow.now))


def suspend(uow: UnitOfWork) -> None:
    uow.session.get_one(Actor, elsewhere(uow, "mia")).suspended_at = uow.now


@pytest.mark.parametrize("change", [block("dreamer"), block("ida"), block("by dreamer"), block("by ida"), rule("block"),
                                    rule("silence"), suspend])
def test_nobody_is_answered_with_whom_there_is_nothing_to_talk_about_any_more(asking: Asking,
                                                                                 change: Callable[[UnitOfWork], None]) -> None:
    found = asking.asks("a cat")
    status_id = _signing(asking, found, state="done")
    asking.db.write_now(change)
    asking.db.write_now(lambda uow: publish.finish(uow, status_id))
    assert not asking.said()[-1].published
    asking.work()
    assert again(asking, found).state == "withdrawn" and not asking.said()


def test_no_words_either(asking: Asking) -> None:
    found = asking.asks("a cat")
    asking.db.write_now(block("ida"))
    _to(asking, found, "failed", error="It could not be made.")
    assert not asking.said() and again(asking, found).state in ("withdrawn", "failed")


def test_who_has_had_enough_is_heard_also_where_nothing_is_answered_any_more(asking: Asking, town: Town,
                                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    asking.asks("a cat, 5000 seconds")
    monkeypatch.setattr(answers.asking, "THREAD_ANSWERS", 1)
    deep = asking.asks("stop", inReplyTo=asking.said()[-1].uri)
    assert deep.state == "ignored" and len(asking.said()) == 1
    mia = asking.actor("mia").id
    assert asking.db.read_now(lambda session: session.get(AgentOptOut, (asking.agent.id, mia))) is not None
    assert asking.asks("a cat").state == "ignored"
    town.unverify("ida")
    asking.asks("stop", "noa")
    town.verify("ida")
    assert asking.asks("a cat", "noa").state == "ignored"


def test_a_word_to_somebody_else_is_not_for_the_agent(asking: Asking, town: Town) -> None:
    begun = town.post("bob", "a thread")
    shown = (f'<p><a href="https://here.example/@bob" class="u-url mention">@bob</a> <a href="{asking.agent.url}" class="u-url '
             'mention">@dreamer</a> stop</p>')
    assert asking.asks("", content=shown, inReplyTo=begun.uri).state == "ignored"
    assert asking.asks("a cat").state == "making"


def test_the_style_takes_its_room_and_the_refusal_counts_it(asking: Asking) -> None:
    asking.set(style="x" * 298)
    no = asking.asks("y" * 701)
    assert no.state == "refused" and "Your prompt may have 700 characters at most." in asking.said()[-1].text
    assert asking.asks("y" * 700, "noa").state == "making"
