"""Workers as real processes that are killed, stopped and raced: each video is made exactly once."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from fedisora.models import Generation, GenerationWorker, Media
from tests.support.instances import eventually
from tests.support.proxy import Relay
from tests.support.rendering import Shop, install_faulty

pytestmark = pytest.mark.faults
NO_REDIS = "redis://127.0.0.1:1/0"
"""Nobody listens there: workers start all the same, and find rows by their sweep."""
LEASE = "1"


class Crew:
    """An instance, and worker processes that are started for it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.packages = install_faulty(folder / "packages")
        self.shop = Shop.open(folder / "data", database_url)
        self.log = folder / "workers.log"
        path = os.pathsep.join(filter(None, [str(self.packages), os.environ.get("PYTHONPATH", "")]))
        self._env = {**os.environ, "PYTHONPATH": path, "FEDISORA_BASE_URL": "https://here.example",
                     "FEDISORA_DATA_DIR": str(folder / "data"), "FEDISORA_DATABASE_URL": database_url,
                     "FEDISORA_GENERATION_BACKEND": "faulty", "FEDISORA_GENERATION_MODELS": "procedural"}
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *options: str, redis: str = NO_REDIS, lease: str = LEASE) -> subprocess.Popen[bytes]:
        env = self._env | {"FEDISORA_REDIS_URL": redis, "FEDISORA_GENERATION_LEASE_SECONDS": lease}
        with self.log.open("ab") as log:
            worker = subprocess.Popen([sys.executable, "-m", "fedisora", "worker", "generation", "--name", name, *options],
                                      env=env, stdout=log, stderr=log, start_new_session=True)
        self._running.append(worker)
        return worker

    def hold(self, stage: str) -> Path:
        """While this file is there, the prompt `STAGE:wait` waits at that stage, and with `load` every loading does."""
        flag = self.packages / ("slow" if stage == "load" else f"wait-{stage}")
        flag.touch()
        return flag

    def reaches(self, generation_id: int, *, stage: str = "", state: str = "running", what: str = "") -> Generation:
        def look() -> Generation | None:
            row = self.shop.row(generation_id)
            return row if row.state == state and (not stage or row.stage == stage) else None

        try:
            found = eventually(look, seconds=60, what=what or f"{state} {stage}")
        except AssertionError as error:
            row = self.shop.row(generation_id)
            raise AssertionError(f"{error}: {row.state} {row.stage} {row.last_error}\n{self.log.read_text()[-3000:]}") from error
        assert found is not None
        return found

    def complaints(self) -> str:
        """What the workers logged, Redis aside."""
        return "\n".join(line for line in self.log.read_text().splitlines() if "127.0.0.1:1" not in line and "[info" not in line)

    def media(self) -> int:
        return self.shop.house.db.read_now(lambda session: session.scalar(select(func.count()).select_from(Media))) or 0

    def workers(self) -> dict[str, str]:
        return dict(self.shop.house.db.read_now(lambda session: [
            (row.name, row.state) for row in session.scalars(select(GenerationWorker))]))

    def close(self) -> None:
        for worker in self._running:
            if worker.poll() is None:
                worker.kill()
            worker.wait(10)
        self.shop.close()


@pytest.fixture
def crew(tmp_path: Path, database_url: str) -> Iterator[Crew]:
    found = Crew(tmp_path, database_url)
    yield found
    found.close()


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Crew]:
    """The same on SQLite only, where the database makes no difference."""
    found = Crew(tmp_path, "")
    yield found
    found.close()


def child_of(worker: subprocess.Popen[bytes]) -> psutil.Process:
    def look() -> psutil.Process | None:
        return next((child for child in psutil.Process(worker.pid).children() if "fedisora.generation.runner" in child.cmdline()),
                    None)

    found = eventually(look, what="the child renders")
    assert found is not None
    return found


def test_two_workers_race_for_twenty(crew: Crew) -> None:
    rows = [crew.shop.ask(f"thought {number}") for number in range(20)]
    for name in ("a", "b"):
        crew.start(name, lease="15")  # the default: a busy machine may well keep a process from running for a second
    for row in rows:
        crew.reaches(row, state="draft")
    found = [crew.shop.row(row) for row in rows]
    assert {row.attempt for row in found} == {1}, crew.complaints()
    assert len({row.media_id for row in found}) == crew.media() == 20
    assert len(crew.shop.files()) == 40
    assert set(crew.workers()) == {"a", "b"}


