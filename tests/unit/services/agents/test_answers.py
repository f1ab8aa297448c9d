"""Agents that are asked in public: what is made, what is refused, and when nothing at all is said."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.models import Actor, AgentMention, Block, DomainRule, Follow, Generation, Job, Mention, Status, User
from fedisora.services import generations, publish, screenings
from fedisora.services.agents import answers, mention_states
from fedisora.store import actors, statuses
from tests.support.asking import Asking, elsewhere
from tests.unit.services.agents.conftest import Town


@pytest.fixture
def asking(town: Town) -> Asking:
    found = Asking(town.db)
    found.db.write_now(lambda uow: setattr(uow.session.scalars(select(User).where(User.actor_id == found.agent.id)).one(),
                                           "limits", {"jobs": 50}))
    return found


def reply_of(asking: Asking, mention: AgentMention) -> Status:
    assert mention.reply_id is not None
    return asking.db.read_now(lambda session: session.get_one(Status, mention.reply_id))


def named(asking: Asking, status: Status) -> list[str]:
    return [person.acct for person in asking.db.read_now(lambda session: statuses.mentions(session, [status.id])[status.id])]


# ---- nothing
@pytest.mark.parametrize("kind", [{"type": "Service"}, {"type": "Application"}, {"type": "Group"}, {"kind": "agent"}])
def test_a_machine_is_not_even_noted(asking: Asking, kind: dict[str, Any]) -> None:
    assert asking.mention(asking.arrives("a cat", "bot", kind=kind)) is None


def test_a_machine_that_says_so_later_is_ignored(asking: Asking) -> None:
    status_id = asking.arrives("a cat", "sly")
    asking.db.write_now(lambda uow: setattr(uow.session.get_one(Actor, elsewhere(uow, "sly")), "type", "Service"))
    asking.work()
    found = asking.mention(status_id)
    assert found is not None and found.state == "ignored" and not asking.said()


@pytest.mark.parametrize(("more", "noted"), [({"age": 25}, False), ({"quiet": True}, False), ({"age": 23}, True)])
def test_old_posts_and_those_that_are_found_by_looking_around_ask_nothing(asking: Asking, more: dict[str, Any],
                                                                            noted: bool) -> None:
    assert (asking.mention(asking.arrives("a cat", **more)) is not None) == noted


def test_an_agent_that_is_off_or_stopped_answers_nobody(asking: Asking) -> None:
    asking.set(answers=False)
    assert asking.mention(asking.arrives("a cat")) is None
    asking.set(answers=True)
    waiting = asking.arrives("a cat")
    asking.set(stopped_at=asking.db.clock())
    asking.work()
    found = asking.mention(waiting)
    assert found is not None and found.state == "ignored" and "stopped" in found.reason
    assert asking.mention(asking.arrives("a cat")) is None and not asking.said()


def test_an_agent_whose_operator_is_not_verified_any_more_answers_nobody(asking: Asking, town: Town) -> None:
    town.unverify("ida")
    found = asking.asks("a cat")
    assert found.state == "ignored" and "verified human" in found.reason and not asking.said()


def _block(who: str, whom: str) -> Any:
    def write(uow: UnitOfWork) -> None:
        pair = {name: actors.by_handle(uow.session, name) for name in ("ida", "dreamer")}
        pair["mia"] = uow.session.get_one(Actor, elsewhere(uow, "mia"))
        uow.session.add(Block(id=uow.new_id(), actor_id=pair[who].id, target_id=pair[whom].id, uri=f"x:{uow.new_id()}",  # type: ignore[union-attr]
                              created_at=uow.now))

    return write


@pytest.mark.parametrize(("who", "whom"), [("dreamer", "mia"), ("mia", "dreamer"), ("ida", "mia"), ("mia", "ida")])
def test_a_block_either_way_is_silence(asking: Asking, who: str, whom: str) -> None:
    asking.db.write_now(_block(who, whom))
    status_id = asking.arrives("a cat")
    asking.work()
    found = asking.mention(status_id)
    assert (found is None or found.state == "ignored") and not asking.said()


@pytest.mark.parametrize("severity", ["block", "silence"])
def test_a_server_that_is_blocked_or_silenced_gets_no_answer(asking: Asking, severity: str) -> None:
    status_id = asking.arrives("a cat")
    asking.db.write_now(lambda uow: uow.session.add(DomainRule(domain="m.example", severity=severity, created_at=uow.now)))
    asking.work()
    found = asking.mention(status_id)
    assert found is not None and found.state == "ignored" and not asking.said()


def test_who_is_suspended_gets_no_answer(asking: Asking) -> None:
    status_id = asking.arrives("a cat")
    asking.db.write_now(lambda uow: setattr(uow.session.get_one(Actor, elsewhere(uow, "mia")), "suspended_at", uow.now))
    asking.work()
    assert not asking.said() and asking.mention(status_id).state == "ignored"  # type: ignore[union-attr]


def test_a_name_carried_along_in_a_thread_asks_nothing(asking: Asking, town: Town) -> None:
    begun = town.post("bob", "a thread")
    shown = (f'<p><a href="https://here.example/@bob" class="u-url mention">@bob</a> <a href="{asking.agent.url}" class="u-url '
             'mention">@dreamer</a> nice, is it not?</p>')
    found = asking.asks("", content=shown, inReplyTo=begun.uri)
    assert found.state == "ignored" and "somebody else" in found.reason
    assert asking.asks("a cat", inReplyTo=begun.uri).state == "making"


# ---- a video
def test_a_request_is_queued_with_the_post_it_becomes(asking: Asking) -> None:
    asking.set(style="in watercolour", persona="I paint what you say.", seconds=2.0)
    found = asking.asks("a lighthouse in fog, portrait, seed 42")
    row = asking.generation(found)
    assert (found.state, row.state, row.prompt, row.seed) == ("making", "submitted", "in watercolour, a lighthouse in fog", "42")
    assert row.height > row.width and row.seconds == pytest.approx(2.0, abs=0.1) and row.options["mention"] == str(found.id)
    post = row.publish_as or {}
    assert post["visibility"] == "unlisted" and post["in_reply_to_id"] == found.status_id and post["show_prompt"] is True
    assert post["description"] == "Procedural video, not AI: in watercolour, a lighthouse in fog"
    for words in ("@mia@m.example ", "in watercolour, a lighthouse in fog", "I paint what you say.", "seed 42",
                  f"{row.width} × {row.height}", "2 s", "procedural"):
        assert words in post["text"]
    assert row.payer_id == asking.actor("ida").id
    asking.work()
    assert asking.db.read_now(lambda session: len(session.scalars(select(Generation)).all())) == 1


@pytest.mark.parametrize(("asked", "answered"), [("public", "unlisted"), ("unlisted", "unlisted"), ("private", "direct"),
                                                 ("direct", "direct")])
def test_the_answer_goes_no_further_than_the_question(asking: Asking, asked: str, answered: str) -> None:
    row = asking.generation(asking.asks("a cat", visibility=asked))
    assert row.publish_as is not None and row.publish_as["visibility"] == answered
    refused = asking.asks("a cat, 5000 seconds", "noa", visibility=asked)
    reply = reply_of(asking, refused)
    assert reply.visibility == answered and named(asking, reply) == ["noa@m.example"]


def test_somebody_here_asks_too(asking: Asking, town: Town) -> None:
    status = town.post("bob", "@dreamer a cat, square")
    asking.work()
    found = asking.mention(status.id)
    assert found is not None and found.state == "making" and found.domain == ""
    assert (asking.generation(found).publish_as or {})["text"].startswith("@bob a cat")


def test_nobody_else_is_named_or_tagged_by_the_answer(asking: Asking) -> None:
    asking.set(persona="by @ida #art", style="like @bob@x.example")
    row = asking.generation(asking.asks("a cat with @painter@b.example and #tags @ida"))
    text = (row.publish_as or {})["text"]
    assert text.count("@") == 2 and text.startswith("@mia@m.example ") and "#" not in text


def test_who_is_named_in_a_prompt_is_left_to_the_gate_for_likenesses(asking: Asking) -> None:
    """Else a mention would show people whose consent the same words need in every other place."""
    asking.asks("hello", "noa")
    here, there = asking.actor("ida"), asking.actor("noa")
    link = '<a href="{}" class="u-url mention">@<span>{}</span></a>'
    known, unknown = link.format(there.url, "noa"), link.format("https://u.example/@una", "una")
    words = f"a portrait of @ida and {known} and {unknown} and @ghost@g.example and @nobody here"
    row = asking.generation(asking.asks(words, "kai"))
    assert row.options["likenesses"] == [here.uri, there.uri, "https://u.example/@una", "@ghost@g.example"]
    assert "likenesses" not in asking.generation(asking.asks("@ida a cat with @dreamer @ida", "pia")).options


def test_an_answer_in_words_repeats_no_content_warning(asking: Asking) -> None:
    refused = asking.asks("a cat, 5000 seconds", summary="something vile", sensitive=True)
    assert reply_of(asking, refused).spoiler_text == ""


def test_of_two_agents_that_are_named_the_first_answers(asking: Asking, town: Town) -> None:
    town.agent("painter")
    other = Asking(town.db, "painter")
    both = [{"type": "Mention", "href": one.agent.uri, "name": "x"} for one in (other, asking)]
    status_id = asking.arrives(f'<a href="{other.agent.url}" class="u-url mention">@painter</a> a cat', tag=both)
    asking.work()
    mine, theirs = asking.mention(status_id), other.mention(status_id)
    assert mine is not None and mine.state == "making" and theirs is not None and theirs.state == "ignored"


def test_two_agents_that_name_each_other_say_nothing(asking: Asking, town: Town) -> None:
    town.agent("painter")
    other = Asking(town.db, "painter")
    for one, name in ((asking, "painter"), (other, "dreamer")):
        town.post(one.agent.username, f"@{name} a cat")
    asking.work()
    assert len(asking.said()) == len(other.said()) == 1
    assert asking.db.read_now(lambda session: session.scalar(select(AgentMention.id))) is None


# ---- refusals
def test_who_may_ask(asking: Asking, town: Town) -> None:
    asking.set(audience="followers")
    no = asking.asks("a cat")
    assert no.state == "refused" and "follow" in reply_of(asking, no).text

    def follow(uow: UnitOfWork) -> None:
        uow.session.add(Follow(id=uow.new_id(), actor_id=elsewhere(uow, "noa"), target_id=asking.agent.id, state="accepted",
                               uri="x:1", created_at=uow.now))
        uow.session.add(Follow(id=uow.new_id(), actor_id=asking.actor("ida").id, target_id=elsewhere(uow, "pia"),
                               state="accepted", uri="x:2", created_at=uow.now))

    asking.db.write_now(follow)
    assert asking.asks("a cat", "noa").state == "making"
    asking.set(audience="operator")
    assert asking.asks("a cat", "pia").state == "making" and asking.asks("a cat", "noa").state == "refused"
    asking.set(audience="listed", allowed=["@Kim@m.example", "friends.example"])
    assert asking.asks("a cat", "kim").state == "making" and asking.asks("a cat", "x", "sub.friends.example").state == "making"
    assert asking.asks("a cat", "lou").state == "refused"
    asking.set(blocked=["m.example"])
    silent = asking.asks("a cat", "kim")
    assert silent.state == "ignored" and silent.reply_id is None
    asked = town.post("ida", "@dreamer a cat")
    asking.work()
    assert asking.mention(asked.id).state == "making"  # type: ignore[union-attr]


def test_a_refusal_says_why_once(asking: Asking) -> None:
    first = asking.asks("a cat, 5000 seconds")
    reply = reply_of(asking, first)
    assert first.state == "refused" and "seconds long" in reply.text and reply.in_reply_to_id == first.status_id
    assert asking.asks("a dog, 5000 seconds").state == "ignored"
    assert asking.asks("a dog, 5000 seconds", "noa", inReplyTo=reply.uri).state == "ignored"
    assert asking.asks("a dog, 2 seconds", inReplyTo=reply.uri).state == "making"
    assert len(asking.said()) == 1


@pytest.mark.parametrize(("limit", "who"), [("per_person", ("mia", "m.example")), ("per_domain", ("noa", "m.example")),
                                            ("per_day", ("noa", "n.example"))])
def test_limits_count_24_hours(asking: Asking, limit: str, who: tuple[str, str]) -> None:
    asking.set(**{limit: 1})
    first = asking.asks("a cat")
    no = asking.asks("a dog", *who)
    assert first.state == "making" and no.state == "refused" and "1 video " in reply_of(asking, no).text
    if limit != "per_day":
        assert asking.asks("a dog", "noa", "n.example").state == "making"

    def age(uow: UnitOfWork) -> None:
        for row in uow.session.scalars(select(AgentMention)):
            row.created_at = uow.now - dt.timedelta(hours=25)
            row.answered_at = uow.now - dt.timedelta(hours=25)

    asking.db.write_now(age)
    assert asking.asks("a dog", *who).state == "making"


def test_a_thread_has_an_end(asking: Asking) -> None:
    parent = asking.arrives("a cat, 5000 seconds")
    asking.work()
    for number in range(answers.asking.THREAD_ANSWERS):
        asking.db.write_now(lambda uow: [setattr(row, "answered_at", uow.now - dt.timedelta(hours=2))
                                         for row in uow.session.scalars(select(AgentMention))])
        said = asking.said()[-1]
        assert len(asking.said()) == number + 1
        # as somebody's program would that answers everything, first to a video's post
        asking.db.write_now(lambda uow, i=said.id: setattr(uow.session.get_one(Status, i), "idempotency_key", None))  # type: ignore[misc]
        parent = asking.arrives("again, 5000 seconds", inReplyTo=said.uri)
        asking.work()
    found = asking.mention(parent)
    assert found is not None and found.state == "ignored" and "times in this conversation" in found.reason
    assert len(asking.said()) == answers.asking.THREAD_ANSWERS


def test_a_full_agent_looks_again_later(asking: Asking) -> None:
    asking.db.write_now(lambda uow: setattr(uow.session.scalars(select(User).where(User.actor_id == asking.agent.id)).one(),
                                            "limits", {"jobs": 1}))
    assert asking.asks("a cat").state == "making"
    waiting = asking.asks("a dog", "noa")
    assert waiting.state == "received" and not asking.said()
    later = asking.db.read_now(lambda session: session.scalars(select(Job).where(Job.kind == "answer_mention")).one())
    assert later.payload == {"mention_id": waiting.id} and later.run_at > asking.db.clock()
    asking.db.write_now(lambda uow: setattr(uow.session.get_one(AgentMention, waiting.id), "created_at",
                                            uow.now - answers.PATIENCE))
    asking.db.write_now(lambda uow: setattr(uow.session.get_one(Job, later.id), "run_at", uow.now))
    asking.work()
    assert "too much to do" in asking.said()[-1].text


# ---- words
def test_stop_and_start(asking: Asking) -> None:
    stopped = asking.asks("stop!")
    assert stopped.state == "told" and "leave you alone" in reply_of(asking, stopped).text
    assert asking.asks("a cat").state == "ignored" and asking.asks("stop").state == "ignored"
    asking.asks("start")
    assert asking.asks("a cat").state == "making" and asking.asks("a cat", "noa").state == "making"


def test_stop_also_stops_what_is_in_the_making(asking: Asking) -> None:
    waiting, other = asking.asks("a cat"), asking.asks("a cat", "noa")
    asking.asks("stop")
    assert again(asking, waiting).state == "withdrawn" and asking.generation(waiting).state in ("cancelled", "discarded")
    assert again(asking, other).state == "making" and len(asking.said()) == 1


def test_a_running_video_that_is_not_wanted_any_more_is_never_posted(asking: Asking) -> None:
    waiting = asking.asks("a cat")

    def run(uow: UnitOfWork) -> None:
        row = uow.session.get_one(Generation, waiting.generation_id)
        row.state, row.lease_owner, row.lease_until = "running", "worker", uow.now + dt.timedelta(minutes=1)

    asking.db.write_now(run)
    asking.asks("stop")
    assert again(asking, waiting).state == "withdrawn" and asking.generation(waiting).cancel_requested
    _to(asking, waiting, "cancelled", lease_owner=None)
    assert again(asking, waiting).state == "withdrawn" and len(asking.said()) == 1


def test_an_answer_that_is_being_signed_is_not_sent_to_who_says_stop(asking: Asking) -> None:
    waiting = asking.asks("a cat")
    status_id = _signing(asking, waiting, state="publishing")
    asking.asks("stop")
    asking.db.write_now(lambda uow: publish.finish(uow, status_id))
    _to(asking, waiting, "done", status_id=status_id)
    assert again(asking, waiting).state == "withdrawn"
    assert [post.idempotency_key for post in asking.said() if post.id == status_id] == [] and len(asking.said()) == 1


def test_help_says_how_and_thanks_say_nothing(asking: Asking) -> None:
    asking.set(persona="I am a dreamer.", stop_word="enough")
    told = reply_of(asking, asking.asks("help"))
    assert "I am a dreamer." in told.text and "portrait" in told.text and "“enough”" in told.text
    assert asking.asks("").state == "ignored" and asking.asks("thanks!", "noa").state == "ignored"
    assert asking.asks("", "pia").state == "told"


# ---- what becomes of it
def _to(asking: Asking, mention: AgentMention, state: str, **values: Any) -> None:
    """The generation reaches a state as workers and moderators write it."""
    def write(uow: UnitOfWork) -> None:
        row = uow.session.get_one(Generation, mention.generation_id)
        for name, value in ({"state": state} | values).items():
            setattr(row, name, value)
        uow.session.flush()
        generations.changed(uow, row)

    asking.db.write_now(write)
    asking.work()


def again(asking: Asking, mention: AgentMention) -> AgentMention:
    return asking.db.read_now(lambda session: session.get_one(AgentMention, mention.id))


def test_a_video_that_fails_is_said_once(asking: Asking) -> None:
    found = asking.asks("a cat")
    _to(asking, found, "failed", code="crashed", error="Making this video stopped the renderer again and again.")
    _to(asking, found, "failed")
    now = again(asking, found)
    assert now.state == "failed" and len(asking.said()) == 1 and "stopped the renderer" in reply_of(asking, now).text


def test_a_gate_holds_then_denies(asking: Asking) -> None:
    found = asking.asks("a cat")

    def hold(uow: UnitOfWork) -> None:
        screenings.note(uow, uow.session.get_one(Generation, found.generation_id), gate="words", stage="prompt", decision="hold",
                        code="held", reason="This may show a real person.", evidence={})

    asking.db.write_now(hold)
    asking.work()
    assert again(asking, found).state == "held" and "moderator" in asking.said()[-1].text
    _to(asking, found, "rejected", error="This shows a real person.")
    assert again(asking, found).state == "refused" and "real person" in asking.said()[-1].text and len(asking.said()) == 2


def test_a_video_that_was_held_and_allowed_is_answered(asking: Asking) -> None:
    found = asking.asks("a cat")
    _to(asking, found, "held", error="look")
    _to(asking, found, "done", status_id=found.status_id)
    now = again(asking, found)
    assert now.state == "answered" and now.reply_id == found.status_id and len(asking.said()) == 1


@pytest.mark.parametrize("state", ["submitted", "queued", "running", "held", "draft", "failed"])
def test_who_deletes_the_question_gets_no_answer(asking: Asking, state: str) -> None:
    found = asking.asks("a cat")
    asking.db.write_now(lambda uow: setattr(uow.session.get_one(Generation, found.generation_id), "state", state))
    asking.forget(found.status_id or 0)
    assert again(asking, found).state == "withdrawn" and not asking.said()
    assert asking.generation(found).state in ("cancelled", "discarded")


def test_a_question_that_is_deleted_before_it_is_read(asking: Asking) -> None:
    status_id = asking.arrives("a cat")
    found = asking.mention(status_id)
    assert found is not None
    asking.forget(status_id)
    assert again(asking, found).state == "withdrawn" and again(asking, found).generation_id is None


def _signing(asking: Asking, mention: AgentMention, *, state: str) -> int:
    """The answer's post as it stands while its file is signed; its row id."""
    def write(uow: UnitOfWork) -> int:
        status = publish.create(uow, actors.get(uow.session, asking.agent.id), publish.Draft(
            text="@mia@m.example a cat", in_reply_to_id=mention.status_id, idempotency_key=f"agent-answer-{mention.id}"))
        status.published = False
        row = uow.session.get_one(Generation, mention.generation_id)
        row.state, row.status_id = state, status.id if state == "done" else None
        return status.id

    return asking.db.write_now(write)


