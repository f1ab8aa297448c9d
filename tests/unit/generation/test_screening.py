"""Screening: what gates say becomes the state, once, whoever is killed meanwhile; moderators decide, authors appeal."""
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import Database, utcnow
from fedisora.errors import Busy, Conflict, Forbidden, Invalid, NotFound
from fedisora.generation import screening
from fedisora.generation.safety import ALLOW, Gates, Stage, Subject, Verdict
from fedisora.models import Generation, Media, Notification, Screening
from fedisora.services import generations, publish, screenings
from fedisora.services.generations import inputs
from fedisora.store import actors
from fedisora.store.paging import Page
from tests.architecture.imports import ROOT
from tests.support.pictures import png
from tests.support.studio import Studio

from .test_gates import Made

HOLD, DENY = Verdict("hold", "odd", "Somebody has to look.", {"n": 1}), Verdict("deny", "bad", "Not here.")


def screen(studio: Studio, generation_id: int, *gates: Made) -> None:
    house = studio.house
    asyncio.run(screening.screen(house.db, house.storage, Gates(gates, house.db) if gates else house.gates, generation_id))


def decide(studio: Studio, generation_id: int, allow: bool, note: str = "", by: str | None = "mod") -> Screening:
    wanted = next(row.id for row in studio.screenings(generation_id) if row.state == "open")
    moderator = studio.user(by) if by else None
    return studio.run(lambda uow: screenings.decide(uow, moderator, wanted, allow, note))


def appeal(studio: Studio, generation_id: int, text: str, by: str = "ada") -> Screening:
    who = studio.actor(by).id
    return studio.run(lambda uow: screenings.appeal(uow, actors.get(uow.session, who), generation_id, text))


def told(studio: Studio, name: str) -> list[str]:
    who = studio.actor(name).id
    return studio.house.db.read_now(lambda session: list(session.scalars(
        select(Notification.type).where(Notification.actor_id == who).order_by(Notification.id))))


# ---- screen
def test_what_nobody_minds_is_queued_and_free_for_a_worker(studio: Studio) -> None:
    wanted = studio.ask()
    screen(studio, wanted)
    row = studio.get(wanted)
    assert (row.state, row.lease_owner, row.lease_until, row.attempt) == ("queued", None, None, 0)
    screen(studio, wanted)
    assert studio.get(wanted).state == "queued" and studio.screenings(wanted) == []


def test_a_denial_rejects_with_the_public_reason_and_asks_nobody_else(studio: Studio) -> None:
    wanted, later = studio.ask(), Made(ALLOW, name="later", stages=("inputs", "likeness"))
    screen(studio, wanted, Made(DENY), later)
    row, (noted,) = studio.get(wanted), studio.screenings(wanted)
    assert (row.state, row.code, row.error, row.lease_owner) == ("rejected", "bad", "Not here.", None)
    assert (noted.gate, noted.stage, noted.decision, noted.state) == ("made", "prompt", "deny", "denied")
    assert later.asked == [] and row.finished_at is not None


def test_holds_of_several_stages_wait_for_one_decision(studio: Studio) -> None:
    wanted = studio.ask()
    likeness = Made(Verdict("hold", "who", "Who is this?"), name="who", stages=("likeness",))
    screen(studio, wanted, Made(HOLD), likeness)
    (noted,) = studio.screenings(wanted)
    assert (noted.stage, noted.evidence["n"], noted.evidence["also"][0]["gate"]) == ("prompt", 1, "who")
    assert told(studio, "mod") == ["generation.held"] and told(studio, "ada") == []
    decide(studio, wanted, True, "Fine.")
    row = studio.get(wanted)
    assert (row.state, row.code, row.error) == ("queued", None, None)
    assert told(studio, "ada") == ["generation.decided"]


def test_a_denial_at_a_later_stage_outranks_a_hold(studio: Studio) -> None:
    wanted = studio.ask()
    screen(studio, wanted, Made(HOLD), Made(DENY, name="who", stages=("likeness",)))
    assert [(row.gate, row.decision) for row in studio.screenings(wanted)] == [("who", "deny")]


def upload(studio: Studio, tmp_path: Path, key: str | None = "ab/1-x.png", content: bytes = b"") -> int:
    if key and content:
        (tmp_path / "file").write_bytes(content)
        studio.house.storage.put_file(key, tmp_path / "file")
    who = studio.actor("ada").id

    def write(uow: Any) -> int:
        media = Media(id=uow.new_id(), actor_id=who, state="ready", kind="image", storage_key=key, created_at=uow.now)
        uow.session.add(media)
        uow.session.flush()
        return media.id

    return studio.run(write)


def test_inputs_are_given_as_local_files_and_taken_away_again(studio: Studio, tmp_path: Path) -> None:
    seen: list[tuple[Path, bytes]] = []

    class Looks(Made):
        async def check(self, stage: Stage, subject: Subject) -> Verdict:
            seen.extend((path, path.read_bytes()) for path in subject.inputs)
            return await super().check(stage, subject)

    wanted = studio.ask(task="image", input_media_id=upload(studio, tmp_path, content=png(64, 64)))
    gate = Looks(ALLOW, stages=("inputs",))
    screen(studio, wanted, gate)
    assert [content for _, content in seen] == [png(64, 64)] and not seen[0][0].exists()
    assert (gate.asked[0][1].task, gate.asked[0][1].generation_id, studio.get(wanted).state) == ("image", wanted, "queued")