def test_a_stopped_worker_that_goes_on_changes_nothing(crew: Crew) -> None:
    """SIGSTOP past the lease: another worker makes the video; what the first one made, too, is thrown away."""
    flag = crew.hold("denoise")
    generation = crew.shop.ask("denoise:wait", "faulty")
    first = crew.start("a")
    crew.reaches(generation, stage="denoise")
    child = child_of(first)
    first.send_signal(signal.SIGSTOP)
    flag.unlink()  # its child goes on and finishes, nobody listens to it
    crew.start("b")
    made = crew.reaches(generation, state="draft")
    assert (made.attempt, made.worker) == (2, "b")
    before = crew.shop.files()
    assert len(before) == 2
    first.send_signal(signal.SIGCONT)
    again = [crew.shop.ask(f"afterwards {number}") for number in range(4)]
    for row in again:
        crew.reaches(row, state="draft")
    eventually(lambda: crew.workers()["a"] == "idle", what="the first one is through")
    now = crew.shop.row(generation)
    assert (now.state, now.media_id, now.attempt, now.worker) == ("draft", made.media_id, 2, "b")
    assert crew.media() == 5 and len(crew.shop.files()) == 10 and set(before) <= set(crew.shop.files())
    assert first.poll() is None and child.is_running() is not None


def test_killed_workers_take_their_children_along_and_others_go_on(lone: Crew) -> None:
    """kill -9 at one stage after the other: whoever comes next finishes what was left, and is killed in turn."""
    stages = ("load", "denoise", "encode")
    rows = [lone.shop.ask(f"{stage}:wait", "faulty", priority=-number) for number, stage in enumerate(stages)]
    flags = [lone.hold(stage) for stage in stages]
    for number, stage in enumerate(stages):
        worker = lone.start(f"w{number}")
        lone.reaches(rows[number], stage=stage)
        child = child_of(worker)
        worker.kill()
        assert not psutil.wait_procs([child], timeout=5)[1], "no orphan keeps the GPU"
        flags[number].unlink()
    lone.start("last")
    lone.reaches(rows[-1], state="draft")
    found = [lone.shop.row(row) for row in rows]
    assert [(row.state, row.attempt) for row in found] == [("draft", 2)] * 3
    assert [row.worker for row in found] == ["w1", "w2", "last"]
    assert len(lone.shop.files()) == 6


def test_sigterm_finishes_what_is_made_and_a_second_one_gives_it_back(lone: Crew) -> None:
    flag = lone.hold("denoise")
    present, next_one = lone.shop.ask("denoise:wait", "faulty"), lone.shop.ask("later")
    first = lone.start("a")
    lone.reaches(present, stage="denoise")
    first.send_signal(signal.SIGTERM)
    eventually(lambda: "takes nothing new" in lone.log.read_text(), what="it was heard")
    flag.unlink()
    lone.reaches(present, state="draft")
    assert first.wait(20) == 0
    assert lone.shop.row(next_one).state == "queued" and lone.workers() == {}

    lone.hold("encode")
    other = lone.shop.ask("encode:wait", "faulty", priority=1)
    second = lone.start("b")
    lone.reaches(other, stage="encode")
    second.send_signal(signal.SIGTERM)
    eventually(lambda: lone.log.read_text().count("takes nothing new") == 2, what="it was heard")
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0
    row = lone.shop.row(other)
    assert (row.state, row.attempt, row.lease_owner) == ("queued", 0, None), "at once, and the attempt does not count"


def test_redis_away_at_the_start_and_in_between_loses_nothing(lone: Crew, redis_url: str) -> None:
    with Relay(redis_url, 6379) as relay:
        relay.cut()
        first = lone.shop.ask("before Redis")
        worker = lone.start("a", redis=relay.url)
        lone.reaches(first, state="draft")
        relay.mend()
        flag = lone.hold("denoise")
        second = lone.shop.ask("denoise:wait", "faulty")
        lone.reaches(second, stage="denoise")
        relay.cut()
        flag.unlink()
        lone.reaches(second, state="draft")
        third = lone.shop.ask("while it is away")
        lone.reaches(third, state="draft")
        relay.mend()
        lone.reaches(lone.shop.ask("afterwards"), state="draft")
        assert worker.poll() is None
        assert {lone.shop.row(row).attempt for row in (first, second, third)} == {1}


def test_one_video_and_no_more(lone: Crew) -> None:
    one, two = lone.shop.ask("one"), lone.shop.ask("two")
    assert lone.start("a", "--once", "--models", "procedural").wait(60) == 0
    assert (lone.shop.row(one).state, lone.shop.row(two).state) == ("draft", "queued")
    assert lone.start("b", "--models", "magic").wait(60) == 2
    assert "There is no model" in lone.log.read_text()