def test_an_answer_that_is_being_signed_is_taken_back(asking: Asking) -> None:
    found = asking.asks("a cat")
    status_id = _signing(asking, found, state="done")
    asking.db.write_now(lambda uow: statuses.delete(uow, uow.session.get_one(Status, found.status_id)))
    asking.db.write_now(lambda uow: publish.finish(uow, status_id))
    assert not asking.said()[-1].published
    asking.work()
    assert not asking.said() and again(asking, found).state == "withdrawn"


def test_an_answer_whose_file_could_not_be_signed_says_so(asking: Asking) -> None:
    found = asking.asks("a cat")

    def write(uow: UnitOfWork) -> None:
        status = publish.create(uow, actors.get(uow.session, asking.agent.id), publish.Draft(
            text="@mia@m.example a cat", in_reply_to_id=found.status_id, idempotency_key=f"agent-answer-{found.id}"))
        status.published = False
        row = uow.session.get_one(Generation, found.generation_id)
        row.state, row.status_id = "done", status.id
        uow.session.flush()
        publish.abandon(uow, status.id)

    asking.db.write_now(write)
    asking.work()
    assert again(asking, found).state == "failed" and "could not make this" in asking.said()[-1].text


def test_states_lead_only_to_states() -> None:
    for name, after in mention_states.STATES.items():
        assert after <= set(mention_states.STATES) and name != "", name


def test_a_mention_of_a_person_asks_nothing(town: Town) -> None:
    town.post("ida", "@bob hello")
    assert town.db.read_now(lambda session: session.scalar(select(AgentMention.id))) is None
    assert town.db.read_now(lambda session: session.scalar(select(Mention.actor_id))) is not None