@pytest.mark.parametrize("how", ["no row", "no file"])
def test_an_input_that_is_gone_rejects(studio: Studio, tmp_path: Path, how: str) -> None:
    wanted = studio.ask(task="image", input_media_id=12345 if how == "no row" else upload(studio, tmp_path, "ab/9-none.png"))
    screen(studio, wanted)
    assert (studio.get(wanted).state, studio.get(wanted).code) == ("rejected", "input-missing")


def test_two_workers_do_not_both_ask(studio: Studio) -> None:
    wanted = studio.ask()

    async def go() -> None:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> Verdict:
            reached.set()
            await go_on.wait()
            return DENY

        house, gate = studio.house, Made(slow)
        first = asyncio.create_task(screening.screen(house.db, house.storage, Gates([gate], house.db), wanted))
        await reached.wait()
        with pytest.raises(Busy):
            await screening.screen(house.db, house.storage, Gates([Made(ALLOW)], house.db), wanted)
        go_on.set()
        await first
        assert len(gate.asked) == 1

    asyncio.run(go())
    assert (studio.get(wanted).state, len(studio.screenings(wanted))) == ("rejected", 1)


def test_of_many_that_want_to_ask_on_postgresql_one_does(tmp_path: Path, postgres_url: str) -> None:
    studio = Studio.open(tmp_path, database_url=postgres_url)
    wanted, gate = [studio.ask() for _ in range(4)], Made(HOLD)

    async def one(generation_id: int) -> None:
        with contextlib.suppress(Busy):
            await screening.screen(studio.house.db, studio.house.storage, Gates([gate], studio.house.db), generation_id)

    async def go() -> None:
        await asyncio.gather(*(one(generation_id) for generation_id in wanted * 6))

    asyncio.run(go())
    assert [subject.generation_id for _, subject in gate.asked].count(wanted[0]) == 1 and len(gate.asked) == 4
    assert [len(studio.screenings(one)) for one in wanted] == [1] * 4
    for one in wanted:
        decide(studio, one, True)
    assert [studio.get(one).state for one in wanted] == ["queued"] * 4
    studio.house.db.close()


def test_who_was_killed_is_followed_by_another_and_changes_nothing_when_it_wakes(studio: Studio) -> None:
    wanted = studio.ask()

    async def go() -> None:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> Verdict:
            reached.set()
            await go_on.wait()
            return DENY

        house = studio.house
        stopped = asyncio.create_task(screening.screen(house.db, house.storage, Gates([Made(slow)], house.db), wanted))
        await reached.wait()
        past = house.db.clock() - dt.timedelta(seconds=1)  # the lease of a process that stopped has run out
        await house.db.write(lambda uow: setattr(uow.session.get_one(Generation, wanted), "lease_until", past))
        await screening.screen(house.db, house.storage, Gates([Made(ALLOW)], house.db), wanted)
        go_on.set()
        await stopped

    asyncio.run(go())
    assert (studio.get(wanted).state, studio.screenings(wanted)) == ("queued", [])


HANGS = """
import asyncio, sys
from pathlib import Path
from fedisora.app import build_house
from fedisora.generation import screening
from fedisora.generation.safety import Gates
from fedisora.settings import load_settings
from tests.unit.generation.test_gates import Made

async def for_ever():
    print("asked", flush=True)
    await asyncio.Event().wait()

house = build_house(load_settings(Path(sys.argv[1]), base_url="https://here.example"))
asyncio.run(screening.screen(house.db, house.storage, Gates([Made(for_ever)]), int(sys.argv[2])))
"""


def test_after_a_kill_somebody_else_asks_once_the_lease_is_over(studio: Studio) -> None:
    wanted = studio.ask()
    child = subprocess.Popen([sys.executable, "-c", HANGS, str(studio.house.settings.data_dir), str(wanted)], cwd=ROOT,
                             stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None and child.stdout.readline() == b"asked\n"
        child.kill()
    assert studio.get(wanted).state == "screening"
    with pytest.raises(Busy):
        screen(studio, wanted)
    later = Database(studio.house.db.instance, clock=lambda: utcnow() + screening.LEASE)
    asyncio.run(screening.screen(later, studio.house.storage, Gates([Made(DENY)]), wanted))
    later.close()
    assert (studio.get(wanted).state, len(studio.screenings(wanted))) == ("rejected", 1)


def test_a_cancelled_or_failing_asker_leaves_it_for_the_next_one(studio: Studio) -> None:
    wanted = studio.ask()

    async def go() -> None:
        reached = asyncio.Event()

        async def slow() -> Verdict:
            reached.set()
            return await asyncio.Event().wait()  # type: ignore[return-value]

        task = asyncio.create_task(screening.screen(studio.house.db, studio.house.storage, Gates([Made(slow)]), wanted))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    assert (studio.get(wanted).state, studio.get(wanted).lease_owner) == ("submitted", None)
    screen(studio, wanted)
    assert studio.get(wanted).state == "queued"


def test_what_was_cancelled_while_gates_were_asked_is_not_queued(studio: Studio) -> None:
    wanted = studio.ask()

    async def cancelled() -> Verdict:
        await studio.house.db.write(lambda uow: setattr(uow.session.get_one(Generation, wanted), "cancel_requested", True))
        return ALLOW

    screen(studio, wanted, Made(cancelled))
    assert studio.get(wanted).state == "cancelled"


# ---- moderators
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
