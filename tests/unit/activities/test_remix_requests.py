"""Asking for a remix and answering: nobody can ask, answer, use up, foil or take back for somebody else."""
from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from fedisora.activities import consents as rules
from fedisora.activities import lineages
from fedisora.db import UnitOfWork
from fedisora.errors import Conflict, Forbidden, Invalid, Malformed, NotFound, NotOwner, Refused
from fedisora.federation import consent_checks
from fedisora.models import ConsentRequest, ConsentStamp, Job, Lineage, Media, Notification, Status
from fedisora.provenance import consent, digital_source
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.services import accounts, blocks, publish
from fedisora.services import consents as use_cases
from fedisora.store import actors, consents, lineage, statuses
from fedisora.store.paging import Page

from .conftest import EVE, REM, Town, remote_actor

DIGEST, OTHER = "zQmPv75p7HFCeWfvDRdaGdVYyfwJehoudRn9Y4v5kbELR3c", "zQmY4yhww3Ex6EuFujZUAbntwbrMYyfDNaENgoYaLzMfiMn"
REMIX = f"{REM}/statuses/1"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: nothing here depends on the database."""
    return sqlite_url


def request(town: Town, parent: str, *, actor: str = REM, video: str = REMIX, digest: str | None = DIGEST,
            kind: str = "RemixRequest", **more: Any) -> dict[str, Any]:
    instrument = {"type": "Video", "id": video, "name": "A remix", "summary": "For my friends",
                  "url": f"{video}.mp4", "mediaType": "video/mp4", **({"digestMultibase": digest} if digest else {}), **more}
    return {**town.activity(kind, parent, actor=actor, instrument=instrument), "id": f"{actor}/requests/{next(town.numbers)}"}


def original(town: Town, policy: str = "ask", *, owner: str = "", visibility: str = "public", remix_of: int | None = None,
             source: str | None = digital_source.CAPTURE) -> Status:
    """A local post with a video whose file is signed already."""
    def make(uow: UnitOfWork) -> Status:
        actor = actors.by_uri(uow.session, owner or town.ada)
        assert actor is not None
        media = Media(id=uow.new_id(), actor_id=actor.id, kind="video", state="signed", mime="video/mp4", storage_key="1.mp4",
                      manifest_key="1.c2pa", digest=DIGEST, digital_source_type=source, description="a clip",
                      created_at=uow.now)
        uow.session.add(media)
        uow.session.flush()
        status = publish.create(uow, actor, publish.Draft(
            text="a clip", media_ids=(media.id,), remix_policy=policy, visibility=visibility, remix_of_id=remix_of,
            remix_use="just so"))
        publish.finish(uow, status.id)
        return status

    return town.run(make)


def rows(town: Town, model: Any) -> list[Any]:
    return town.db.read_now(lambda session: list(session.scalars(select(model).order_by(model.id)).all()))


def told(town: Town, kind: str) -> int:
    return len([row for row in rows(town, Notification) if row.type == kind])


def neighbour(town: Town) -> str:
    """Bea, who lives here too."""
    def make(uow: UnitOfWork) -> str:
        user = accounts.create(uow, "bea", "bea@example.org", "a fine password")
        return actors.get(uow.session, user.actor_id).uri

    return town.run(make)


# ---- what must not work
def test_bi_201_nobody_asks_for_anothers_video_and_the_right_one_still_may(town: Town) -> None:
    parent = original(town, "anyone")
    with pytest.raises(NotOwner):
        town.receive(request(town, parent.uri, actor=EVE, video=REMIX))
    with pytest.raises(NotOwner):
        town.receive({**request(town, parent.uri, actor=EVE, video=f"{EVE}/statuses/1"), "id": f"{REM}/requests/1"})
    with pytest.raises(NotOwner):
        town.receive(request(town, parent.uri, attributedTo=EVE))
    for broken in ({"instrument": None}, {"instrument": REMIX}, {"object": None}, {"id": None},
                   {"instrument": {"type": "Video", "id": REMIX, "digestMultibase": 5}}):
        with pytest.raises(Malformed):
            town.receive({**request(town, parent.uri), **broken})
    assert rows(town, ConsentRequest) == []
    first = request(town, parent.uri)
    assert town.receive(first) == "accepted"
    town.run(lambda uow: actors.upsert_remote(uow, from_activitypub(remote_actor(f"{REM}2"))))
    with pytest.raises(NotOwner):  # somebody else of the same server, under the same request id
        town.receive({**first, "actor": f"{REM}2"})
    assert [row.requester_uri for row in rows(town, ConsentStamp)] == [REM]


def test_a_request_for_what_is_not_ours_or_not_theirs_to_see_tells_nothing(town: Town) -> None:
    hidden = original(town, "anyone", visibility="private")
    note = town.note("eve's", author=EVE)
    town.follows(town.ada, EVE)
    town.receive(town.activity("Create", note, actor=EVE))
    for target in (hidden.uri, note["id"], f"{town.ada}/statuses/77", town.ada):
        assert town.receive(request(town, target)) == "ignored: no such post of ours"
    assert rows(town, ConsentRequest) == []
    assert town.sent("Reject") == []


def test_only_whom_we_asked_answers_and_only_with_a_stamp_of_their_own(town: Town) -> None:
    town.follows(town.ada, EVE)
    note = town.note("eve's", author=EVE, attachment=[{"type": "Video", "mediaType": "video/mp4", "url": f"{EVE}/1.mp4"}])
    town.receive(town.activity("Create", note, actor=EVE))
    parent = town.db.read_now(lambda session: statuses.by_uri(session, note["id"]))
    assert parent is not None
    made = original(town, remix_of=parent.id)
    asked = rows(town, ConsentRequest)[0]
    sent = town.sent("RemixRequest")[0]
    assert (sent["object"], sent["to"], sent["instrument"]["digestMultibase"]) == (note["id"], [EVE], DIGEST)
    assert (asked.state, made.published) == ("pending", False)

    with pytest.raises(NotOwner):
        town.receive(town.activity("Accept", sent["id"], actor=REM, result=f"{REM}/stamps/1"))
    with pytest.raises(NotOwner):
        town.receive(town.activity("Reject", sent, actor=REM))
    for result in (f"{REM}/stamps/1", None, f"{town.ada}/stamps/1"):
        assert town.receive(town.activity("Accept", sent, actor=EVE, result=result)) == "ignored: no stamp of the owner's"
    assert town.receive(town.activity("Accept", f"{town.ada}/requests/5", actor=EVE, result=f"{EVE}/s")).startswith("ignored")
    assert town.receive(town.activity("Accept", sent, actor=EVE, result=f"{EVE}/stamps/1")) == "stamp to be checked"
    planned = [row.payload for row in rows(town, Job) if row.kind == "check_consent"]
    assert planned[-1] == {"lineage_id": rows(town, Lineage)[0].id}
    town.run(lambda uow: lineages.settle(uow, rows(town, Lineage)[0].id, lineages.Finding("revoked")))
    assert rows(town, Lineage)[0].consent == "missing", "what was never given is not taken back"
    assert rows(town, ConsentRequest)[0].state == "pending", "an Accept is only an address: the stamp is looked at first"
    assert town.receive(town.activity("Reject", sent, actor=EVE, summary="No\u202e, <b>thanks</b>.")) == "consent refused"
    refused = rows(town, ConsentRequest)[0]
    assert (refused.state, refused.reason) == ("rejected", "No, <b>thanks</b>.")
    assert town.run(lambda uow: publish.finish(uow, made.id)) is None
    assert not town.db.read_now(lambda session: session.get_one(Status, made.id)).published
    assert town.sent("Create") == []


# ---- the owner's side
@pytest.mark.parametrize(("policy", "follower", "outcome"), [
    ("nobody", False, "rejected"), ("ask", False, "waiting for the owner"), ("followers", False, "rejected"),
    ("followers", True, "accepted"), ("anyone", False, "accepted")])
def test_the_policy_decides(town: Town, policy: str, follower: bool, outcome: str) -> None:
    parent = original(town, policy)
    if follower:
        town.follows(REM, town.ada)
    asked = request(town, parent.uri)
    assert town.receive(asked) == outcome
    accepts, rejects, stamps = town.sent("Accept"), town.sent("Reject"), rows(town, ConsentStamp)
    assert (len(accepts), len(rejects), len(stamps), told(town, "consent.request")) == {
        "accepted": (1, 0, 1, 0), "rejected": (0, 1, 0, 0), "waiting for the owner": (0, 0, 0, 1)}[outcome]
    if accepts:
        assert (accepts[0]["result"], accepts[0]["object"]["id"]) == (stamps[0].uri, asked["id"])
        document = orjson.loads(stamps[0].document)
        assert consent.stamp_problems(document, kind=consent.REMIX, owner=town.ada, new_object=REMIX, target=parent.uri,
                                      digest=DIGEST, now=stamps[0].created_at, stamp_id=stamps[0].uri) == []
    if rejects:
        assert rejects[0]["summary"] == rules.NOT_ALLOWED


def test_asked_again_it_is_answered_again_and_another_render_is_another_question(town: Town) -> None:
    parent = original(town, "anyone")
    assert town.receive(request(town, parent.uri)) == "accepted"
    assert town.receive(request(town, parent.uri)) == "accepted before"
    assert len({item["result"] for item in town.sent("Accept")}) == 1
    assert town.receive(request(town, parent.uri, digest=OTHER)) == "accepted"
    assert [row.digest for row in rows(town, ConsentStamp)] == [DIGEST, OTHER]
    assert town.receive(request(town, parent.uri, video=f"{REM}/statuses/2", digest=None)) == "waiting for the owner", \
        "no rule gives consent to whatever file"


def test_give_take_back_and_never_again_by_a_rule(town: Town) -> None:
    town.follows(EVE, town.ada)
    parent = original(town, "ask")
    town.receive(request(town, parent.uri))
    assert town.receive(request(town, parent.uri)) == "ignored: known"
    asked = rows(town, ConsentRequest)[0]
    previews = [row for row in rows(town, Media) if row.state == "remote"]
    assert [(row.digest, row.remote_url) for row in previews] == [(DIGEST, f"{REMIX}.mp4")]
    for stranger in (REM, EVE):
        with pytest.raises(NotFound):
            town.act(use_cases.grant, stranger, request_id=asked.id)
    stamp = town.act(use_cases.grant, town.ada, request_id=asked.id)
    assert [row for row in rows(town, Media) if row.state == "remote"] == []
    with pytest.raises(Conflict):
        town.act(use_cases.refuse, town.ada, request_id=asked.id)
    with pytest.raises(NotFound):
        town.act(use_cases.revoke, REM, stamp_id=stamp.id)
    town.act(use_cases.revoke, town.ada, stamp_id=stamp.id)
    town.act(use_cases.revoke, town.ada, stamp_id=stamp.id)
    deleted = town.sent("Delete")
    assert {item["object"]["id"] for item in deleted} == {stamp.uri}
    assert len(deleted) == 2, "whoever asked, and a follower"
    assert town.receive(request(town, parent.uri)) == "accepted before"
    assert town.sent("Reject")[-1]["summary"] == rules.TAKEN_BACK
    town.run(lambda uow: setattr(uow.session.get_one(Status, parent.id), "interaction_policy", {
        "canRemix": {"automaticApproval": ["as:Public"], "manualApproval": []}}))
    assert town.receive(request(town, parent.uri, digest=OTHER)) == "rejected"


def test_what_was_taken_back_stays_so_when_the_remix_shows_no_file_any_more(town: Town) -> None:
    parent = original(town, "anyone")
    town.receive(request(town, parent.uri))
    stamp = rows(town, ConsentStamp)[0]

    def stored(uow: UnitOfWork) -> int:
        child = Status(id=uow.new_id(), uri=REMIX, actor_id=town.actor(REM).id, document=orjson.dumps(
            {**town.note(), "id": REMIX, "attachment": []}), created_at=uow.now)
        uow.session.add(child)
        uow.session.flush()
        return lineage.add(uow, child, parent.uri, parent, stamp_uri=stamp.uri).id

    row_id = town.run(stored)
    town.act(use_cases.revoke, town.ada, stamp_id=stamp.id)
    assert rows(town, Lineage)[0].consent == "revoked"

    def found(session: Session) -> str:
        case = consent_checks._case(session, row_id)
        assert case is not None
        return consent_checks._own_stamps(session, case, stamp.created_at).consent

    assert town.db.read_now(found) == "revoked", "also by the daily look"


def test_whoever_asked_takes_it_back_and_nobody_else(town: Town) -> None:
    parent = original(town, "ask")
    asked = request(town, parent.uri)
    town.receive(asked)
    with pytest.raises(NotOwner):
        town.receive(town.activity("Undo", asked, actor=EVE))
    assert told(town, "consent.request") == 1
    assert town.receive(town.activity("Undo", asked)) == "request withdrawn"
    row = rows(town, ConsentRequest)[0]
    assert (row.state, told(town, "consent.request")) == ("withdrawn", 0)
    with pytest.raises(Conflict):
        town.act(use_cases.grant, town.ada, request_id=row.id)
    assert town.receive(asked) == "ignored: withdrawn before"


def test_an_inbox_cannot_be_flooded(town: Town) -> None:
    parent = original(town, "ask")
    outcomes = [town.receive(request(town, parent.uri, video=f"{REM}/statuses/{number}"))
                for number in range(rules.MOST_PENDING + 1)]
    assert outcomes == ["waiting for the owner"] * rules.MOST_PENDING + ["rejected"]
    # nothing is kept of what was too much: once there is a place, the same request is heard
    late, last = rows(town, ConsentRequest)[0], f"{REM}/statuses/{rules.MOST_PENDING}"
    assert last not in [row.object_uri for row in rows(town, ConsentRequest)]
    town.act(use_cases.refuse, town.ada, request_id=late.id)
    assert town.receive(request(town, parent.uri, video=last)) == "waiting for the owner"


def test_a_likeness_waits_for_the_person_and_no_rule_gives_it(town: Town) -> None:
    asked = request(town, town.ada, kind="LikenessRequest")
    assert town.receive(asked) == "to be looked at"
    assert town.receive(request(town, f"{town.ada}/", kind="LikenessRequest")) == "ignored: nobody here"
    row = rows(town, ConsentRequest)[0]
    assert (row.kind, row.state, row.target_uri) == ("likeness", "pending", town.ada)
    with pytest.raises(Conflict):
        town.act(use_cases.grant, town.ada, request_id=row.id)
    town.act(use_cases.refuse, town.ada, request_id=row.id, reason="Not my face.")
    assert town.sent("Reject")[0]["summary"] == "Not my face."
    assert rows(town, ConsentStamp) == []


# ---- both live here
def test_a_remix_of_a_neighbours_post_waits_is_published_and_is_hidden_again(town: Town) -> None:
    bea = neighbour(town)
    parent = original(town, "ask", source=digital_source.TRAINED)
    made = original(town, owner=bea, remix_of=parent.id)
    media = next(row for row in rows(town, Media) if row.status_id == made.id)
    assert media.digital_source_type == digital_source.COMPOSITE_TRAINED, "something in it is AI"
    asked = rows(town, ConsentRequest)[0]
    assert (asked.state, asked.digest, asked.use, made.published) == ("pending", DIGEST, "just so", False)
    assert told(town, "consent.request") == 1
    assert town.sent("RemixRequest") == []
    town.act(use_cases.grant, town.ada, request_id=asked.id)
    made = town.db.read_now(lambda session: session.get_one(Status, made.id))
    assert made.published
    document = orjson.loads(made.document or b"{}")["attachment"][0]
    stamp = rows(town, ConsentStamp)[0]
    assert (document["isBasedOn"], document["remixAuthorization"]) == ([parent.uri], [stamp.uri])
    assert told(town, "consent.answer") == 1

    def listed() -> list[str]:
        return town.db.read_now(lambda session: [row.uri for row in statuses.public(session, Page())])

    assert made.uri in listed()
    town.act(use_cases.revoke, town.ada, stamp_id=stamp.id)
    assert made.uri not in listed()
    assert rows(town, Lineage)[0].consent == "revoked"
    assert told(town, "consent.revoked") == 1
    with pytest.raises(Forbidden):
        original(town, owner=town.ada, remix_of=made.id)


def test_the_label_of_a_remix_is_nobodys_word(town: Town) -> None:
    bea = neighbour(town)
    parent = original(town, "anyone", source=digital_source.TRAINED)
    made = original(town, owner=bea, remix_of=parent.id)
    media = next(row for row in rows(town, Media) if row.status_id == made.id)
    assert (media.label_source, media.declared) == ("remix", False), "its author said: filmed"
    again = original(town, owner=bea, remix_of=parent.id, source=digital_source.COMPOSITE_TRAINED)
    media = next(row for row in rows(town, Media) if row.status_id == again.id)
    assert media.label_source != "remix", "as its author says"


def test_who_asked_hears_that_the_original_was_deleted(town: Town) -> None:
    bea, parent = neighbour(town), original(town, "ask")
    made = original(town, owner=bea, remix_of=parent.id)
    town.receive(request(town, parent.uri))
    town.act(publish.delete, town.ada, status_id=parent.id)
    assert {(row.state, row.reason) for row in rows(town, ConsentRequest)} == {("rejected", rules.DELETED)}
    assert [sent["summary"] for sent in town.sent("Reject")] == [rules.DELETED]
    assert not town.db.read_now(lambda session: session.get_one(Status, made.id)).published


def test_who_is_blocked_or_gone_does_not_wait_in_the_inbox(town: Town) -> None:
    def inbox() -> tuple[int, int]:
        owner = town.actor(town.ada).id
        return town.db.read_now(lambda session: (consents.waiting(session, owner), len(consents.inbox(session, owner, Page()))))

    parent = original(town, "ask")
    town.receive(request(town, parent.uri))
    town.receive(request(town, parent.uri, actor=EVE, video=f"{EVE}/statuses/1"))
    assert inbox() == (2, 2)
    town.act(blocks.block, town.ada, EVE)
    assert inbox() == (1, 2)
    assert [sent["object"]["actor"] for sent in town.sent("Reject") if isinstance(sent["object"], dict)] == [EVE]
    town.receive(town.activity("Delete", REM))
    assert inbox() == (0, 1)


def test_ones_own_post_needs_no_consent_and_a_closed_one_gets_none(town: Town) -> None:
    bea = neighbour(town)
    mine = original(town, "nobody")
    assert original(town, remix_of=mine.id).published
    assert lineage.holds(rows(town, Lineage)[0])
    with pytest.raises(Forbidden):
        original(town, owner=bea, remix_of=mine.id)
    text = town.run(lambda uow: publish.create(
        uow, actors.by_uri(uow.session, town.ada), publish.Draft(text="only words")))  # type: ignore[arg-type]
    for parent, problem in ((text.id, Invalid), (1, NotFound)):
        with pytest.raises(problem):
            original(town, remix_of=parent)
    with pytest.raises(Refused):
        town.run(lambda uow: publish.check(publish.Draft(text="no file", remix_of_id=mine.id)))


def test_a_waiting_remix_can_be_withdrawn_with_its_request(town: Town) -> None:
    bea = neighbour(town)
    made = original(town, owner=bea, remix_of=original(town, "ask").id)
    asked = rows(town, ConsentRequest)[0]
    with pytest.raises(NotFound):
        town.act(use_cases.withdraw, town.ada, request_id=asked.id)
    town.act(use_cases.withdraw, bea, request_id=asked.id)
    assert town.db.read_now(lambda session: session.get(Status, made.id)) is None
    assert (rows(town, ConsentRequest)[0].state, rows(town, Lineage)) == ("withdrawn", [])
    with pytest.raises(Conflict):
        town.act(use_cases.grant, town.ada, request_id=asked.id)
