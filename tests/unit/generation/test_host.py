"""One generation from the claim to its outcome, with real children: faults of the backend, cancelling, memory, inputs, gates."""
from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from fedisora.generation import scratch
from fedisora.generation.host import Host
from fedisora.generation.power import Meter
from fedisora.generation.process import GROWTH, RunFailed, Runner, Spec
from fedisora.generation.safety import Gates, Subject, Verdict
from fedisora.generation.stalls import Watch
from fedisora.models import ClaimRow, Job, Media, Screening
from fedisora.provenance.digital_source import CAPTURE, COMPOSITE_TRAINED, TRAINED
from fedisora.services.generations.reasons import LOW_MEMORY, REASONS
from fedisora.store import generation_workers
from tests.support.rendering import Shop, until

STAGES = ("text", "denoise", "decode", "encode")


def test_a_finished_one_is_a_draft_with_its_cost(shop: Shop) -> None:
    shop.house.db.write_now(lambda uow: generation_workers.register(uow, "one"))
    row = shop.make(shop.ask())
    media = shop.house.db.read_now(lambda session: session.get_one(Media, row.media_id))
    assert (row.state, row.progress, row.worker, row.attempt, row.lease_owner) == ("draft", 1.0, "one", 1, None)
    assert row.timings is not None and {"load", "denoise"} <= set(row.timings)
    assert row.gpu_seconds is not None and 0 < row.gpu_seconds < 60 and row.energy_wh is None, "nobody said how much power"
    assert media.blurhash and media.size and media.audio is False
    assert {path.suffix for path in shop.files()} == {".mp4", ".webp"}
    worker = shop.house.db.read_now(generation_workers.everybody)[0]
    assert (worker.state, worker.done, worker.generation_id) == ("idle", 1, None)


def test_energy_is_power_times_time(shop: Shop) -> None:
    generation = shop.ask(gpu_seconds=50.0, energy_wh=5.0)

    async def work(host: Host) -> None:
        host._meter = Meter(360.0, "")
        await host.run_once()

    shop.run(work)
    row = shop.row(generation)
    assert row.gpu_seconds is not None and row.gpu_seconds > 50, "what attempts before took counts"
    assert row.energy_wh == pytest.approx(5.0 + 0.1 * (row.gpu_seconds - 50), abs=1e-3)
    claims = shop.house.db.read_now(lambda session: [json.loads(item.body) for item in session.scalars(
        select(ClaimRow).where(ClaimRow.media_id == row.media_id, ClaimRow.extension == "energy"))])
    assert [claim["powerWatts"] for claim in claims] == ["360"], "what is signed is what the queue shows"


@pytest.mark.parametrize("fault", [str(int(signal.SIGSEGV)), "error"])
def test_what_fails_three_times_has_failed(shop: Shop, fault: str) -> None:
    generation = shop.ask(f"denoise:{fault}", "faulty")

    async def work(host: Host) -> None:
        for _ in range(3):
            shop.change(generation, run_at=shop.house.db.clock())  # its pause is over
            assert await host.run_once()
        assert not await host.run_once()

    shop.run(work)
    row = shop.row(generation)
    code = "backend-failed" if fault == "error" else "crashed"
    assert (row.state, row.code, row.error, row.attempt) == ("failed", code, REASONS[code], 3)
    assert row.last_error and shop.files() == []


def test_a_child_killed_at_any_stage_is_a_pause(shop: Shop) -> None:
    async def work(host: Host) -> None:
        for stage in STAGES:
            generation = shop.ask(f"{stage}:{int(signal.SIGKILL)}", "faulty")
            assert await host.run_once()
            row = shop.row(generation)
            assert (row.state, row.attempt, row.lease_owner) == ("queued", 1, None) and "SIGKILL" in str(row.last_error)
            shop.change(generation, state="failed")

    shop.run(work)
    assert shop.files() == []


