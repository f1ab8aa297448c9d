"""Polls: counts that come in, votes that come in and go out, and what happens at the end."""
from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from fedisora.errors import Invalid, NotOwner
from fedisora.models import Block, Job, Notification, Poll, PollVote, Status
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.services import polls as service
from fedisora.services import publish
from fedisora.store import actors, statuses

from .conftest import EVE, REM, Town, remote_actor

HOUR = 3600


def question(town: Town, *, multiple: bool = False, visibility: str = "public") -> str:
    """A poll of Ada's; its post's id."""
    return town.run(lambda uow: publish.create(uow, actors.by_uri(uow.session, town.ada), publish.Draft(  # type: ignore[arg-type]
        text="What do you drink?", visibility=visibility, poll=service.PollDraft(("tea", "coffee"), HOUR, multiple))).uri)


def vote(town: Town, uri: str, name: object, voter: str = REM, **more: Any) -> str:
    number = next(town.numbers)
    note = {"id": f"{voter}#votes/{number}", "type": "Note", "name": name, "attributedTo": voter, "inReplyTo": uri,
            "to": town.ada, **more}
    return town.receive(town.activity("Create", note, actor=voter))


def counts(town: Town, uri: str) -> tuple[list[int], int | None]:
    def read(session: Any) -> tuple[list[int], int | None]:
        status = statuses.by_uri(session, uri)
        assert status is not None
        poll = session.get_one(Poll, status.id)
        return [option["votes"] for option in poll.options], poll.voters_count

    return town.db.read_now(read)


def row(town: Town, uri: str) -> Status:
    found = town.db.read_now(lambda session: statuses.by_uri(session, uri))
    assert found is not None
    return found


def remote_question(town: Town, **more: Any) -> dict[str, Any]:
    options = [{"type": "Note", "name": "tea", "replies": {"type": "Collection", "totalItems": 2}},
               {"type": "Note", "name": "coffee", "replies": {"type": "Collection", "totalItems": 1}}]
    return town.note("tea?", **{"type": "Question", "endTime": "2099-01-01T00:00:00Z", "votersCount": 3,
                              "oneOf": options, **more})


def later(town: Town, seconds: float) -> None:
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    town.db.clock = lambda: now


# ---- what must not count, first
@pytest.mark.parametrize("case", ["no option", "after the end", "somebody else's", "not addressed", "no poll", "blocked",
                                  "private"])
def test_votes_that_do_not_count(town: Town, case: str) -> None:
    town.follows(REM, town.ada)
    uri = question(town, visibility="private" if case == "private" else "public")
    if case == "no option":
        with pytest.raises(Invalid):
            vote(town, uri, "milk")
    elif case == "somebody else's":
        with pytest.raises(NotOwner):
            town.receive(town.activity("Create", {"id": f"{REM}#votes/1", "type": "Note", "name": "tea", "attributedTo": REM,
                                                  "inReplyTo": uri, "to": town.ada}, actor=EVE))
    elif case == "after the end":
        later(town, HOUR + 1)
        assert vote(town, uri, "tea") == "ignored: the poll is over"
    elif case == "not addressed":
        assert vote(town, uri, "tea", to="https://other.example/u").startswith("ignored")
    elif case == "no poll":
        assert vote(town, town.post(), "tea") == "ignored: no such poll"
    elif case == "blocked":
        ada, rem = town.actor(town.ada).id, town.actor(REM).id
        town.run(lambda uow: uow.session.add(Block(id=uow.new_id(), actor_id=ada, target_id=rem, uri="", created_at=uow.now)))
        assert vote(town, uri, "tea").startswith("ignored")
    else:
        assert vote(town, uri, "tea", voter=EVE) == "ignored: no such poll"
    assert counts(town, uri) == ([0, 0], 0)
    assert town.db.read_now(lambda session: session.scalar(select(func.count()).select_from(Status).where(
        Status.local.is_(False)))) == 0


def test_a_single_choice_counts_once_per_actor_and_is_no_post(town: Town) -> None:
    uri = question(town)
    assert vote(town, uri, "tea") == "voted"
    assert vote(town, uri, "tea") == vote(town, uri, "coffee") == "ignored: voted already"
    assert vote(town, uri, "coffee", voter=EVE) == "voted"
    assert counts(town, uri) == ([1, 1], 2)
    assert row(town, uri).replies_count == 0


def test_a_multiple_choice_counts_each_choice_once(town: Town) -> None:
    uri = question(town, multiple=True)
    assert [vote(town, uri, name) for name in ("tea", "coffee", "tea")] == ["voted", "voted", "ignored: voted already"]
    assert counts(town, uri) == ([1, 1], 1)


def test_a_named_note_with_content_is_an_answer(town: Town) -> None:
    uri = question(town)
    assert vote(town, uri, "tea", content="<p>Tea, of course!</p>") == "stored"
    assert counts(town, uri) == ([0, 0], 0)


def test_our_question_leaves_as_mastodon_writes_it(town: Town) -> None:
    town.follows(REM, town.ada)
    question(town)
    sent = town.sent("Create")[0]["object"]
    assert sent["type"] == "Question"
    assert sent["oneOf"] == [{"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": 0}}
                             for name in ("tea", "coffee")]
    assert sent["votersCount"] == 0
    assert "closed" not in sent
    assert dt.datetime.fromisoformat(sent["endTime"]) > dt.datetime.now(dt.UTC)


