"""What happens between a question and its answer: blocks, suspensions, and people who have had enough."""
from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from fedisora.db import UnitOfWork
from fedisora.models import Actor, AgentMention, AgentOptOut, Block, DomainRule
from fedisora.services import generations, publish
from fedisora.services.agents import answers
from fedisora.services.agents.standing import PAUSED
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


def test_the_time_to_ask_again_says_of_which_day_it_is(asking: Asking) -> None:
    """Whoever reads "after 11:00" at noon would ask again at once."""
    asking.set(per_person=1)
    noon = dt.datetime.now(dt.UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    asking.db.clock = lambda: noon
    for author, hours, words in (("noa", -1, "Ask again tomorrow after 11:00 UTC."), ("kim", -23, "Ask again after 13:00 UTC.")):
        first = asking.asks("a cat", author)
        asking.db.write_now(lambda uow, i=first.id, h=hours: setattr(  # type: ignore[misc]
            uow.session.get_one(AgentMention, i), "created_at", noon + dt.timedelta(hours=h)))
        assert asking.asks("a dog", author).state == "refused" and asking.said()[-1].text.endswith(words)


def test_what_is_finished_while_the_agent_may_not_act_does_not_lie_about(asking: Asking, town: Town) -> None:
    """Its operator's credential ended while it was made, and the sweep that stops such work has not come by."""
    found = asking.asks("a cat")
    town.unverify("ida")
    _to(asking, found, "draft", code=PAUSED, error=town.may_act())
    assert again(asking, found).state == "refused" and asking.generation(found).state == "discarded" and not asking.said()


def test_a_long_warning_does_not_make_an_answer_impossible(asking: Asking) -> None:
    asking.set(persona="p" * 300)
    found = asking.asks("y" * 1000, "n" * 64, f"{'d' * 60}.{'e' * 60}.{'f' * 60}.example", summary="w " * 250, sensitive=True)
    row = asking.generation(found)
    assert found.state == "making" and row.publish_as is not None
    generations.draft_of(row.publish_as)
    assert row.publish_as["spoiler_text"].startswith("w w")


def test_whoever_was_helped_learns_why_not_and_whoever_was_refused_that_they_are_left_alone(asking: Asking) -> None:
    assert [asking.asks(words).state for words in ("help", "a cat, 5000 seconds", "info", "a dog, 5000 seconds")] == [
        "told", "refused", "ignored", "ignored"]
    states = [asking.asks(words, "noa").state for words in ("a cat, 5000 seconds", "stop", "start", "stop")]
    assert states == ["refused", "told", "ignored", "ignored"]
    assert asking.asks("a cat", "noa").state == "ignored" and len(asking.said()) == 4
