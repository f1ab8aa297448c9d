"""Screening: what gates say becomes the state, once, whoever is killed meanwhile."""
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

from fedisora.db import Database, utcnow
from fedisora.errors import Busy
from fedisora.generation import screening
from fedisora.generation.safety import ALLOW, Gates, Stage, Subject, Verdict
from fedisora.models import Generation
from tests.architecture.imports import ROOT
from tests.support.pictures import png
from tests.support.studio import Studio

from .screened import DENY, HOLD, Slow, decide, screen, told, upload
from .test_gates import Made


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
        slow = Slow()
        house, gate = studio.house, Made(slow)
        first = asyncio.create_task(screening.screen(house.db, house.storage, Gates([gate], house.db), wanted))
        await slow.reached.wait()
        with pytest.raises(Busy):
            await screening.screen(house.db, house.storage, Gates([Made(ALLOW)], house.db), wanted)
        slow.go_on.set()
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
        slow = Slow()
        house = studio.house
        stopped = asyncio.create_task(screening.screen(house.db, house.storage, Gates([Made(slow)], house.db), wanted))
        await slow.reached.wait()
        past = house.db.clock() - dt.timedelta(seconds=1)  # the lease of a process that stopped has run out
        await house.db.write(lambda uow: setattr(uow.session.get_one(Generation, wanted), "lease_until", past))
        await screening.screen(house.db, house.storage, Gates([Made(ALLOW)], house.db), wanted)
        slow.go_on.set()
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
        slow = Slow()
        task = asyncio.create_task(screening.screen(studio.house.db, studio.house.storage, Gates([Made(slow)]), wanted))
        await slow.reached.wait()
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
