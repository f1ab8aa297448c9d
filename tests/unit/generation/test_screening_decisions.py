"""Moderators decide what gates hold, authors appeal what gates deny."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fedisora.errors import Conflict, Forbidden, Invalid, NotFound
from fedisora.generation import screening
from fedisora.generation.safety import ALLOW, Gates, Subject, Verdict
from fedisora.models import Generation, Media
from fedisora.services import generations, publish, screenings
from fedisora.services.generations import inputs
from fedisora.store import actors
from fedisora.store.paging import Page
from tests.support.studio import Studio

from .screened import DENY, HOLD, appeal, decide, screen, told, upload
from .test_gates import Made


def held_video(studio: Studio, tmp_path: Path, stage: str = "frames", **values: Any) -> int:
    media = upload(studio, tmp_path, "cd/2-v.mp4", b"video")
    wanted = studio.ask(state="draft", media_id=media, **values)
    studio.run(lambda uow: screenings.note(uow, uow.session.get_one(Generation, wanted), gate="made", stage=stage,
                                           decision="hold",
                                           code="odd", reason="Somebody has to look.", evidence={"text": "t"}))
    return wanted


def test_a_held_video_becomes_a_draft_or_the_post_that_was_ordered(studio: Studio, tmp_path: Path) -> None:
    plain, ordered = held_video(studio, tmp_path), held_video(studio, tmp_path, publish_as={"text": "hi"})
    assert studio.house.db.read_now(screenings.count) == 2
    decide(studio, plain, True)
    decide(studio, ordered, True, by=None)
    assert (studio.get(plain).state, studio.get(plain).media_id is not None) == ("draft", True)
    assert (studio.get(ordered).state, studio.jobs("publish_generation")) == ("publishing", [{"generation_id": ordered}])
    assert studio.screenings(ordered)[0].decided_by is None and studio.screenings(plain)[0].decided_by == studio.actor("mod").id
    assert studio.house.db.read_now(screenings.count) == 0


def test_a_held_video_is_used_for_nothing_meanwhile(studio: Studio, tmp_path: Path) -> None:
    wanted = held_video(studio, tmp_path)
    ada, media_id = studio.actor("ada").id, studio.get(wanted).media_id or 0
    studio.run(lambda uow: setattr(uow.session.get_one(Media, media_id), "generation_id", wanted))

    def post(uow: Any) -> int:
        return publish.create(uow, actors.get(uow.session, ada), publish.Draft(text="look", media_ids=(media_id,))).id

    with pytest.raises(Invalid, match="A moderator has to look"):
        studio.run(post)
    with pytest.raises(NotFound):
        studio.run(lambda uow: inputs.find(uow.session, actors.get(uow.session, ada), media_id))
    decide(studio, wanted, True)
    with pytest.raises(Invalid, match="is a draft"):  # it is published through the gate for that, with what it was made from
        studio.run(post)
    assert studio.run(lambda uow: generations.publish(uow, actors.get(uow.session, ada), wanted, publish.Draft(text="look")).id)


def test_a_denied_video_is_rejected_and_its_files_go(studio: Studio, tmp_path: Path) -> None:
    wanted = held_video(studio, tmp_path)
    decide(studio, wanted, False, "It is too bright.")
    row = studio.get(wanted)
    assert (row.state, row.media_id, row.error) == ("rejected", None, "Somebody has to look. It is too bright.")
    assert studio.jobs("delete_files") == [{"keys": ["cd/2-v.mp4"]}]
    with pytest.raises(Conflict, match="decision stands"):
        appeal(studio, wanted, "please")


def test_words_that_were_denied_cost_no_video(studio: Studio, tmp_path: Path) -> None:
    wanted = held_video(studio, tmp_path, "publish")
    decide(studio, wanted, False)
    assert (studio.get(wanted).state, studio.get(wanted).media_id is not None) == ("draft", True)


def test_only_moderators_decide_and_only_what_waits(studio: Studio, tmp_path: Path) -> None:
    wanted = held_video(studio, tmp_path)
    with pytest.raises(Forbidden):
        decide(studio, wanted, True, by="ada")
    with pytest.raises(Invalid):
        decide(studio, wanted, True, "x" * 1001)
    with pytest.raises(NotFound):
        studio.run(lambda uow: screenings.decide(uow, None, 12345, True))
    noted = decide(studio, wanted, True)
    with pytest.raises(NotFound):
        studio.run(lambda uow: screenings.decide(uow, None, noted.id, False))
    cancelled = held_video(studio, tmp_path)
    studio.run(lambda uow: setattr(uow.session.get_one(Generation, cancelled), "state", "cancelled"))
    assert studio.house.db.read_now(lambda session: screenings.waiting(session, Page())) == []
    with pytest.raises(NotFound):
        decide(studio, cancelled, True)


def test_the_queue_is_read_in_pages(studio: Studio, tmp_path: Path) -> None:
    held = [studio.screenings(held_video(studio, tmp_path))[0].id for _ in range(3)]
    read = studio.house.db.read_now
    first = read(lambda session: screenings.waiting(session, Page(limit=2)))
    assert [row.id for row in first] == [held[2], held[1]]
    assert [row.id for row in read(lambda session: screenings.waiting(session, Page(max_id=first[-1].id)))] == [held[0]]


# ---- appeals
def test_a_denial_is_appealed_once_and_the_other_gates_are_still_asked(studio: Studio) -> None:
    wanted, other = studio.ask(), Made(ALLOW, name="who", stages=("likeness",))
    gates = Made(DENY), other
    screen(studio, wanted, *gates)
    for text in ("", "x" * 1001):
        with pytest.raises(Invalid):
            appeal(studio, wanted, text)
    with pytest.raises(NotFound):
        appeal(studio, wanted, "mine?", by="bea")
    appeal(studio, wanted, " It is a word of my language. ")
    assert (studio.get(wanted).state, studio.screenings(wanted)[0].appeal) == ("held", "It is a word of my language.")
    assert told(studio, "mod") == ["generation.held"]
    with pytest.raises(Conflict):
        appeal(studio, wanted, "again")
    decide(studio, wanted, True)
    assert (studio.get(wanted).state, studio.jobs("screen_generation")) == ("submitted", [{"generation_id": wanted}])
    assert other.asked == []
    screen(studio, wanted, *gates)
    assert (studio.get(wanted).state, len(other.asked)) == ("queued", 1), "what the moderator allowed is not denied again"


def test_an_appeal_that_is_turned_down_stays_down(studio: Studio) -> None:
    wanted = studio.ask()
    screen(studio, wanted, Made(DENY))
    appeal(studio, wanted, "please")
    decide(studio, wanted, False, "No.")
    assert (studio.get(wanted).state, studio.get(wanted).error) == ("rejected", "Not here. No.")
    with pytest.raises(Conflict, match="decision stands"):
        appeal(studio, wanted, "please, please")


def test_nothing_refused_nothing_to_appeal(studio: Studio) -> None:
    wanted = studio.ask()
    with pytest.raises(NotFound):
        appeal(studio, wanted, "please")


def test_a_video_that_was_refused_and_is_allowed_after_all_is_made_again(studio: Studio) -> None:
    wanted = studio.ask(state="draft")
    gate = Made(DENY, stages=("frames",))
    subject = studio.house.db.read_now(lambda session: screening.subject_of(session, session.get_one(Generation, wanted)))

    def frames() -> Verdict:
        return asyncio.run(screening.frames(studio.house.db, Gates([gate], studio.house.db), subject, Path("video.mp4")))

    verdict = frames()
    assert (verdict.decision, gate.asked[0][1].output) == ("deny", Path("video.mp4"))
    studio.run(lambda uow: screenings.note(uow, uow.session.get_one(Generation, wanted), gate=verdict.gate, stage="frames",
                                           decision="deny", code=verdict.code, reason=verdict.reason, evidence={}))
    appeal(studio, wanted, "please")
    decide(studio, wanted, True)
    assert studio.get(wanted).state == "queued"
    assert frames().decision == "allow"


def test_a_text_that_a_moderator_allowed_may_be_published_and_no_other(studio: Studio, tmp_path: Path) -> None:
    media = upload(studio, tmp_path)
    wanted = studio.ask(state="draft", media_id=media)
    gates = Gates([Made(HOLD, stages=("publish",))], studio.house.db)

    def publish(text: str) -> Verdict:
        return asyncio.run(gates.run("publish", Subject(studio.actor("ada").id, "human", "p", wanted, text=text)))

    verdict = publish("one")
    studio.run(lambda uow: screenings.note(uow, uow.session.get_one(Generation, wanted), gate=verdict.gate, stage="publish",
                                           decision="hold", code=verdict.code, reason=verdict.reason, evidence=verdict.evidence))
    decide(studio, wanted, True)
    assert (studio.get(wanted).state, publish("one").decision, publish("another").decision) == ("draft", "allow", "hold")