def test_new_counts_wait_for_one_update(town: Town) -> None:
    town.follows(REM, town.ada)
    uri = question(town)
    vote(town, uri, "tea")
    vote(town, uri, "coffee", voter=EVE)
    planned = town.db.read_now(lambda session: session.scalars(select(Job).where(Job.kind == "announce_poll")).all())
    assert len(planned) == 1
    assert planned[0].run_at - planned[0].created_at == dt.timedelta(minutes=3)
    town.run(lambda uow: service.announce(uow, row(town, uri).id))
    update = town.sent("Update")[0]
    assert [option["replies"]["totalItems"] for option in update["object"]["oneOf"]] == [1, 1]
    assert update["object"]["votersCount"] == 2
    assert "updated" not in update["object"]


def test_the_end_is_announced_once_and_told(town: Town) -> None:
    town.follows(REM, town.ada)
    uri = question(town)
    vote(town, uri, "tea")
    status_id = row(town, uri).id
    town.run(lambda uow: service.end(uow, status_id))
    assert town.sent("Update") == []  # not over yet
    later(town, HOUR + 1)
    for _ in range(2):
        town.run(lambda uow: service.end(uow, status_id))
    final = {update["id"]: update for update in town.sent("Update")}
    assert len(final) == 1
    assert final.popitem()[1]["object"]["closed"]
    told = town.db.read_now(lambda session: session.scalars(select(Notification).where(Notification.type == "poll")).all())
    assert [(item.actor_id, item.status_id) for item in told] == [(town.actor(town.ada).id, status_id)]


def test_a_remote_poll_is_stored_and_its_counts_follow(town: Town) -> None:
    town.follows(town.ada, REM)
    sent = remote_question(town)
    assert town.receive(town.activity("Create", sent)) == "stored"
    assert counts(town, sent["id"]) == ([2, 1], 3)
    assert row(town, sent["id"]).object_type == "Question"
    sent["oneOf"][0]["replies"]["totalItems"] = 5
    assert town.receive(town.activity("Update", {**sent, "votersCount": 6})) == "refreshed"
    assert counts(town, sent["id"]) == ([5, 1], 6)
    assert row(town, sent["id"]).edited_at is None
    with pytest.raises(NotOwner):
        town.receive(town.activity("Update", sent, actor=EVE))


def test_other_options_are_another_poll(town: Town) -> None:
    town.follows(town.ada, REM)
    sent = remote_question(town)
    town.receive(town.activity("Create", sent))
    cast(town, sent["id"], [0])
    options = [{"type": "Note", "name": name} for name in ("yes", "no", "maybe")]
    changed = {**sent, "oneOf": options, "updated": "2026-11-02T00:00:00Z"}
    assert town.receive(town.activity("Update", changed)) == "edited"
    assert counts(town, sent["id"]) == ([0, 0, 0], 3)
    assert town.db.read_now(lambda session: session.scalar(select(PollVote.id))) is None


def cast(town: Town, uri: str, choices: list[int]) -> None:
    """Ada votes."""
    town.run(lambda uow: service.vote(uow, actors.get(uow.session, town.actor(town.ada).id), row(town, uri).id, choices))


def test_a_vote_of_ours_goes_to_the_author_alone(town: Town) -> None:
    town.follows(town.ada, REM)
    town.follows(EVE, town.ada)
    sent = remote_question(town)
    town.receive(town.activity("Create", sent))
    for wrong in ([], [2], [-1], [0, 1]):
        with pytest.raises(Invalid):
            cast(town, sent["id"], wrong)
    cast(town, sent["id"], [1])
    with pytest.raises(Invalid, match="already voted"):
        cast(town, sent["id"], [0])
    create, = town.sent("Create")
    ballot = create["object"]
    assert (ballot["type"], ballot["name"], ballot["inReplyTo"], ballot["to"], create["to"]) == (
        "Note", "coffee", sent["id"], [REM], [REM])
    assert "content" not in ballot
    assert counts(town, sent["id"]) == ([2, 2], 4)
    assert town.db.read_now(lambda session: session.scalars(select(Job.kind).where(Job.kind == "end_poll")).all()) == ["end_poll"]


@pytest.mark.parametrize("draft", [
    service.PollDraft(("one",), HOUR), service.PollDraft(("a", "b", "c", "d", "e"), HOUR), service.PollDraft(("a", "a "), HOUR),
    service.PollDraft(("a", " "), HOUR), service.PollDraft(("a", "x" * 51), HOUR), service.PollDraft(("a", "b"), 10),
    service.PollDraft(("a", "b"), 10**9)])
def test_polls_that_cannot_be(draft: service.PollDraft) -> None:
    with pytest.raises(Invalid):
        service.check(draft)


def test_an_ended_or_own_poll_takes_no_vote(town: Town) -> None:
    own = question(town)
    with pytest.raises(Invalid):
        cast(town, own, [0])
    town.follows(town.ada, REM)
    sent = remote_question(town, endTime="2026-01-01T00:00:00Z")
    town.receive(town.activity("Create", sent))
    with pytest.raises(Invalid, match="ended"):
        cast(town, sent["id"], [0])


def test_votes_go_with_their_poll(town: Town) -> None:
    uri = question(town)
    vote(town, uri, "tea")
    town.run(lambda uow: publish.delete(uow, actors.get(uow.session, town.actor(town.ada).id), row(town, uri).id))
    for column in (Poll.status_id, PollVote.id):
        assert town.db.read_now(lambda session, column=column: session.scalar(select(column))) is None  # type: ignore[misc]


def test_votes_that_come_together_are_all_counted(town: Town) -> None:
    uri = question(town)
    crowd = [f"https://remote.example/users/voter{number}" for number in range(12)]
    town.run(lambda uow: [actors.upsert_remote(uow, from_activitypub(remote_actor(voter))).id for voter in crowd])
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda voter: vote(town, uri, "tea", voter=voter), crowd))
    assert outcomes == ["voted"] * len(crowd)
    assert counts(town, uri) == ([len(crowd), 0], len(crowd))