def test_after_a_crash_the_next_try_makes_it(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The child dies while it loads its model; the job waits a moment, then it is made by another child."""
    generation = shop.ask("text:nothing", "faulty")
    flag = tmp_path / "flag"
    flag.write_text(str(int(signal.SIGKILL)))

    async def work(host: Host) -> None:
        host.runner = Runner(environment={"FAULTY_LOAD": str(flag)})
        assert await host.run_once()
        row = shop.row(generation)
        assert (row.state, row.attempt) == ("queued", 1) and "SIGKILL" in str(row.last_error)
        flag.unlink()
        shop.change(generation, run_at=shop.house.db.clock())
        assert await host.run_once()

    shop.run(work)
    row = shop.row(generation)
    assert (row.state, row.attempt, row.last_error) == ("draft", 2, None)


def test_out_of_memory_is_tried_once_more_with_less(shop: Shop) -> None:
    row = shop.make(shop.ask("denoise:oom", "faulty", options={"adjusted": ["Seven seconds are the most."]}))
    assert (row.state, row.attempt) == ("draft", 1)
    assert row.options["low_memory"] is True and row.options["adjusted"][1:] == [LOW_MEMORY], "and it says so"
    row = shop.make(shop.ask("denoise:hopeless", "faulty"))
    assert (row.state, row.code, row.attempt) == ("failed", "out-of-memory", 1)


def test_a_model_that_cannot_be_loaded_is_left_to_others(shop: Shop, tmp_path: Path) -> None:
    first, second = shop.ask("a", "faulty"), shop.ask("b", "faulty")
    flag = tmp_path / "flag"
    flag.write_text("missing")

    async def work(host: Host) -> list[str]:
        host.runner = Runner(environment={"FAULTY_LOAD": str(flag)})
        assert await host.run_once()
        assert not await host.run_once(), "the other one is not burnt, too"
        return host.problems()

    problems = shop.run(work)
    row = shop.row(first)
    assert (row.state, row.code, row.error) == ("failed", "model-unavailable", REASONS["model-unavailable"])
    assert shop.row(second).state == "queued"
    assert problems == ["faulty: The weights of faulty are missing: run `fedisora model fetch faulty`."]


@pytest.mark.parametrize("stage", STAGES)
def test_cancelled_at_every_stage(shop: Shop, stage: str) -> None:
    generation = shop.ask(f"{stage}:linger", "faulty")

    async def work(host: Host) -> bool:
        job = asyncio.create_task(host.run_once())
        await until(lambda: shop.row(generation).stage == stage)
        shop.change(generation, cancel_requested=True)
        begun = asyncio.get_running_loop().time()
        assert await job
        assert asyncio.get_running_loop().time() - begun < 2
        return host.runner.warm(Spec("faulty", "faulty")) or host.runner.pid is not None

    assert shop.run(work), "the child stays"
    row = shop.row(generation)
    assert (row.state, row.code, row.error) == ("cancelled", "cancelled-by-author", REASONS["cancelled-by-author"])
    assert shop.files() == []


def test_cancelled_while_the_model_loads(shop: Shop, tmp_path: Path) -> None:
    generation = shop.ask("text:nothing", "faulty")
    flag = tmp_path / "flag"
    flag.write_text("slow")

    async def work(host: Host) -> None:
        host.runner = Runner(environment={"FAULTY_LOAD": str(flag)})
        job = asyncio.create_task(host.run_once())
        await until((tmp_path / "begun").exists)
        shop.change(generation, cancel_requested=True, code="cancelled-by-admin")
        assert await asyncio.wait_for(job, 10)
        assert host.runner.pid is None
        flag.unlink()
        assert shop.row(generation).code == "cancelled-by-admin"
        again = shop.ask("text:nothing", "faulty")
        assert await host.run_once()
        assert shop.row(again).state == "draft"

    shop.run(work)


def test_a_deaf_child_is_killed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedisora.generation.process.GRACE_SECONDS", 0.3)
    generation = shop.ask("denoise:deaf", "faulty")

    async def work(host: Host) -> None:
        job = asyncio.create_task(host.run_once())
        await until(lambda: shop.row(generation).stage == "denoise")
        shop.change(generation, cancel_requested=True)
        assert await asyncio.wait_for(job, 10)

    shop.run(work)
    assert shop.row(generation).state == "cancelled"


@pytest.mark.parametrize(("limits", "silence", "stopped"), [({"denoise": 0.4}, 60.0, False), ({"denoise": 60.0}, 2.5, True)])
def test_a_stuck_one_is_ended(shop: Shop, limits: dict[str, float], silence: float, stopped: bool) -> None:
    """No progress within the stage's limit; or no sign of life at all, from a process that was stopped."""
    generation = shop.ask("denoise:deaf", "faulty")

    async def work(host: Host) -> None:
        job = asyncio.create_task(host.run_once())
        await until(lambda: shop.row(generation).stage == "denoise")
        if stopped:
            os.kill(host.runner.pid or 0, signal.SIGSTOP)
        assert await asyncio.wait_for(job, 20)

    shop.run(work, stalls={"load": 60.0, "text": 60.0, "decode": 60.0, "encode": 60.0, **limits}, silence=silence)
    row = shop.row(generation)
    assert row.state == "queued" and str(row.last_error).startswith("no sign of life" if stopped else "no progress")


def test_the_child_is_replaced_when_it_grows_or_is_old(shop: Shop, tmp_path: Path) -> None:
    def values(name: str, prompt: str) -> dict[str, Any]:
        return {"id": name, "prompt": prompt, "seed": 1, "width": 64, "height": 64, "seconds": 0.25, "fps": 8,
                "output": str(tmp_path / "out.mp4")}

    async def pids(runner: Runner, prompts: list[str]) -> list[int | None]:
        found = []
        try:
            for number, prompt in enumerate(prompts):
                await runner.generate(values(str(number), prompt), lambda *step: None, spec=Spec("faulty", "faulty"))
                found.append(runner.pid)
        finally:
            await runner.close()
        return found

    assert GROWTH > 1
    first, grown = asyncio.run(pids(Runner(), ["text:nothing", "text:leak"]))
    assert first is not None and grown is None
    one, old = asyncio.run(pids(Runner(recycle=2), ["text:nothing", "text:nothing"]))
    assert one is not None and old is None

    async def idle() -> None:
        runner = Runner(keep_warm=0.05)
        await runner.generate(values("1", "text:nothing"), lambda *step: None, spec=Spec("faulty", "faulty"))
        assert runner.warm(Spec("faulty", "faulty"))
        await until(lambda: runner.pid is None, seconds=4)
        await runner.close()

    asyncio.run(idle())


def test_another_model_is_another_child(shop: Shop) -> None:
    rows = [shop.ask(model=model, **({"prompt": "text:nothing"} if model == "faulty" else {}))
            for model in ("procedural", "faulty", "faulty", "procedural")]

    async def work(host: Host) -> list[int | None]:
        found = []
        while await host.run_once():
            found.append(host.runner.pid)
        return found

    pids = shop.run(work)
    assert {shop.row(row).state for row in rows} == {"draft"}
    assert pids[1] == pids[2] and len(set(pids)) == 3


class Judge:
    """A gate that says what it was told to, and keeps what it saw."""

    name, stages, when_broken = "judge", frozenset({"frames"}), "closed"

    def __init__(self, decision: Any) -> None:
        self.verdict = Verdict(decision, "flashes", "It flashes too fast.", {"hertz": 9})
        self.seen: list[Subject] = []

    async def check(self, stage: str, subject: Subject) -> Verdict:
        assert subject.output is not None and subject.output.stat().st_size > 0
        self.seen.append(subject)
        return self.verdict


@pytest.mark.parametrize(("decision", "state", "files"), [("deny", "rejected", 0), ("hold", "held", 2), ("allow", "draft", 2)])
def test_the_gates_have_the_last_word(shop: Shop, monkeypatch: pytest.MonkeyPatch, decision: str, state: str, files: int) -> None:
    judge = Judge(decision)
    monkeypatch.setattr(shop.house, "gates", Gates([judge]))  # type: ignore[list-item]
    row = shop.make(shop.ask("waves", options={"negative_prompt": "people"}))
    assert (row.state, len(shop.files())) == (state, files)
    assert (row.media_id is None) == (decision == "deny")
    assert judge.seen[0].negative_prompt == "people" and judge.seen[0].generation_id == row.id
    noted = shop.house.db.read_now(lambda session: [(item.stage, item.decision, item.state) for item in session.scalars(
        select(Screening))])
    assert noted == {"allow": [], "deny": [("frames", "deny", "denied")], "hold": [("frames", "hold", "open")]}[decision]
    if decision != "allow":
        assert (row.code, row.error) == ("flashes", "It flashes too fast.")


def test_one_that_is_to_become_a_post_is_passed_on(shop: Shop) -> None:
    row = shop.make(shop.ask(publish_as={"text": "look"}))
    assert row.state == "publishing"
    jobs = shop.house.db.read_now(lambda session: [(job.kind, job.payload) for job in session.scalars(select(Job).where(
        Job.kind == "publish_generation"))])
    assert jobs == [("publish_generation", {"generation_id": row.id})]


def test_a_source_that_is_gone_is_said(shop: Shop) -> None:
    row = shop.make(shop.ask(task="image", input_media_id=123))
    assert (row.state, row.code, row.error) == ("failed", "input-missing", REASONS["input-missing"])


def test_a_source_is_given_to_the_backend_and_the_gates(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.row(shop.make(shop.ask("waves")).id)
    judge = Judge("allow")
    monkeypatch.setattr(shop.house, "gates", Gates([judge]))  # type: ignore[list-item]
    row = shop.make(shop.ask("text:source", "faulty", task="video", input_media_id=first.media_id, options={"strength": 0.5}))
    assert row.state == "draft" and [path.suffix for path in judge.seen[0].inputs] == [".mp4"]
    assert row.result is not None and row.result["parameters"]["source"] > 1000 and row.result["parameters"]["strength"] == 0.5


@pytest.mark.parametrize(("source", "result"), [(TRAINED, COMPOSITE_TRAINED), (COMPOSITE_TRAINED, COMPOSITE_TRAINED),
                                                (CAPTURE, None), (None, None)])
def test_what_starts_from_ai_says_so_whatever_moved_it(shop: Shop, source: str | None, result: str | None) -> None:
    first = shop.row(shop.make(shop.ask("waves")).id)
    shop.house.db.write_now(lambda uow: setattr(uow.session.get_one(Media, first.media_id), "digital_source_type", source))
    row = shop.make(shop.ask("text:source", "faulty", task="video", input_media_id=first.media_id))
    found = shop.house.db.read_now(lambda session: session.get_one(Media, row.media_id).digital_source_type)
    assert row.result is not None and found == (result or row.result["digital_source_type"])


def test_progress_is_written_four_times_a_second_at_most(shop: Shop) -> None:
    written: list[float] = []

    def count(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("UPDATE generations SET stage"):
            written.append(time.monotonic())

    engine = shop.house.db.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        assert shop.make(shop.ask(seconds=5.0, fps=24, frames=120)).state == "draft"
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert all(later - sooner > 0.2 for sooner, later in pairwise(written)), written


def test_a_draining_worker_takes_nothing(shop: Shop) -> None:
    db = shop.house.db
    db.write_now(lambda uow: generation_workers.register(uow, "one"))
    assert db.write_now(lambda uow: generation_workers.drain(uow, "one"))
    assert not db.write_now(lambda uow: generation_workers.drain(uow, "nobody"))
    generation = shop.ask()
    assert shop.make(generation).state == "queued"
    db.write_now(lambda uow: generation_workers.drain(uow, "one", False))
    assert shop.make(generation).state == "draft"


def test_a_stop_gives_it_back_and_no_attempt_is_counted(shop: Shop) -> None:
    generation = shop.ask("denoise:linger", "faulty")

    async def work(host: Host) -> None:
        job = asyncio.create_task(host.run_once())
        await until(lambda: shop.row(generation).stage == "denoise")
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    shop.run(work)
    row = shop.row(generation)
    assert (row.state, row.attempt, row.lease_owner) == ("queued", 0, None)


def test_how_long_a_stage_may_take() -> None:
    watch = Watch({"load": 600.0, "denoise": 120.0}, silence=60.0)
    watch.begin(0.0)
    assert watch.left(10.0) == 50.0, "it said nothing yet"
    watch.heard(100.0)
    assert watch.left(100.0) == 60.0
    for step in range(1, 5):
        watch.moved("denoise", step / 10, 100.0 + 30.0 * step)
        watch.heard(100.0 + 30.0 * step)
    assert watch.limit == 300.0, "ten times the median step"
    watch.moved("denoise", 0.4, 230.0)
    watch.heard(400.0)
    assert watch.left(400.0) == 60.0 and watch.why(521.0).startswith("no sign of life for 121 s")
    watch.heard(521.0)
    assert watch.why(521.0) == "no progress for 301 s in stage denoise"


def test_a_run_that_fails_says_why(shop: Shop, tmp_path: Path) -> None:
    async def go() -> None:
        runner = Runner()
        try:
            with pytest.raises(RunFailed) as failed:
                await runner.generate({"id": "1"}, lambda *step: None, spec=Spec("magic"))
            assert failed.value.code == "crashed", "not a request"
            values = {"id": "2", "prompt": "", "seed": 1, "width": 64, "height": 64, "seconds": 1, "fps": 8, "output": "x"}
            with pytest.raises(RunFailed) as failed:
                await runner.generate(values, lambda *step: None, spec=Spec("magic"))
            assert failed.value.code == "model-unavailable" and "magic" in str(failed.value)
        finally:
            await runner.close()

    asyncio.run(go())


def test_folders_of_killed_workers_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine, left = scratch.make(), tmp_path / f"{scratch.PREFIX}99999999-x"
    left.mkdir()
    assert scratch.clear() == 0, "it may be another container's"
    assert scratch.clear(time.time() + scratch.STALE + 1) == 1
    assert mine.exists() and not left.exists()
